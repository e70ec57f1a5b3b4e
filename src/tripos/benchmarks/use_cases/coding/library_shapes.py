"""Reference modules over nested structures, graphs, grids and intervals."""

from __future__ import annotations

from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.module import Draws, Module
from tripos.benchmarks.use_cases.coding.words import invented


def _nested(rng: Random, depth: int = 0) -> list[Any]:
    return [
        _nested(rng, depth + 1) if depth < 4 and rng.random() < 0.4 else rng.randint(0, 9) for _ in range(rng.randint(0 if depth else 1, 4))
    ]


def _task_tree(rng: Random, depth: int = 0) -> dict[str, Any]:
    width = rng.randint(0 if depth else 1, 3) if depth < 3 else 0
    return {
        "cost": rng.randint(0, 9),
        "done": rng.random() < (0.25 if depth else 0.1),
        "parts": [_task_tree(rng, depth + 1) for _ in range(width)],
    }


def _network(rng: Random) -> dict[str, list[str]]:
    places = [invented(rng) for _ in range(rng.randint(3, 8))]
    return {place: rng.sample(places, rng.randint(1, 2)) for place in places}


def _journey(rng: Random, d: Draws) -> list[Any]:
    graph = _network(rng)
    return [graph, next(iter(graph))]


def _needs(rng: Random) -> list[Any]:
    jobs = [invented(rng) for _ in range(rng.randint(1, 7))]
    graph = {job: rng.sample(jobs[:i], rng.randint(0, min(2, i))) for i, job in enumerate(jobs)}
    if rng.random() < 0.2:
        graph[jobs[0]] = [jobs[-1]]
    return [{job: graph[job] for job in sorted(jobs)}]


def _bookings(rng: Random, d: Draws) -> list[Any]:
    spans = []
    for _ in range(rng.randint(0, 6)):
        start = rng.randint(d["open"] - 3, d["close"])
        spans.append([start, start + rng.randint(1, 5)])
    return [spans]


def _grid(rng: Random) -> list[Any]:
    width, height = rng.randint(2, 7), rng.choice((0, 1, 3, 4, 5, 6))
    return [["".join(rng.choice("##...") for _ in range(width)) for _ in range(height)]]


def _document(rng: Random, d: Draws) -> list[Any]:
    def node(depth: int) -> Any:
        shape = rng.random()
        if depth == 3 or (shape < 0.2 and depth):
            return rng.randint(0, 99)
        if shape < 0.5 and depth:
            return [node(depth + 1) for _ in range(rng.randint(0, 3))]
        return {key: node(depth + 1) for key in rng.sample(keys, rng.randint(1, 3))}

    keys = [invented(rng, 1) for _ in range(3)]
    tree = node(0)
    return [tree, d["dot"].join(_path(rng, tree, keys))]


def _path(rng: Random, tree: Any, keys: list[str]) -> list[str]:
    """A path that mostly exists and sometimes goes wrong at the last step."""
    path: list[str] = []
    while isinstance(tree, (dict, list)) and tree and len(path) < 4:
        step = rng.choice(list(tree)) if isinstance(tree, dict) else rng.randrange(len(tree))
        path.append(str(step))
        tree = tree[step]
        if rng.random() < 0.15:
            break
    return [*path, rng.choice([*keys, "0", "1", "2"])] if rng.random() < 0.3 or not path else path


