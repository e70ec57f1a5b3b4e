"""An invented organisation as a graph of facts: units, projects, sites, suppliers, people.

A `World` maps (subject, relation) to a value; questions are answered by walking it, documents are worded from it. One fact
of a world can be edited, so that a question has another answer and everything else reads the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tripos.benchmarks.use_cases.invented_names import Inventor

Key = tuple[str, str]
"""(subject, relation)."""
Value = str | int | date


@dataclass(frozen=True)
class Relation:
    """One kind of fact. In the phrasings `$s` is the subject, `$v` the value; `{this|that}` are alternatives.

    Attributes:
        subject: kind of entity it speaks of.
        value: "number", "money", "date" or the kind of entity that it leads to.
        say: the sentences that state it.
        noun: what its value is called in a longer question.
        ask: the question for it.
        span: smallest and largest value of a number, and the step; first and last year of a day.
    """

    subject: str
    value: str
    say: str
    noun: str
    ask: str
    span: tuple[int, int, int] = (1, 2, 1)

    @property
    def answer_type(self) -> str:
        """How an answer is compared: "number", "date" or "name"."""
        return {"number": "number", "money": "number", "date": "date"}.get(self.value, "name")


RELATIONS: dict[str, Relation] = {
    "head": Relation("unit", "person", "{$v heads $s|$s is headed by $v|The head of $s is $v}", "the head of $s", "Who heads $s?"),
    "site": Relation(
        "unit",
        "site",
        "{$s works at $v|The desks of $s are at $v|You will find $s at $v}",
        "the site where $s works",
        "At which site does $s work?",
    ),
    "staff": Relation(
        "unit",
        "number",
        "{$s has a staff of $v|$v people work in $s|The payroll of $s has $v names}",
        "the number of people in $s",
        "How many people work in $s?",
        (7, 95, 1),
    ),
    "unit": Relation(
        "project",
        "unit",
        "{$s is run by $v|$s belongs to $v|Responsibility for $s lies with $v}",
        "the unit that runs $s",
        "Which unit runs $s?",
    ),
    "lead": Relation("project", "person", "{$v leads $s|$s is led by $v|The leader of $s is $v}", "the leader of $s", "Who leads $s?"),
    "budget": Relation(
        "project",
        "money",
        "{$s has a budget of $v|$v have been set aside for $s|The sum granted to $s is $v}",
        "the budget of $s",
        "What is the budget of $s, in EUR?",
        (12_500, 480_000, 500),
    ),
    "start": Relation(
        "project",
        "date",
        "{$s starts on $v|Work on $s begins on $v|The first day of $s is $v}",
        "the first day of $s",
        "When does $s start?",
        (2022, 2024, 1),
    ),
    "end": Relation(
        "project",
        "date",
        "{$s ends on $v|$s is to be finished on $v|The last day of $s is $v}",
        "the last day of $s",
        "When does $s end?",
        (2025, 2027, 1),
    ),
    "supplier": Relation(
        "project",
        "supplier",
        "{$s is supplied by $v|$v delivers the material for $s|The contract for $s went to $v}",
        "the supplier of $s",
        "Which company supplies $s?",
    ),
    "town": Relation(
        "site", "town", "{$v is the town in which $s stands|$s stands in $v}", "the town of $s", "In which town does $s stand?"
    ),
    "opened": Relation(
        "site",
        "date",
        "{$s was opened on $v|The doors of $s first opened on $v}",
        "the opening day of $s",
        "On which day was $s opened?",
        (1978, 2015, 1),
    ),
    "desks": Relation(
        "site",
        "number",
        "{$s has $v desks|There is room for $v desks at $s}",
        "the number of desks at $s",
        "How many desks has $s?",
        (20, 400, 1),
    ),
    "seat": Relation(
        "supplier", "town", "{$s has its seat in $v|$s is registered in $v}", "the seat of $s", "In which town has $s its seat?"
    ),
    "rate": Relation(
        "supplier",
        "money",
        "{$s charges $v a day|The daily rate of $s is $v}",
        "the daily rate of $s",
        "What is the daily rate of $s, in EUR?",
        (240, 1_900, 10),
    ),
    "joined": Relation(
        "person",
        "date",
        "{$s joined us on $v|$s has been with us since $v}",
        "the day on which $s joined",
        "On which day did $s join?",
        (2003, 2017, 1),
    ),
    "extension": Relation(
        "person",
        "number",
        "{$s can be reached at extension $v|The telephone extension of $s is $v}",
        "the telephone extension of $s",
        "What is the telephone extension of $s?",
        (1_001, 9_899, 1),
    ),
}

TOOK_OVER = "{On $d $p became head of $s|$p took over as head of $s on $d|As from $d, $s is headed by $p}"

TRADES: dict[str, tuple[str, ...]] = {
    "a group of clinics": ("Pharmacy", "Radiology", "Laundry", "Admissions", "Night Care", "Laboratory", "Kitchens"),
    "a shipping line": ("Chartering", "Crewing", "Stowage", "Dry Dock", "Customs", "Pilotage", "Bunkering"),
    "an observatory": ("Optics", "Spectroscopy", "Dome", "Archive", "Night Shift", "Cooling", "Visitors"),
    "a publishing house": ("Proofreading", "Maps", "Rights", "Bindery", "School Books", "Translation", "Reprints"),
    "a brewery": ("Malting", "Cooperage", "Bottling", "Yeast", "Cellars", "Deliveries", "Tasting"),
    "a seed bank": ("Drying", "Germination", "Vault", "Field Trips", "Labelling", "Greenhouses", "Exchange"),
}


@dataclass(frozen=True)
class Size:
    """How large a world and its corpus are. `old`: superseded statements beside those that a question needs."""

    units: int
    projects: int
    places: int
    documents: int
    drafts: int
    old: int
    hops: int


SIZES = {
    "easy": Size(units=2, projects=4, places=2, documents=5, drafts=1, old=2, hops=2),
    "middle": Size(units=3, projects=7, places=3, documents=8, drafts=2, old=6, hops=2),
    "hard": Size(units=5, projects=11, places=4, documents=12, drafts=3, old=14, hops=3),
}


@dataclass(frozen=True)
class World:
    """Facts and the entities that they are about.

    Attributes:
        kinds: entity to its kind.
        facts: what is true.
        heads: (unit, number) of a takeover to (day, person); such units have no plain fact of their head.
        old: superseded values by key.
        unstated: true, but stated nowhere.
    """

    name: str
    trade: str
    kinds: Mapping[str, str]
    facts: Mapping[Key, Value]
    heads: Mapping[str, tuple[tuple[date, str], ...]]
    old: Mapping[Key, Value]
    unstated: frozenset[Key] = frozenset()

    def of_kind(self, kind: str) -> list[str]:
        """Entities of a kind, in the order in which they were drawn."""
        return [name for name, its in self.kinds.items() if its == kind]

    def shown(self, entity: str) -> str:
        """An entity as texts call it."""
        kind = self.kinds[entity]
        return {"unit": f"the {entity} unit", "project": f"project {entity}", "supplier": f"the company {entity}"}.get(kind, entity)

    def another(self, rng: random.Random, key: Key, value: Value) -> Value:
        """Another value for that fact: of the same kind and not equal."""
        relation = RELATIONS[key[1]]
        while True:
            drawn = relation.value in ("number", "money", "date")
            made = draw_value(rng, relation) if drawn else rng.choice(self.of_kind(relation.value))
            if made != value:
                return made

    def edited(self, key: Key, value: Value) -> World:
        """The same world with one other fact."""
        return replace(self, facts={**self.facts, key: value})


def draw_value(rng: random.Random, relation: Relation) -> Value:
    """A number or a day."""
    low, high, step = relation.span
    if relation.value == "date":
        return date(low, 1, 1) + timedelta(days=rng.randrange((date(high, 12, 31) - date(low, 1, 1)).days))
    return rng.randrange(low, high + 1, step)


def draw_world(rng: random.Random, size: Size) -> World:
    """A world of that size: every relation of every entity has a value, and `size.old` of them have a superseded one."""
    inventor = Inventor(rng)
    trade = rng.choice(tuple(TRADES))
    kinds = _draw_entities(rng, inventor, trade, size)
    shell = World(inventor.company().name, trade, kinds, {}, {}, {})
    facts: dict[Key, Value] = {}
    for name, kind in kinds.items():
        for relation_name, relation in RELATIONS.items():
            if relation.subject == kind:
                entity = relation.value in set(kinds.values())
                facts[name, relation_name] = rng.choice(shell.of_kind(relation.value)) if entity else draw_value(rng, relation)
    for unit in shell.of_kind("unit"):  # every unit runs at least two projects, so that there is something to add up
        for project in rng.sample(shell.of_kind("project"), 2) if unit == shell.of_kind("unit")[0] else ():
            facts[project, "unit"] = unit
    heads = _draw_heads(rng, shell)
    for unit in heads:
        del facts[unit, "head"]
    superseded = rng.sample(sorted(facts), size.old)
    return replace(shell, facts=facts, heads=heads, old={key: shell.another(rng, key, facts[key]) for key in superseded})


def _draw_entities(rng: random.Random, inventor: Inventor, trade: str, size: Size) -> dict[str, str]:
    kinds = dict.fromkeys(rng.sample(TRADES[trade], size.units), "unit")
    for _ in range(size.projects):
        name = inventor.place()
        kinds[name] = "project"
        if rng.random() < 0.3 and sum(kind == "project" for kind in kinds.values()) < size.projects:
            kinds[f"{name} {rng.choice(('II', 'North', 'Minor'))}"] = "project"
        if sum(kind == "project" for kind in kinds.values()) >= size.projects:
            break
    for _ in range(size.places):
        kinds[f"{inventor.person('').last} {rng.choice(('House', 'Yard', 'Court'))}"] = "site"
        kinds[inventor.company().name] = "supplier"
    for _ in range(size.places + 2):
        kinds[inventor.place()] = "town"
    for _ in range(size.units + size.projects // 2):
        kinds[inventor.person("").name] = "person"
    return kinds


def _draw_heads(rng: random.Random, world: World) -> dict[str, tuple[tuple[date, str], ...]]:
    """One unit whose head has changed from time to time."""
    unit = rng.choice(world.of_kind("unit"))
    people = world.of_kind("person")
    count = min(len(people), rng.randint(3, 4))
    day = date(2018, 1, 1) + timedelta(days=rng.randrange(400))
    terms = []
    for person in rng.sample(people, count):
        terms.append((day, person))
        day += timedelta(days=rng.randint(150, 700))
    return {unit: tuple(terms)}
