"""What is asked of a site: seven families of questions, and claims to be checked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tripos.benchmarks.use_cases.invented_names import Inventor, spin
from tripos.benchmarks.use_cases.site.pages import shown
from tripos.benchmarks.use_cases.site.world import NUMBERS, PRODUCT, SUPPLIER, WORKS, Key, Value, World, another

LABELS = ("supported", "refuted", "unstated")
_ASKS = {
    "weight": "{How many grams does the $name weigh|What is the weight of the $name in grams}?",
    "price": "{How many euros does the $name cost|What is the price of the $name in euros}?",
    "runtime": "{For how many hours does the $name run on one charge|How many hours does one charge of the $name last}?",
    "warranty": "{How many months of warranty has the $name|For how many months is the $name under warranty}?",
    "release": "{On what day did the $name come on the market|Since which day has the $name been on sale}?",
    "works": "{In which works is the $name made|Which works makes the $name} (its town)?",
    "supplier": "{Which firm supplies the motor of the $name|Whose motor is in the $name}?",
}
_HOPS = {
    ("works", "opened"): "{In which year were the works opened|Since which year have the works existed} in which the $name is made?",
    ("works", "manager"): "{Who runs|Who is the manager of} the works in which the $name is made?",
    ("works", "staff"): "How many people work in the works in which the $name is made?",
    (
        "supplier",
        "founded",
    ): "{In which year was the firm founded|How far (to which year) does the firm go back} that supplies the motor of the $name?",
    ("supplier", "head"): "{Who leads|Who is at the head of} the firm that supplies the motor of the $name?",
    ("supplier", "town"): "In which town does the firm sit that supplies the motor of the $name?",
}
_CLAIMS = {
    "weight": "The $name weighs $value grams.",
    "price": "The $name costs EUR $value.",
    "runtime": "One charge of the $name lasts $value hours.",
    "warranty": "The $name has a warranty of $value months.",
    "release": "The $name came on the market on $value.",
    "works": "The $name is made in the $value works.",
    "supplier": "The motor of the $name is from $value.",
}


@dataclass(frozen=True)
class Solved:
    """A typed answer, the facts that it rests on, and others that one may have had to look at."""

    type: str
    value: Value | list[str] | None
    needs: tuple[Key, ...]
    looked: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Question:
    """A text and how it is answered from a world; None where that world leaves it open."""

    text: str
    solve: Callable[[World], Solved | None]


def typed(attribute: str) -> str:
    """The type of an attribute's values."""
    if attribute == "release":
        return "date"
    return "name" if attribute in ("works", "supplier", "manager", "head", "town") else "number"


def _single(key: Key) -> Callable[[World], Solved | None]:
    return lambda world: Solved(typed(key[1]), world.facts[key], (key,)) if key not in world.unstated else None


def lookup(rng: random.Random, world: World) -> tuple[World, Question]:
    """One fact of a product; an archived page or a visitor says otherwise."""
    keys = [key for key in (*world.archived, *world.hearsay) if key not in {*world.unstated, *world.overtaken}]
    key = rng.choice(keys or [key for key in world.facts if key[1] == "weight" and key not in world.unstated])
    return world, Question(spin(rng, _ASKS[key[1]]).replace("$name", key[0]), _single(key))


def update(rng: random.Random, world: World) -> tuple[World, Question]:
    """A fact that a press release has changed, or has not, being older than the page."""
    key = rng.choice([*world.overtaken, *world.overtaken, *world.stale])
    return world, Question(spin(rng, _ASKS[key[1]]).replace("$name", key[0]), _single(key))


def hop(rng: random.Random, world: World) -> tuple[World, Question]:
    """A fact of the works or the supplier of a product."""
    via, attribute = rng.choice(sorted(_HOPS))
    name = rng.choice([name for name in world.products if (name, via) not in world.unstated])
    return world, _hop(rng, name, via, attribute)


def _hop(rng: random.Random, name: str, via: str, attribute: str) -> Question:
    def solve(world: World) -> Solved:
        first = (name, via)
        second = (str(world.facts[first]), attribute)
        stated = world.stated(second)
        if stated is None:
            return Solved("none", None, (first,), looked=tuple((second[0], one) for one in (*WORKS, *SUPPLIER)))
        return Solved(typed(attribute), stated, (first, second))

    return Question(spin(rng, _HOPS[via, attribute]).replace("$name", name), solve)


def missing(rng: random.Random, world: World) -> tuple[World, Question]:
    """A fact of the works or the supplier of a product that no page has, except perhaps one that does not count."""
    via, attribute = rng.choice(sorted(_HOPS))
    name = rng.choice([name for name in world.products if (name, via) not in world.unstated])
    gap = (str(world.facts[name, via]), attribute)
    inventor = Inventor(rng)
    hearsay = dict(world.hearsay)
    if rng.random() < 0.6:
        hearsay[gap] = another(rng, gap, world.facts, inventor, world.works, world.suppliers)
    return replace(world, unstated=world.unstated | {gap}, hearsay=hearsay), _hop(rng, name, via, attribute)


def choose(rng: random.Random, world: World) -> tuple[World, Question]:
    """All products of a kind below a price that come out of certain works."""
    category, works, limit = rng.choice(sorted(set(world.products.values()))), rng.choice(world.works), rng.randrange(300, 900, 50)

    def solve(world: World) -> Solved | None:
        some = [name for name, kind in world.products.items() if kind == category]
        if any((name, one) in world.unstated for name in some for one in ("price", "works")):
            return None
        found = [n for n in some if int(world.facts[n, "price"]) < limit and world.facts[n, "works"] == works]
        if not found or len(found) == len(some) or len(some) < 3:
            return None
        needs = tuple((name, one) for name in found for one in ("price", "works"))
        return Solved("names", sorted(found), needs, looked=tuple((name, one) for name in some for one in ("price", "works")))

    text = f"Which {category} {{for less than|below}} EUR {limit} {{are made in|come out of}} the {works} works?"
    return world, Question(spin(rng, text), solve)


