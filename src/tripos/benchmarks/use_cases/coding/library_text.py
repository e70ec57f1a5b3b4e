"""Reference modules over text and over tables (dictionaries and records)."""

from __future__ import annotations

from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.module import Draws, Module
from tripos.benchmarks.use_cases.coding.words import invented, phrase


def _pairs_line(rng: Random, d: Draws) -> list[Any]:
    keys = [invented(rng, 1) for _ in range(3)]
    pieces = []
    for _ in range(rng.randint(0, 6)):
        space = " " * rng.randint(0, 1)
        piece = rng.choice(keys) + space + d["eq"] + space + rng.choice((str(rng.randint(0, 99)), "", d["eq"] + "7", invented(rng, 1)))
        pieces.append(rng.choice((piece, piece, piece, piece, space + piece + " ", invented(rng, 1), "", d["eq"] + "5")))
    return [d["sep"].join(pieces)]


def _ranges_line(rng: Random) -> list[Any]:
    def one() -> str:
        low = rng.randint(0, 12)
        return rng.choice(
            (str(low), f"{low}-{low + rng.randint(0, 4)}", f"{low}-{low - rng.randint(0, 3)}" if low > 3 else "5", "")
        ).strip()

    return [",".join(one() for _ in range(rng.randint(0, 6)))]


def _cells(rng: Random) -> list[Any]:
    width = rng.randint(1, 3)
    return [[[rng.choice((invented(rng, 1), str(rng.randint(0, 999)), "")) for _ in range(width)] for _ in range(rng.randint(0, 4))]]


def _quoted(rng: Random, d: Draws) -> list[Any]:
    pieces = [rng.choice((invented(rng, 1), "", f"{d['q']}{invented(rng, 1)}{d['sep']}{rng.randint(0, 9)}{d['q']}",
    f" {rng.randint(0, 99)} "))
              for _ in range(rng.randint(0, 5))]  # fmt: skip
    return [d["sep"].join(pieces)]


TEXT = (
    Module("text", ("fold_lines", "wrap_words", "break_text"), '''\
def @main(@text):
    """Break @text into lines of at most @width characters.

    Words (separated by white space) are put on a line as long as they fit, with one space between them. A word
    longer than @width characters gets a line of its own and is not cut. Returns the list of lines, none of them empty.
    """
    @out = []
    current = ""
    for word in @text.split():
        if current == "":
            current = word
        elif len(current) + 1 + len(word) <= @width:
            current = current + " " + word
        else:
            @out.append(current)
            current = word
    if current != "":
        @out.append(current)
    return @out
''', lambda rng, d: [phrase(rng, 9) if rng.random() < 0.9 else ""], {"width": range(9, 19)}),
    Module("text", ("read_settings", "parse_pairs", "settings_of"), '''\
def @main(@text):
    """Read settings such as "size@{eq}4@sep color@{eq}red" into a dictionary of strings.

    Pieces are separated by "@sep". In each piece, key and value are what stands before and after the first "@eq", both
    stripped of white space at their ends. A piece without "@eq" or with an empty key is ignored. Where a key occurs
    several times, the first value that is not empty counts; a key with only empty values gets "".
    """
    @out = {}
    for @part in @text.split("@sep"):
        if "@eq" not in @part:
            continue
        head, tail = @part.split("@eq", 1)
        head = head.strip()
        tail = tail.strip()
        if head == "":
            continue
        if head not in @out or @out[head] == "":
            @out[head] = tail
    return @out
''', _pairs_line, {"sep": (";", "|", "&"), "eq": ("=", ":", "~")}),
    Module("text", ("headline", "title_words", "dress_title"), '''\
def @main(@text):
    """Write the words of @text as a headline.

    Each word is changed to small letters and then its first letter to a capital, except that words of fewer than @k
    letters stay small unless they are the first or the last word. Words are joined by single spaces.
    """
    words = @text.lower().split()
    @out = []
    for @i, word in enumerate(words):
        edge = @i == 0 or @i == len(words) - 1
        if edge or len(word) >= @k:
            @out.append(word[0].upper() + word[1:])
        else:
            @out.append(word)
    return " ".join(@out)
''', lambda rng, d: [phrase(rng, 8) if rng.random() < 0.9 else ""], {"k": (4, 5)}),
    Module("text", ("mask_digits", "hide_number", "veil"), '''\
def @main(@text):
    """Hide the digits of @text except for the last ones.

    All digits but the last @k are replaced by "@mark"; every other character stays. A text with fewer than @least
    digits is returned as it is.
    """
    digits = sum(1 for @ch in @text if @ch in "0123456789")
    if digits < @least:
        return @text
    hidden = digits - @k
    @out = ""
    for @ch in @text:
        if @ch in "0123456789" and hidden > 0:
            @out += "@mark"
            hidden -= 1
        else:
            @out += @ch
    return @out
''', lambda rng, d: ["".join(rng.choice("0123456789" * 2 + "ab- /") for _ in range(rng.randint(0, 16)))],
           {"k": (2, 3), "least": (5, 6, 7), "mark": ("*", "#", "x")}),
    Module("text", ("page_numbers", "expand_ranges", "selected_pages"), '''\
def @main(@text):
    """Read a selection of pages such as "2,5-7" into a list of page numbers.

    Pieces are separated by commas; empty pieces are ignored. A piece is one number or a range "a-b", which means
    all numbers from a to b, both included; a range with a greater than b means the same pages in descending order. A
    page that has already been listed is not listed again, and pages above @limit are left out.
    """
    @out = []
    for @part in @text.split(","):
        if @part == "":
            continue
        if "-" in @part:
            low, high = (int(end) for end in @part.split("-"))
        else:
            low = high = int(@part)
        step = 1 if low <= high else -1
        for page in range(low, high + step, step):
            if page <= @limit and page not in @out:
                @out.append(page)
    return @out
''', lambda rng, d: _ranges_line(rng), {"limit": range(7, 13)}),
    Module("text", ("draw_table", "line_up", "as_columns"), '''\
def @main(rows):
    """Lay out rows of cells (all rows have the same number of cells, all cells are strings) as lines of text.

    A column is as wide as its longest cell, but at least @width. Cells of digits only are put to the right of their
    column, all others (also empty ones) to the left, filled up with spaces. Columns are separated by "@bar", and
    spaces at the end of a line are removed. Returns the list of lines.
    """
    @out = []
    widths = []
    for row in rows:
        for @i, cell in enumerate(row):
            if @i == len(widths):
                widths.append(@width)
            widths[@i] = max(widths[@i], len(cell))
    for row in rows:
        padded = []
        for @i, cell in enumerate(row):
            if cell.isdigit():
                padded.append(cell.rjust(widths[@i]))
            else:
                padded.append(cell.ljust(widths[@i]))
        @out.append("@bar".join(padded).rstrip())
    return @out
''', lambda rng, d: _cells(rng), {"width": (2, 3), "bar": ("|", " : ", "/")}),
    Module("text", ("split_fields", "cut_record", "fields_of"), '''\
def @main(@text):
    """Split @text at every "@sep" that is not inside quotes.

    Quotes are pairs of the character @q and are removed; a "@sep" between them belongs to the field. A field that was
    not quoted at all is stripped of spaces at its ends. An empty text has no fields; otherwise there is one field more
    than there are separators outside quotes.
    """
    if @text == "":
        return []
    @out = []
    field = ""
    quoted = False
    inside = False
    for @ch in @text + "@sep":
        if @ch == "@q":
            inside = not inside
            quoted = True
        elif @ch == "@sep" and not inside:
            @out.append(field if quoted else field.strip())
            field = ""
            quoted = False
        else:
            field += @ch
    return @out
''', _quoted, {"sep": (",", ";", "|"), "q": ("'", "%", "$")}),
)  # fmt: skip


