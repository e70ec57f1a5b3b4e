"""Reference modules with state: classes whose methods are called in a row. Each method call gives one observable result."""

from __future__ import annotations

from random import Random
from typing import Any

from tripos.benchmarks.use_cases.coding.module import Draws, Module
from tripos.benchmarks.use_cases.coding.words import invented

Script = tuple[list[Any], list[tuple[str, list[Any]]]]


def _editor(rng: Random, d: Draws) -> Script:
    steps = [rng.choice((("write", [invented(rng, 1)]), ("write", [invented(rng, 1)]), ("undo", []), ("undo", []), ("redo", [])))
             for _ in range(rng.randint(3, 12))]  # fmt: skip
    return [], [*steps, ("text", [])]


def _doorman(rng: Random, d: Draws) -> Script:
    clock, steps = 0, []
    guests = [invented(rng, 1) for _ in range(2)]
    for _ in range(rng.randint(3, 10)):
        clock += rng.choice((0, 1, 1, 2, d["window"] - 1, d["window"]))
        steps.append(("allow", [rng.choice(guests), clock]))
    return [], steps


def _podium(rng: Random, d: Draws) -> Script:
    players = [invented(rng) for _ in range(5)]
    steps: list[tuple[str, list[Any]]] = [("report", [rng.choice(players), rng.randint(1, 6)]) for _ in range(rng.randint(2, 9))]
    return [], [*steps, ("leaders", []), ("report", [rng.choice(players), rng.randint(1, 9)]), ("leaders", [])]


def _storeroom(rng: Random, d: Draws) -> Script:
    goods = [invented(rng, 1) for _ in range(2)]
    verbs = ("receive", "reserve", "reserve", "release", "ship")
    steps: list[tuple[str, list[Any]]] = [("receive", [goods[0], rng.randint(3, 9)])]
    for _ in range(rng.randint(3, 10)):
        steps.append((rng.choice(verbs), [rng.choice((goods[0], goods[0], goods[1])), rng.randint(1, 6)]))
    return [], [*steps, ("free", [goods[0]]), ("free", [goods[1]])]


def _thermostat(rng: Random, d: Draws) -> Script:
    near = (d["low"] - 1, d["low"], d["low"] + 1, d["high"] - 1, d["high"], d["high"] + 1)
    return [], [("read", [rng.choice(near)]) for _ in range(rng.randint(3, 12))] + [("switches", [])]


def _larder(rng: Random, d: Draws) -> Script:
    clock, steps = 0, []
    keys = [invented(rng, 1) for _ in range(4)]
    for _ in range(rng.randint(4, 11)):
        clock += rng.choice((0, 1, 1, d["life"] - 1, d["life"]))
        key = rng.choice(keys)
        steps.append(
            rng.choice((("put", [key, rng.randint(1, 99), clock]), ("put", [key, rng.randint(1, 99), clock]), ("get", [key, clock])))
        )
    return [], [*steps, *(("get", [key, clock]) for key in keys)]


def _till(rng: Random, d: Draws) -> Script:
    steps: list[tuple[str, list[Any]]] = []
    for _ in range(rng.randint(2, 8)):
        item = rng.randint(1, 60), rng.choice((1, 1, 2, d["many"] - 1, d["many"], d["many"] + 1))
        steps.append(rng.choice((("add", list(item)), ("add", list(item)), ("void", []), ("total", []))))
    return [], [*steps, ("total", [])]