def order(rng: random.Random, world: World) -> tuple[World, Question]:
    """What an order of two products costs, postage by weight included."""
    names = rng.sample(sorted(world.products), 2)
    counts = [rng.randint(1, 4), rng.randint(1, 3)]

    def solve(world: World) -> Solved | None:
        needs = tuple((name, one) for name in names for one in ("price", "weight"))
        if any(key in world.unstated for key in needs):
            return None
        grams = sum(count * int(world.facts[name, "weight"]) for name, count in zip(names, counts, strict=True))
        goods = sum(count * int(world.facts[name, "price"]) for name, count in zip(names, counts, strict=True))
        postage = next((cost for limit, cost in world.shipping if grams <= limit), None)
        return None if postage is None else Solved("number", goods + postage, (*needs, ("postage", "table")))

    basket = " and ".join(f"{count} of the {name}" for name, count in zip(names, counts, strict=True))
    text = f"{{How many euros must be paid for|What, in euros, is the price of}} an order of {basket}{{, postage included|, with postage}}?"
    return world, Question(spin(rng, text), solve)


def compare(rng: random.Random, world: World) -> tuple[World, Question]:
    """By how much one of two products of almost the same name exceeds the other."""
    attribute = rng.choice(sorted(NUMBERS))
    names = list(world.products)
    at = rng.randrange(0, len(names) - 1, 2)
    pair = names[at : at + 2]
    unit = {"weight": "grams is the", "price": "euros is the", "runtime": "hours is the", "warranty": "months is the"}[attribute]
    word = {"weight": "weight", "price": "price", "runtime": "runtime on one charge", "warranty": "warranty"}[attribute]

    def solve(world: World) -> Solved | None:
        keys = ((pair[0], attribute), (pair[1], attribute))
        if any(key in world.unstated for key in keys):
            return None
        apart = abs(int(world.facts[keys[0]]) - int(world.facts[keys[1]]))
        return Solved("number", apart, keys) if apart else None

    return world, Question(f"How many {unit} difference in {word} between the {pair[0]} and the {pair[1]}?", solve)


FAMILIES: dict[str, Callable[[random.Random, World], tuple[World, Question]]] = {
    "lookup": lookup,
    "update": update,
    "hop": hop,
    "missing": missing,
    "choose": choose,
    "order": order,
    "compare": compare,
}


def twin(rng: random.Random, world: World, question: Question, family: str) -> World | None:
    """The same world with one fact changed and another answer; for `missing`, the fact is stated."""
    first = question.solve(world)
    if first is None:
        return None
    if family == "missing":
        stated = [key for key in world.unstated if key[0] in (*world.works, *world.suppliers)]
        return replace(world, unstated=world.unstated - set(stated))
    inventor = Inventor(rng)
    for _ in range(30):
        key = rng.choice([key for key in first.needs if key[0] != "postage"])
        value = another(rng, key, world.facts, inventor, world.works, world.suppliers)
        if value in (world.overtaken.get(key), world.stale.get(key), world.archived.get(key), world.hearsay.get(key)):
            continue
        second = replace(world, facts={**world.facts, key: value})
        solved = question.solve(second)
        if solved and solved.value != first.value:
            return second
    return None


def draw_claims(rng: random.Random, worlds: tuple[World, World], count: int) -> list[tuple[str, str]]:
    """(claim, label) about facts that are the same in both worlds: each label at least once, none much oftener."""
    world = worlds[0]
    same = [key for key in world.facts if key[1] in PRODUCT and all(one.facts[key] == world.facts[key] for one in worlds)]
    same = [key for key in same if len({key in one.unstated for one in worlds}) == 1]
    rng.shuffle(same)
    labels = [LABELS[n % 3] for n in rng.sample(range(3), 3)] + rng.sample(LABELS, count - 3)
    rng.shuffle(labels)
    inventor = Inventor(rng)
    claims = []
    for label in labels:
        key = next(key for key in _ordered(rng, world, same, label) if (key in world.unstated) == (label == "unstated"))
        same.remove(key)
        value = world.facts[key] if label == "supported" else _trap(rng, world, key, inventor)
        claims.append((_CLAIMS[key[1]].replace("$name", key[0]).replace("$value", shown(value)), label))
    return claims


def _ordered(rng: random.Random, world: World, keys: list[Key], label: str) -> list[Key]:
    """Facts that some page has otherwise come first, as often as not."""
    disputed = {*world.overtaken, *world.stale, *world.archived, *world.hearsay}
    return sorted(keys, key=lambda key: key not in disputed) if rng.random() < 0.7 else keys


def _trap(rng: random.Random, world: World, key: Key, inventor: Inventor) -> Value:
    """A value that holds no longer, that only a visitor has, or that belongs to the product of almost the same name."""
    said = [one[key] for one in (world.overtaken, world.stale, world.archived, world.hearsay) if key in one]
    names = list(world.products)
    at = names.index(key[0])
    sibling = world.facts[names[at ^ 1], key[1]]
    if sibling != world.facts[key]:
        said.append(sibling)
    return rng.choice(said) if said else another(rng, key, world.facts, inventor, world.works, world.suppliers)
