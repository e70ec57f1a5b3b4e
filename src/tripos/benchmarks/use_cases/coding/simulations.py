"""Programs that simulate a small world: a robot on a grid, jobs before a counter, a stack machine with invented words."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.steps import MODULO, Program, Value
from tripos.benchmarks.use_cases.coding.words import invented, ordinal

_TURNS = ((0, -1), (1, 0), (0, 1), (-1, 0))  # north, east, south, west; y grows to the south


def simulation(rng: Random, rules: int) -> tuple[Program, str]:
    """One of the three worlds with `rules` extra rules."""
    return rng.choice((_robot, _stack, _counter))(rng, rules)


# ------------------------------------------------------------------------------------------------------------ the robot


def _robot(rng: Random, rules: int) -> tuple[Program, str]:
    width, height, leap, turbo = rng.randint(3, 6), rng.randint(3, 6), rng.randint(2, 3), rng.randint(2, 4)
    wraps = rng.random() < 0.5
    letters = rng.sample("ABCDEGHJKLMPQRTUVXZ", 5)
    go, left, right, jump, paint = letters
    known = letters[:3] + [jump] * (rules > 2) + [paint] * (rules > 3)
    edge = ("leaves the grid on one side and enters it on the opposite one" if wraps
            else "stays where it is, and the bump counter goes up by one, if the step would leave the grid")  # fmt: skip
    told = [
        f"{go}: the robot moves one cell in the direction it faces; it {edge}.",
        f"{left}: it turns left on the spot (from north to west). {right}: it turns right on the spot (from north to east).",
    ]
    if rules > 2:
        told.append(f"{jump}: it does the same as {leap} times {go}, one after another.")
    if rules > 3:
        told.append(
            f"{paint}: it paints the cell it stands on; if that cell is painted already, it removes the paint and turns round by 180°."
        )
    told.append(f"Every other character is ignored, but every {ordinal(turbo)} ignored character makes it turn right once.")
    bumps = "" if wraps else ", number of bumps"
    paints = ", number of painted cells at the end" if rules > 3 else ""
    told.append(
        f"Return a list of integers: [x, y, number of different cells it has stood on (the starting cell included){bumps}{paints}]."
    )
    settings = {"width": width, "height": height, "wraps": wraps, "leap": leap, "turbo": turbo, "known": known, "rules": rules}

    def runner(**change: Any) -> Callable[[Value], Value]:
        return lambda v: _drive(v, **{**settings, **change})

    program = Program(
        family="simulation",
        given="`{arg}` is a string of capital letters; it may be empty.",
        lead=f"A robot stands on cell x = 0, y = 0 of a grid with x from 0 to {width - 1} (growing to the east) and y from 0 "
        f"to {height - 1} "
        "(growing to the south). It faces north. The string is read from left to right, one character at a time:",
        steps=tuple(told),
        notes=(),
        code=_robot_code(width, height, wraps, leap, turbo, known, rules),
        run=runner(),
        inputs=lambda r: "".join(r.choice([go, go, left, right, *known, r.choice("FINOSWY")]) for _ in range(r.randint(4, 22))),
        edges=("", go * 3),
        ablations=(*(runner(dead=letter) for letter in known), runner(turbo=10**6)),
    )
    return program, "list[int]"


def _drive(
    v: str, *, width: int, height: int, wraps: bool, leap: int, turbo: int, known: list[str], rules: int, dead: str = ""
) -> list[int]:
    x = y = facing = bumps = ignored = 0
    stood = {(0, 0)}
    painted: set[tuple[int, int]] = set()
    for c in v:
        order = known.index(c) if c in known and c != dead else -1
        if order in (0, 3):
            for _ in range(leap if order == 3 else 1):
                dx, dy = _TURNS[facing]
                inside = 0 <= x + dx < width and 0 <= y + dy < height
                if inside or wraps:
                    x, y = (x + dx) % width, (y + dy) % height
                else:
                    bumps += 1
                stood.add((x, y))
        elif order in (1, 2):
            facing = (facing + (-1 if order == 1 else 1)) % 4
        elif order == 4:
            facing = (facing + 2 * ((x, y) in painted)) % 4
            painted ^= {(x, y)}
        else:
            ignored += 1
            facing = (facing + (ignored % turbo == 0)) % 4
    return [x, y, len(stood), *([] if wraps else [bumps]), *([len(painted)] if rules > 3 else [])]


def _robot_code(width: int, height: int, wraps: bool, leap: int, turbo: int, known: list[str], rules: int) -> str:
    move = ["    x, y = (x + dx) % W, (y + dy) % H"] if wraps else [
        "    if 0 <= x + dx < W and 0 <= y + dy < H:", "        x, y = x + dx, y + dy", "    else:", "        bumps += 1"]  # fmt: skip
    lines = [
        f"W, H = {width}, {height}", "x = y = bumps = ignored = 0", "dx, dy = 0, -1", "stood = {(0, 0)}", "painted = set()", "for c in v:",
        "    steps = 0", f"    if c == {known[0]!r}:", "        steps = 1", f"    elif c == {known[1]!r}:", "        dx, dy = dy, -dx",
        f"    elif c == {known[2]!r}:", "        dx, dy = -dy, dx",
    ]  # fmt: skip
    if rules > 2:
        lines += [f"    elif c == {known[3]!r}:", f"        steps = {leap}"]
    if rules > 3:
        lines += [f"    elif c == {known[4]!r}:", "        if (x, y) in painted:", "            painted.remove((x, y))",
                  "            dx, dy = -dx, -dy", "        else:", "            painted.add((x, y))"]  # fmt: skip
    lines += ["    else:", "        ignored += 1", f"        if ignored % {turbo} == 0:", "            dx, dy = -dy, dx"]
    lines += ["    for _ in range(steps):", *("    " + line for line in move), "        stood.add((x, y))"]
    return "\n".join([*lines, "return [x, y, len(stood)" + ("" if wraps else ", bumps") + (", len(painted)" if rules > 3 else "") + "]"])


# ------------------------------------------------------------------------------------------------------ the stack machine

_WORDS: tuple[tuple[str, int, str, Callable[..., list[int]]], ...] = (
    ("copies the top number, so that it is there twice", 1, "stack += [a, a]", lambda a: [a, a]),
    ("exchanges the two top numbers", 2, "stack += [b, a]", lambda a, b: [b, a]),
    ("takes the two top numbers off and puts their sum on", 2, "stack += [a + b]", lambda a, b: [a + b]),
    ("takes off the top number b and the number a below it and puts a - b on", 2, "stack += [a - b]", lambda a, b: [a - b]),
    ("takes the two top numbers off and puts the larger one back", 2, "stack += [max(a, b)]", lambda a, b: [a if a > b else b]),
    ("takes the top number off and throws it away", 1, "pass", lambda a: []),
    ("brings the third number from the top up to the top, the two above it moving down by one place", 3, "stack += [b, c, a]",
     lambda a, b, c: [b, c, a]),
    ("copies the second number from the top onto the top", 2, "stack += [a, b, a]", lambda a, b: [a, b, a]),
    ("replaces the top number by its remainder on division by 7", 1, "stack += [a % 7]", lambda a: [a - a // 7 * 7]),
)  # fmt: skip


def _stack(rng: Random, rules: int) -> tuple[Program, str]:
    deeds = rng.sample(_WORDS, rules + 1)
    spoken: dict[str, tuple[str, int, str, Callable[..., list[int]]]] = {}
    while len(spoken) < len(deeds):
        spoken.setdefault(invented(rng, 1), deeds[len(spoken)])
    limit = rng.randint(5, 7)
    told = [f"The word {word!r} {says} (it needs {_numbers(need)})." for word, (says, need, _, _) in spoken.items()]
    told.append("A word that finds fewer numbers on the stack than it needs is skipped and changes nothing.")
    told.append(f"Whenever the stack holds more than {limit} numbers after a token, the bottom number is removed.")
    told.append("After the last token return the stack as a list, from bottom to top.")
    lines = ["stack = []", "for token in v:", f"    need = {({word: need for word, (_, need, _, _) in spoken.items()})!r}.get(token, 0)",
             "    if len(stack) < need:", "        continue", "    taken = stack[len(stack) - need:]",
             "    del stack[len(stack) - need:]"]  # fmt: skip
    for position, (word, (_, need, code, _)) in enumerate(spoken.items()):
        lines += [
            f"    {'if' if position == 0 else 'elif'} token == {word!r}:",
            f"        {', '.join('abc'[:need])}, = taken",
            f"        {code}",
        ]
    lines += ["    else:", "        stack.append(int(token))", f"    if len(stack) > {limit}:", "        del stack[0]", "return stack"]

    def runner(dead: str = "") -> Callable[[Value], Value]:
        return lambda v: _execute(v, {w: (d[1], d[3]) for w, d in spoken.items()}, limit, dead)

    def inputs(r: Random) -> Value:
        tokens = [str(r.randint(-9, 30)) for _ in range(r.randint(1, 4))]
        return tokens + [r.choice([str(r.randint(-9, 30)), *spoken]) for _ in range(r.randint(3, 12))]

    program = Program(
        family="simulation",
        given="`{arg}` is a list of strings, the tokens; each is a decimal integer (such as '12' or '-3') or one of the words below; "
        "the list "
        "may be empty.",
        lead="Run the tokens on a stack of integers, which is empty at first. A number is put on top. A word does this:",
        steps=tuple(told),
        notes=(MODULO,),
        code="\n".join(lines),
        run=runner(),
        inputs=inputs,
        edges=([], [next(iter(spoken))]),
        ablations=tuple(runner(word) for word in spoken),
    )
    return program, "list[int]"


def _numbers(need: int) -> str:
    return "1 number" if need == 1 else f"{need} numbers"


def _execute(v: list[str], words: dict[str, tuple[int, Callable[..., list[int]]]], limit: int, dead: str) -> list[int]:
    stack: list[int] = []
    for token in v:
        if token in words:
            need, deed = words[token]
            if token != dead and need <= len(stack):
                stack = stack[: len(stack) - need] + deed(*stack[len(stack) - need :])
        else:
            stack = [*stack, int(token)]
        stack = stack[-limit:]
    return stack


# ------------------------------------------------------------------------------------------------------------ the counter


def _counter(rng: Random, rules: int) -> tuple[Program, str]:
    servers, patience, rest, surcharge = rng.randint(2, 3), rng.randint(3, 6), rng.randint(1, 4), rng.randint(2, 4)
    told = [
        f"There are {servers} clerks, numbered from 0, all free at time 0. Customers are served in the order of the list.",
        "Each customer goes to the clerk who is free earliest (of several the one with the lowest number) and begins at the customer's "
        "arrival "
        "or when that clerk becomes free, whichever is later. The clerk becomes free again when the service has lasted its duration.",
    ]
    if rules > 2:
        told.append(
            f"A customer who would have to wait more than {patience} between arrival and beginning leaves at once and takes no clerk's "
            f"time."
        )
    if rules > 3:
        told.append(
            f"After every {ordinal(surcharge)} customer that the same clerk has served, that clerk rests for {rest} before becoming free."
        )
    what = rng.choice(("waits", "ends", "load"))
    told.append({
        "waits": "Return the list of waiting times (beginning minus arrival) of the customers who are served, in order.",
        "ends": "Return the list of the times at which the served customers' services end, in order (a rest does not count).",
        "load": "Return a list with, for each clerk in turn, the sum of the durations of the customers that clerk has served.",
    }[what])  # fmt: skip
    settings = {"servers": servers, "patience": patience if rules > 2 else 10**6, "rest": rest if rules > 3 else 0, "every": surcharge,
                "what": what}  # fmt: skip

    def runner(**change: Any) -> Callable[[Value], Value]:
        return lambda v: _serve(v, **{**settings, **change})

    def inputs(r: Random) -> Value:
        clock, out = 0, []
        for _ in range(r.randint(2, 12)):
            clock += r.choice((0, 0, 1, 1, 2, 4))
            out.append([clock, r.randint(1, 9)])
        return out

    cut = [runner(servers=servers + 1)] + [runner(patience=10**6)] * (rules > 2) + [runner(rest=0)] * (rules > 3)
    program = Program(
        family="simulation",
        given="`{arg}` is a list of customers, each a list [arrival, duration] of integers with arrival >= 0 and duration >= 1; "
        "arrivals never "
        "decrease; the list may be empty.",
        lead="Simulate a counter:",
        steps=tuple(told),
        notes=(),
        code=_counter_code(settings),
        run=runner(),
        inputs=inputs,
        edges=([], [[2, 5]]),
        ablations=tuple(cut),
    )
    return program, "list[int]"


def _serve(v: list[list[int]], *, servers: int, patience: int, rest: int, every: int, what: str) -> list[int]:
    free, served, load = [0] * servers, [0] * servers, [0] * servers
    waits, ends = [], []
    for arrival, duration in v:
        clerk = min(range(servers), key=lambda s: (free[s], s))
        begin = max(arrival, free[clerk])
        if begin - arrival > patience:
            continue
        waits.append(begin - arrival)
        ends.append(begin + duration)
        served[clerk] += 1
        load[clerk] += duration
        free[clerk] = begin + duration + (rest if served[clerk] % every == 0 else 0)
    return {"waits": waits, "ends": ends, "load": load}[what]


def _counter_code(settings: dict[str, Any]) -> str:
    lines = [f"free = [0] * {settings['servers']}", "served = [[] for _ in free]", "waits, ends = [], []", "for arrival, duration in v:",
             "    clerk = free.index(min(free))", "    begin = max(arrival, free[clerk])"]  # fmt: skip
    if settings["patience"] < 10**6:
        lines += [f"    if begin - arrival > {settings['patience']}:", "        continue"]
    lines += ["    waits.append(begin - arrival)", "    ends.append(begin + duration)", "    served[clerk].append(duration)",
              "    free[clerk] = begin + duration"]  # fmt: skip
    if settings["rest"]:
        lines += [f"    if len(served[clerk]) % {settings['every']} == 0:", f"        free[clerk] += {settings['rest']}"]
    return "\n".join(
        [*lines, {"waits": "return waits", "ends": "return ends", "load": "return [sum(s) for s in served]"}[settings["what"]]]
    )