def _moves(rng: Random) -> list[Any]:
    few = [invented(rng, 1) for _ in range(3)]
    return [[[rng.choice(few), rng.choice((5, 3, 8, -2, -4, -6, 1, 0, -1))] for _ in range(rng.randint(0, 9))]]


def _sales(rng: Random) -> list[Any]:
    few = [invented(rng, 1) for _ in range(5)]
    return [[[rng.choice(few), rng.randint(1, 12)] for _ in range(rng.randint(0, 10))]]


def _scores(rng: Random) -> list[Any]:
    return [{invented(rng): rng.randint(1, 6) for _ in range(rng.randint(0, 7))}]


def _two_books(rng: Random) -> list[Any]:
    few = [invented(rng, 1) for _ in range(6)]
    old = {key: rng.randint(0, 9) for key in few if rng.random() < 0.6}
    new = {key: old.get(key, 5) if rng.random() < 0.4 else rng.randint(0, 9) for key in few if rng.random() < 0.6}
    return [old, new]


def _shared_shelves(rng: Random) -> list[Any]:
    things = [invented(rng, 1) for _ in range(4)]
    return [{invented(rng): [rng.choice(things) for _ in range(rng.randint(0, 4))] for _ in range(rng.randint(0, 5))}]


def _ballots(rng: Random) -> list[Any]:
    few = [invented(rng, 1) for _ in range(4)]
    return [[rng.sample(few, rng.randint(1, 4)) for _ in range(rng.randint(0, 9))]]


def _shifts(rng: Random) -> list[Any]:
    few = [invented(rng, 1) for _ in range(3)]
    rows = []
    for _ in range(rng.randint(0, 8)):
        begin = rng.randint(0, 20)
        rows.append({"who": rng.choice(few), "from": begin, "to": begin + rng.choice((0, 2, 4, 7, 9, 10, -1))})
    return [rows]