OBJECTS = (
    Module("objects", ("Notepad", "DraftBox", "Scratchbook"), '''\
class @main:
    """A list of words with undo and redo.

    write(word) appends a word, forgets everything that could be redone, and returns how many steps can be undone now.
    At most the last @depth writes can be undone. undo() takes back the latest write that can still be undone and
    returns its word, or "" if there is none. redo() brings the latest undone word back (it can then be undone again) and
    returns it, or "" if there is none. text() returns all words joined by "@glue".
    """

    def __init__(self):
        self.words = []
        self.undoable = 0
        self.undone = []

    def write(self, word):
        self.words.append(word)
        self.undone = []
        self.undoable = min(self.undoable + 1, @depth)
        return self.undoable

    def undo(self):
        if self.undoable == 0:
            return ""
        self.undoable -= 1
        word = self.words.pop()
        self.undone.append(word)
        return word

    def redo(self):
        if not self.undone:
            return ""
        word = self.undone.pop()
        self.words.append(word)
        self.undoable += 1
        return word

    def text(self):
        return "@glue".join(self.words)
''', _editor, {"depth": (2, 3), "glue": ("-", "+", "/")}),
    Module("objects", ("Doorman", "RateGate", "Turnstile"), '''\
class @main:
    """Lets each guest in at most @most times within any @window ticks.

    allow(guest, now) returns True and counts a visit if fewer than @most visits of this guest were counted at times
    greater than now - @window; otherwise it returns False and counts nothing. now never decreases between calls.
    """

    def __init__(self):
        self.visits = {}

    def allow(self, guest, now):
        recent = []
        for when in self.visits.get(guest, []):
            if when > now - @window:
                recent.append(when)
        allowed = len(recent) < @most
        if allowed:
            recent.append(now)
        self.visits[guest] = recent
        return allowed
''', _doorman, {"most": (2, 3), "window": (4, 5, 6, 7)}),
    Module("objects", ("Podium", "HallOfFame", "TopTable"), '''\
class @main:
    """Keeps the best result of every player and names the leaders.

    report(player, points) notes a result and returns True if it is the player's first or better than all of the
    player's earlier ones, otherwise False. leaders() returns the list of at most @k players with the best results,
    best first; players with equal results stand in alphabetical order. Results below @least never lead, but are noted.
    """

    def __init__(self):
        self.best = {}

    def report(self, player, points):
        if player in self.best and points <= self.best[player]:
            return False
        self.best[player] = points
        return True

    def leaders(self):
        able = [player for player in self.best if self.best[player] >= @least]
        able.sort(key=lambda player: (-self.best[player], player))
        return able[:@k]
''', _podium, {"k": (2, 3), "least": (2, 3)}),
    Module("objects", ("Storeroom", "Depot", "StockRoom"), '''\
class @main:
    """Goods on shelves, some of them reserved. All numbers are positive; unknown goods count as 0.

    receive(goods, n) adds n and returns the number now on the shelf (reserved or not). reserve(goods, n) reserves n and
    returns True if at least n are on the shelf and not reserved, otherwise it does nothing and returns False.
    release(goods, n) gives up n reservations, or all if there are fewer, and returns how many were given up.
    ship(goods, n) takes n reserved pieces from the shelf and returns True, or does nothing and returns False if fewer than
    n are reserved. free(goods) returns how many are on the shelf and not reserved.
    """

    def __init__(self):
        self.shelf = {}
        self.held = {}

    def free(self, goods):
        return self.shelf.get(goods, 0) - self.held.get(goods, 0)

    def receive(self, goods, n):
        self.shelf[goods] = self.shelf.get(goods, 0) + n
        return self.shelf[goods]

    def reserve(self, goods, n):
        if n > self.free(goods):
            return False
        self.held[goods] = self.held.get(goods, 0) + n
        return True

    def release(self, goods, n):
        given = min(n, self.held.get(goods, 0))
        self.held[goods] = self.held.get(goods, 0) - given
        return given

    def ship(self, goods, n):
        if n > self.held.get(goods, 0):
            return False
        self.held[goods] -= n
        self.shelf[goods] -= n
        return True
''', _storeroom),
    Module("objects", ("Heater", "PumpSwitch", "Thermostat"), '''\
class @main:
    """A switch with two thresholds. It is off at first.

    read(level) returns True if the switch is on after the reading. It goes on when the level is @low or lower and off
    when the level is @high or higher; in between nothing changes. Once it has gone on or off, the next @hold readings
    change nothing, whatever their level. switches() returns how often it has gone on or off.
    """

    def __init__(self):
        self.on = False
        self.wait = 0
        self.changes = 0

    def read(self, level):
        if self.wait > 0:
            self.wait -= 1
            return self.on
        wanted = self.on
        if level <= @low:
            wanted = True
        elif level >= @high:
            wanted = False
        if wanted != self.on:
            self.on = wanted
            self.changes += 1
            self.wait = @hold
        return self.on

    def switches(self):
        return self.changes
''', _thermostat, {"low": (11, 12, 13, 14), "high": (17, 18, 19, 20), "hold": (1, 2)}),
    Module("objects", ("Larder", "ShortMemory", "FadingBox"), '''\
class @main:
    """Remembers at most @most values, each for @life ticks.

    put(key, value, now) stores a value; it can be had at times from now up to, but not including, now + @life. Values
    that can no longer be had are dropped first. If the key is then new and there are already @most values, the one that
    was stored or renewed longest ago is dropped; storing under a present key renews it. put returns the number of values
    kept. get(key, now) returns the value, or -1 if there is none; it renews nothing. now never decreases between calls.
    """

    def __init__(self):
        self.kept = {}

    def put(self, key, value, now):
        for other in list(self.kept):
            if self.kept[other][1] + @life <= now:
                del self.kept[other]
        if key in self.kept:
            del self.kept[key]
        elif len(self.kept) >= @most:
            oldest = next(iter(self.kept))
            del self.kept[oldest]
        self.kept[key] = [value, now]
        return len(self.kept)

    def get(self, key, now):
        if key not in self.kept:
            return -1
        value, stored = self.kept[key]
        if now >= stored + @life:
            return -1
        return value
''', _larder, {"most": (2, 3), "life": (3, 4, 5)}),
    Module("objects", ("Till", "CashDesk", "Counter"), '''\
class @main:
    """Adds up a purchase, in cents.

    add(price, n) adds n pieces and returns the number of pieces in the purchase; @many pieces or more in one add cost
    @off cents less each, but never less than 1. void() takes the latest add that is not yet voided back and returns the
    number of pieces left (0 if there is nothing to take back). total() returns the sum to pay: purchases of @free
    cents or more are lowered by @gift cents.
    """

    def __init__(self):
        self.adds = []

    def pieces(self):
        return sum(n for price, n in self.adds)

    def add(self, price, n):
        if n >= @many:
            price = max(1, price - @off)
        self.adds.append((price, n))
        return self.pieces()

    def void(self):
        if self.adds:
            self.adds.pop()
        return self.pieces()

    def total(self):
        cost = 0
        for price, n in self.adds:
            cost += price * n
        if cost >= @free:
            cost -= @gift
        return cost
''', _till, {"many": (3, 4, 5), "off": (3, 5, 7), "free": (100, 120, 150), "gift": (11, 13, 17)}),
)  # fmt: skip