SHAPES = (
    Module("shapes", ("unfold", "flatten_some", "level_out"), '''\
def @main(@items):
    """Flatten a nested list of integers by at most @depth levels.

    Lists inside the list are replaced by their elements; that is done for lists nested up to @depth levels deep. Lists
    that are nested deeper are replaced by the sum of all integers in them, at whatever depth (0 if there are none).
    """

    def weight(@part):
        if isinstance(@part, int):
            return @part
        return sum(weight(@item) for @item in @part)

    def spread(@part, level):
        @out = []
        for @item in @part:
            if isinstance(@item, int):
                @out.append(@item)
            elif level < @depth:
                @out.extend(spread(@item, level + 1))
            else:
                @out.append(weight(@item))
        return @out

    return spread(@items, 0)
''', lambda rng, d: [_nested(rng)], {"depth": (1, 2)}),
    Module("shapes", ("work_left", "open_cost", "remaining"), '''\
def @main(task):
    """Cost that is still open in a tree of tasks.

    A task is {"cost": number, "done": bool, "parts": list of tasks}. A task that is done has no open cost, nor have its
    parts. A task without parts has its own cost. A task with parts has the sum of its parts' open costs, plus its own
    cost if at least @k of its parts are not done (done as marked, whatever their own parts).
    """
    if task["done"]:
        return 0
    if not task["parts"]:
        return task["cost"]
    @total = 0
    unfinished = 0
    for @part in task["parts"]:
        @total += @main(@part)
        if not @part["done"]:
            unfinished += 1
    if unfinished >= @k:
        @total += task["cost"]
    return @total
''', lambda rng, d: [_task_tree(rng)], {"k": (1, 2)}),
    Module("shapes", ("within_reach", "nearby", "reachable"), '''\
def @main(graph, @start):
    """Names that can be reached from @start in at most @hops steps.

    graph is a dictionary from name to the list of names one step away. Returns a list of [name, steps] with the smallest
    number of steps, @start itself (0 steps) left out, ordered by steps and, where these are equal, by name.
    """
    steps = {@start: 0}
    front = [@start]
    for distance in range(1, @hops + 1):
        following = []
        for place in front:
            for other in graph[place]:
                if other not in steps:
                    steps[other] = distance
                    following.append(other)
        front = following
    del steps[@start]
    return sorted(([place, steps[place]] for place in steps), key=lambda pair: (pair[1], pair[0]))
''', _journey, {"hops": (2, 3)}),
    Module("shapes", ("waves", "build_order", "in_rounds"), '''\
def @main(needs):
    """Plan jobs in rounds.

    needs is a dictionary from job to the list of jobs that must be finished before it; all of them are keys too. In each
    round all jobs are done whose needs were all met in earlier rounds, but at most @most of them, in alphabetical
    order; the others wait. Returns the list of rounds, each a list of jobs. Raises ValueError if jobs remain that can
    never be done.
    """
    waiting = sorted(needs)
    finished = []
    @out = []
    while waiting:
        ready = []
        for job in waiting:
            if all(need in finished for need in needs[job]):
                ready.append(job)
        if not ready:
            raise ValueError("jobs need each other")
        now = ready[:@most]
        @out.append(now)
        finished = finished + now
        waiting = [job for job in waiting if job not in now]
    return @out
''', lambda rng, d: _needs(rng), {"most": (2, 3)}),
    Module("shapes", ("free_slots", "openings", "gaps_left"), '''\
def @main(bookings):
    """Free times of a room that is open from @open to @close.

    bookings is a list of [from, to] with from < to, in any order; they may overlap and may lie partly or wholly outside
    the opening hours. Returns the list of [from, to] of all times within the opening hours without any booking, each as
    long as possible, in order; free times shorter than @least are left out.
    """
    @out = []
    clock = @open
    for begin, end in sorted(bookings):
        begin = min(begin, @close)
        if begin - clock >= @least:
            @out.append([clock, begin])
        clock = max(clock, end)
    if @close - clock >= @least:
        @out.append([clock, @close])
    return @out
''', _bookings, {"open": (6, 7, 8, 9), "close": (18, 19, 20, 22), "least": (2, 3)}),
    Module("shapes", ("patches", "field_sizes", "islands_of"), '''\
def @main(rows):
    """Sizes of the connected patches of '#' in a grid, given as a list of equally long strings.

    Cells belong together if they are neighbours in a row or in a column (not diagonally). Returns the sizes of all
    patches of at least @least cells, largest first.
    """
    todo = {(y, x) for y in range(len(rows)) for x in range(len(rows[y])) if rows[y][x] == "#"}
    @out = []
    while todo:
        stack = [min(todo)]
        todo.remove(stack[0])
        size = 0
        while stack:
            y, x = stack.pop()
            size += 1
            for cell in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]:
                if cell in todo:
                    todo.remove(cell)
                    stack.append(cell)
        if size >= @least:
            @out.append(size)
    return sorted(@out, reverse=True)
''', lambda rng, d: _grid(rng), {"least": (2, 3)}),
    Module("shapes", ("dig", "look_up_path", "fetch_at"), '''\
def @main(tree, path):
    """Look a value up in nested dictionaries and lists by a path such as "a@{dot}b@{dot}0".

    The parts of the path are separated by "@dot". In a dictionary a part is a key. In a list it is a position, counted
    from 0, of decimal digits only. Returns @missing if a part cannot be followed: an unknown key, a part that is no
    position in this list, or anything below a number. If what the path leads to is a dictionary or a list, its number of
    entries is returned.
    """
    for @part in path.split("@dot"):
        if isinstance(tree, dict):
            if @part not in tree:
                return @missing
            tree = tree[@part]
        elif isinstance(tree, list):
            if not @part.isdigit() or int(@part) >= len(tree):
                return @missing
            tree = tree[int(@part)]
        else:
            return @missing
    if isinstance(tree, (dict, list)):
        return len(tree)
    return tree
''', _document, {"dot": (".", "/", ">"), "missing": (-1, -7, -99)}),
)  # fmt: skip