TABLES = (
    Module("tables", ("book_moves", "apply_moves", "stock_after"), '''\
def @main(moves):
    """Apply stock movements, each a list [name, change], in order, and return [stock, refused].

    Stock starts empty, which counts as 0 for every name. A movement that would bring a name below 0 or above @cap is
    refused and changes nothing. refused is the number of refused movements. Names whose stock ends at 0 are not in the
    returned dictionary.
    """
    stock = {}
    refused = 0
    for @key, change in moves:
        level = stock.get(@key, 0) + change
        if level < 0 or level > @cap:
            refused += 1
        else:
            stock[@key] = level
    return [{@key: level for @key, level in stock.items() if level != 0}, refused]
''', lambda rng, d: _moves(rng), {"cap": (9, 10, 11, 12)}),
    Module("tables", ("sum_up", "totals_by_name", "condense"), '''\
def @main(@items):
    """Add up the amounts of @items, lists [name, amount], by name, and condense small sums.

    Returns a dictionary from name to sum. Sums below @t are not listed by name but added together under "other",
    which is only present if there is at least one such name.
    """
    sums = {}
    for @key, @n in @items:
        sums[@key] = sums.get(@key, 0) + @n
    @out = {}
    for @key, @n in sums.items():
        if @n >= @t:
            @out[@key] = @n
        else:
            @out["other"] = @out.get("other", 0) + @n
    return @out
''', lambda rng, d: _sales(rng), {"t": range(7, 13)}),
    Module("tables", ("places", "ranking", "standings"), '''\
def @main(@table):
    """Rank the names of @table (name to points) by points, most points first.

    Returns a dictionary from name to rank. The best rank is 1; names with equal points share a rank, and the next
    rank is skipped as often as needed (1, 2, 2, 4). Names with fewer than @least points get rank 0.
    """
    @out = {}
    for @key, points in @table.items():
        if points < @least:
            @out[@key] = 0
            continue
        better = 0
        for other in @table.values():
            if other > points:
                better += 1
        @out[@key] = better + 1
    return @out
''', lambda rng, d: _scores(rng), {"least": (2, 3)}),
    Module("tables", ("changes", "compare_books", "what_changed"), '''\
def @main(@left, @right):
    """Compare two dictionaries from name to number, @left (old) and @right (new).

    Returns the dictionary {"added": ..., "removed": ..., "changed": ...} of sorted lists of names: those only in the new
    one, those only in the old one, and those in both whose numbers differ by more than @slack.
    """
    added = []
    removed = []
    changed = []
    for @key in @right:
        if @key not in @left:
            added.append(@key)
        elif abs(@right[@key] - @left[@key]) > @slack:
            changed.append(@key)
    for @key in @left:
        if @key not in @right:
            removed.append(@key)
    return {"added": sorted(added), "removed": sorted(removed), "changed": sorted(changed)}
''', lambda rng, d: _two_books(rng), {"slack": (1, 2)}),
    Module("tables", ("who_has", "reverse_index", "index_by_item"), '''\
def @main(@table):
    """Turn a dictionary from owner to a list of things into one from thing to owners.

    Each thing that has at least @least different owners is a key; its value is the sorted list of these owners,
    each once even if an owner lists a thing several times.
    """
    owners = {}
    for owner, things in @table.items():
        for thing in things:
            known = owners.setdefault(thing, [])
            if owner not in known:
                known.append(owner)
    @out = {}
    for thing, known in owners.items():
        if len(known) >= @least:
            @out[thing] = sorted(known)
    return @out
''', lambda rng, d: _shared_shelves(rng), {"least": (1, 2)}),
    Module("tables", ("elect", "runoff", "count_ballots"), '''\
def @main(ballots):
    """Find the winner of an election by elimination.

    A ballot is a list of different names, best first. In each round a ballot counts for its first name that is not
    eliminated (ballots without one are ignored). A name with more than half of the ballots that count wins. Otherwise
    the name with the fewest first places (0 is possible; of several the alphabetically first) is eliminated, and
    another round is held. Returns [winner, number of the winning round], rounds counting from 1, and ["", 0] if no
    ballots are given.
    """
    running = sorted({@key for ballot in ballots for @key in ballot})
    turn = 0
    while running:
        turn += 1
        votes = {@key: 0 for @key in running}
        for ballot in ballots:
            for @key in ballot:
                if @key in votes:
                    votes[@key] += 1
                    break
        counted = sum(votes.values())
        for @key in running:
            if votes[@key] * 2 > counted:
                return [@key, turn]
        weakest = min(running, key=lambda @key: (votes[@key], @key))
        running.remove(weakest)
    return ["", 0]
''', lambda rng, d: _ballots(rng)),
    Module("tables", ("weekly_hours", "paid_time", "work_totals"), '''\
def @main(shifts):
    """Add up the paid hours of each worker.

    A shift is {"who": name, "from": hour, "to": hour}. Its length is to - from; shifts of length 0 or less are
    ignored. From shifts longer than @long hours a break of 1 hour is taken off. Hours that a worker has beyond @over in
    total (over all shifts, after breaks) count double. Returns a dictionary from name to paid hours for all workers
    with at least one shift that was not ignored.
    """
    hours = {}
    for shift in shifts:
        length = shift["to"] - shift["from"]
        if length <= 0:
            continue
        if length > @long:
            length -= 1
        hours[shift["who"]] = hours.get(shift["who"], 0) + length
    @out = {}
    for @key, @total in hours.items():
        extra = max(0, @total - @over)
        @out[@key] = @total + extra
    return @out
''', lambda rng, d: _shifts(rng), {"long": (6, 7, 8), "over": range(10, 15)}),
)  # fmt: skip
