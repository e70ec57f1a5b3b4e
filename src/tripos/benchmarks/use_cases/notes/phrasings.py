"""Two vocabularies for the same things: notes speak the first, questions the second, and they share no content word.

Searching the notes for the words of a question therefore finds nothing but by meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

THINGS: tuple[tuple[str, str], ...] = (
    ("kiln", "pottery oven"),
    ("lathe", "wood-turning machine"),
    ("boiler", "hot-water heater"),
    ("generator", "emergency power set"),
    ("aquarium", "fish tank"),
    ("freezer", "ice chest"),
    ("printer", "device that puts ink on paper"),
    ("bicycle", "two-wheeler"),
    ("lawnmower", "grass cutter"),
    ("microscope", "magnifying instrument"),
    ("safe", "strongbox"),
    ("telescope", "tube for watching the stars"),
    ("loom", "weaving frame"),
    ("lift", "elevator"),
    ("drill", "boring tool"),
    ("vacuum cleaner", "dust remover"),
    ("piano", "musical instrument with black and white keys"),
    ("clock", "timepiece"),
    ("fan", "air blower"),
    ("tractor", "farm vehicle that pulls trailers"),
)
PLACES: tuple[tuple[str, str], ...] = (
    ("in the cellar", "in the basement"),
    ("in the attic", "under the roof"),
    ("in the chapel", "in the small church"),
    ("in the barn", "where the hay is kept"),
    ("in the canteen", "in the staff restaurant"),
    ("in the gatehouse", "in the porter's lodge"),
    ("in the archive", "among the old files"),
    ("in the garage", "where the cars are parked"),
    ("in the infirmary", "in the sick bay"),
    ("in the greenhouse", "in the glass building for plants"),
    ("in the boathouse", "in the shed by the lake"),
    ("in the courtyard", "outdoors between the buildings"),
    ("in the library", "in the hall full of books"),
    ("in the kitchen", "where meals are cooked"),
)

Thing = tuple[int, int]
"""Indexes into THINGS and PLACES."""


def noted(thing: Thing) -> str:
    """A thing as notes call it."""
    return f"the {THINGS[thing[0]][0]} {PLACES[thing[1]][0]}"


def asked(thing: Thing) -> str:
    """The same thing as questions call it."""
    return f"the {THINGS[thing[0]][1]} {PLACES[thing[1]][1]}"


@dataclass(frozen=True)
class Attribute:
    """One kind of fact: `value` is "code", "person", "firm", "date", "money" or "number" (`low` to `high`).

    `$s` is the thing (or the person), `$v` the value; `{this|that}` are alternatives.
    """

    value: str
    say: str
    ask: str
    low: int = 0
    high: int = 0

    @property
    def answer_type(self) -> str:
        """How an answer is compared."""
        return {"money": "number", "number": "number", "date": "date"}.get(self.value, "name")


OF_THINGS: dict[str, Attribute] = {
    "fuse": Attribute(
        "code",
        "{$s needs fuse $v|For $s only fuse $v will do|$s runs on fuse $v}",
        "{Which electrical cut-out belongs to $s?|Which cut-out does one fit into $s?}",
    ),
    "care": Attribute(
        "person",
        "{$v looks after $s|$s is looked after by $v|$v takes care of $s}",
        "{Who is responsible for $s?|Who is in charge of $s?}",
    ),
    "price": Attribute(
        "money",
        "{$s was bought for $v|We paid $v for $s|The bill for $s came to $v}",
        "{How much did $s cost, in EUR?|What was the purchase price of $s, in EUR?}",
    ),
    "check": Attribute(
        "date",
        "{$s is due for a check on $v|The next check of $s is set for $v}",
        "{When will $s be inspected?|On which day is $s going to be examined?}",
    ),
    "guarantee": Attribute(
        "date",
        "{The guarantee of $s ends on $v|$s is under guarantee until $v}",
        "{When does the warranty for $s run out?|What is the last day of the warranty for $s?}",
    ),
    "weight": Attribute(
        "number",
        "{$s weighs $v kg|We put $s on the scales: $v kg}",
        "{How heavy is $s, in kilograms?|What is the mass of $s, in kilograms?}",
        3,
        960,
    ),
    "manual": Attribute(
        "code",
        "{The manual of $s lies on shelf $v|You will find the manual of $s on shelf $v}",
        "{Where are the operating instructions for $s?|In which compartment are the operating instructions for $s?}",
    ),
    "maker": Attribute(
        "firm",
        "{$s was built by $v|$v built $s|$s comes from $v}",
        "{Which company manufactured $s?|Who is the manufacturer of $s?}",
    ),
    "pin": Attribute(
        "number",
        "{The PIN of $s is $v|$s starts with the PIN $v}",
        "{Which digits must one type to switch $s on?|Which digits does $s require before it will work?}",
        1_001,
        9_899,
    ),
    "belt": Attribute(
        "code",
        "{Spare belts for $s are stock item $v|Belts for $s are listed as stock item $v}",
        "{Under which reference does one order new straps for $s?|Which reference do replacement straps for $s have?}",
    ),
}
OF_PEOPLE: dict[str, Attribute] = {
    "room": Attribute(
        "number", "{$s sits in room $v|The desk of $s is in room $v}", "{In which office does $s work?|What is the office of $s?}", 101, 989
    ),
    "extension": Attribute(
        "number",
        "{$s answers at extension $v|Extension $v is that of $s}",
        "{Under which telephone number does one reach $s?|Which telephone number has $s?}",
        2_001,
        9_899,
    ),
}
RESPONSIBLE = "whoever is responsible for $s"
NICKNAME = "{We call $s $v|Around here $s goes by the name of $v|$v is what we call $s}"
WITHDRAWAL = "{Please ignore note $n, it was a mix-up|Note $n is withdrawn|I take back note $n; it was wrong}"
TOTAL = "{What did everything $p cost altogether, in EUR?|What is the sum of all purchase prices of things $p, in EUR?}"
EVERYONE = "{Who are all the people responsible for things $p?|Name everybody who is in charge of something $p.}"
_SHARED = (
    "a all among an and any are at be before being by does did do for from goes going has have how in into is it its",
    "name of off on one only or out put set so that the there they to under until was we what when where which who will with",
    "you your between eur",
)
FUNCTION_WORDS = frozenset(word for line in _SHARED for word in line.split())
"""Words that notes and questions may share."""
