"""A maker's products, works and suppliers as facts, and what its web site says of them: rightly, no longer, or not at all.

A fact has a key (thing, attribute). `facts` is what holds; the site may say something else of it on pages that do not count or
that a later press release has overtaken, and says nothing of what is in `unstated`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from tripos.benchmarks.use_cases.invented_names import Inventor

Key = tuple[str, str]
Value = int | str

NUMBERS = {"weight": (180, 4_900), "price": (39, 990), "runtime": (4, 60), "warranty": (12, 72)}
PRODUCT = ("weight", "price", "runtime", "warranty", "release", "works", "supplier")
WORKS = ("opened", "manager", "staff")
SUPPLIER = ("founded", "head", "town")
CATEGORIES = ("lamps", "pumps", "scales", "sprayers")


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    products: int
    archived: int
    releases: int
    posts: int
    unstated: int
    noise: int
    claims: int


SIZES = {
    "easy": Size(products=6, archived=2, releases=3, posts=2, unstated=4, noise=1, claims=3),
    "middle": Size(products=10, archived=4, releases=5, posts=4, unstated=6, noise=2, claims=4),
    "hard": Size(products=16, archived=7, releases=8, posts=6, unstated=9, noise=4, claims=5),
}


@dataclass(frozen=True)
class World:
    """See the module.

    Attributes:
        products: name to category; each second one is called almost like the one before it.
        overtaken: what a product's page still says where a later press release has changed it.
        stale: what press releases older than the product's page said.
        archived: what archived pages say.
        hearsay: what visitors write.
        shipping: (up to so many grams, euros), ascending.
    """

    firm: str
    domain: str
    products: Mapping[str, str]
    works: tuple[str, ...]
    suppliers: tuple[str, ...]
    facts: Mapping[Key, Value]
    unstated: frozenset[Key]
    overtaken: Mapping[Key, Value]
    stale: Mapping[Key, Value]
    archived: Mapping[Key, Value]
    hearsay: Mapping[Key, Value]
    shipping: tuple[tuple[int, int], ...]
    seed: str

    def stated(self, key: Key) -> Value | None:
        """What holds, if a page that counts says it."""
        return None if key in self.unstated else self.facts[key]


def draw_world(rng: random.Random, size: Size) -> World:
    """A site with its traps; nothing is asked yet."""
    inventor = Inventor(rng)
    company = inventor.company()
    works, suppliers = tuple(inventor.place() for _ in range(3)), tuple(inventor.company().name for _ in range(4))
    products: dict[str, str] = {}
    while len(products) < size.products:
        line, number, category = inventor.company().name.split()[0], rng.randint(2, 9), rng.choice(CATEGORIES)
        products[f"{line} {number}"] = category
        products[f"{line} {number}{rng.choice(('S', ' Plus', ' Pro'))}"] = category
    facts: dict[Key, Value] = {}
    for name in products:
        facts |= {(name, attribute): draw_value(rng, attribute, inventor, works, suppliers) for attribute in PRODUCT}
    for name in works:
        facts |= {(name, attribute): draw_value(rng, attribute, inventor, works, suppliers) for attribute in WORKS}
    for name in suppliers:
        facts |= {(name, attribute): draw_value(rng, attribute, inventor, works, suppliers) for attribute in SUPPLIER}
    of_products = [(name, attribute) for name in products for attribute in PRODUCT]
    changing = [key for key in of_products if key[1] in ("price", "warranty", "runtime", "works", "supplier")]
    rng.shuffle(changing)
    half = (size.releases + 1) // 2
    unstated = rng.sample([key for key in of_products if key not in changing[: size.releases] and key[1] != "works"], size.unstated)

    def other(key: Key) -> Value:
        return another(rng, key, facts, inventor, works, suppliers)

    archived = {
        (name, attribute): other((name, attribute))
        for name in rng.sample(sorted(products), size.archived)
        for attribute in rng.sample(PRODUCT, 4)
    }
    told = [*rng.sample(unstated, size.posts // 2), *rng.sample(of_products, size.posts - size.posts // 2)]
    return World(
        firm=company.name,
        domain=f"www.{company.domain}",
        products=products,
        works=works,
        suppliers=suppliers,
        facts=facts,
        unstated=frozenset(unstated),
        overtaken={key: other(key) for key in changing[:half]},
        stale={key: other(key) for key in changing[half : size.releases]},
        archived=archived,
        hearsay={key: other(key) for key in told},
        shipping=tuple(zip((2_000, 8_000, 40_000), sorted(rng.sample(range(4, 30), 3)), strict=True)),
        seed=f"{rng.getrandbits(64):x}",
    )


def draw_value(rng: random.Random, attribute: str, inventor: Inventor, works: tuple[str, ...], suppliers: tuple[str, ...]) -> Value:
    """A value of that attribute: a whole number, an ISO day or a name."""
    if attribute in NUMBERS:
        low, high = NUMBERS[attribute]
        return rng.randint(low, high)
    if attribute == "release":
        return (date(2019, 1, 1) + timedelta(days=rng.randrange(2_400))).isoformat()
    if attribute in ("opened", "founded"):
        return rng.randint(1890, 2015)
    if attribute == "staff":
        return rng.randint(40, 900)
    if attribute in ("manager", "head"):
        return inventor.person("").name
    return {"works": rng.choice(works), "supplier": rng.choice(suppliers), "town": inventor.place()}[attribute]


def another(
    rng: random.Random, key: Key, facts: Mapping[Key, Value], inventor: Inventor, works: tuple[str, ...], suppliers: tuple[str, ...]
) -> Value:
    """A value of the same kind that is not the right one."""
    while True:
        value = draw_value(rng, key[1], inventor, works, suppliers)
        if value != facts[key]:
            return value
