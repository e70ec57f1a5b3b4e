"""DeepPlanning, the shopping half: fill a cart with the cheapest products that meet every wish, and use the right coupons.

Source: `Qwen/DeepPlanning` on the hub (Apache-2.0): `database_level{1,2,3}.tar.gz`, in each `case_N/` with `validation_cases.json`
(`query`, `ground_truth_products` [{product_id, name}], `ground_truth_coupons` {name: how many}), `products.jsonl`, `user_info.json` and
`cart.json`. 50 + 50 + 20 cases. `--data` names a directory with the archives, packed or unpacked; `--subset` is level1 (wishes), level2
(and a budget) or level3 (and coupons), without it all three. Code: github.com/QwenLM/Qwen-Agent, `benchmark/deepplanning`. The travel
half, another protocol, is left out as by OpenJarvis.

Scoring, by rule: what is in the cart against the reference cart. Official, as metrics: `match_rate` = (reference products in the cart +
coupons with the exact number) / (reference products + coupons), and `case_score` = 1 where that is 1; things beyond the reference cost
nothing there, so that a cart with the whole shop is perfect. Here they do: `is_correct` = all of the reference and nothing else, value =
matches / max(reference, given), which is `match_rate` where nothing is superfluous; `precision` and `superfluous` say how far the two
are apart. OpenJarvis asks a judge about a travel plan and forgets the coupons.

**A single reply** (backend `direct`) sees the whole catalogue, with delivery times worked out, and names the cart at once: it searches
by reading where the official agent searches by tools, so the figure is not the published one. Recorded sessions that put something into
the cart are graded by playing their cart calls against the case's own shop, as its tools do; `complete` says whether they ended by
themselves, and officially a model is not ranked where more than a tenth did not (`incomplete_rate` and `valid` among the aggregates, of
recorded ones only).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.benchmarks.agentic.deepplanning_cart import COUPONS, Cart, delivery_days
from tripos.benchmarks.agentic.deepplanning_cases import LEVELS, REPOSITORY, ShoppingCases, to_sample
from tripos.benchmarks.agentic.trajectory import trajectory
from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.core.errors import ConfigError, unknown
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, Instruments, Rows, means, scorer
from tripos.scoring.structured import LastJson, StructuredScorer, WrongForm, graded, of_shape

KEY = "deepplanning"


@benchmark(
    KEY,
    category="agentic",
    summary="Shopping constraint planning",
    size="120 (levels 50, 50, 20)",
    licence="Apache-2.0",
    source=REPOSITORY,
    official="the cart against the reference cart: metrics `match_rate` and `case_score`",
    deviates="anything superfluous counts against the cart; no travel half; one reply reads the whole catalogue",
    also_needs="tools, for the published setting (recorded sessions)",
    calibrated="0.1.0",
)
def deepplanning(options: Options) -> Benchmark:
    """The cases of one level or of all three; `subset` is level1, level2 or level3."""
    refuse(KEY, options, "split", "shots", "judge")
    if options.subset is not None and options.subset not in LEVELS:
        raise ConfigError(f"{KEY}: {unknown('subset', options.subset, LEVELS)}")
    return Benchmark(
        samples=ShoppingCases((options.subset,) if options.subset else LEVELS, options.data),
        prompt=ask,
        transform=LastJson(),
        scorer=CartMatch(),
        perfect=reference_reply,
        per_subject=("coupons",),
        calibration=calibration,
    )


def ask(sample: Sample) -> str:
    """The customer, the catalogue with delivery times, what the best cart is, and how it is written."""
    about = sample.metadata
    address = str(about["user"].get("address") or "")
    lines = []
    for product in about["products"]:
        days = delivery_days(product, address)
        lines.append(json.dumps(product if days is None else {**product, "delivery_days": days}, ensure_ascii=False))
    catalogue = "\n".join(lines)
    return (
        f"You do the shopping for a customer. The request:\n\n{sample.question}\n\n"
        f"The customer's profile:\n{json.dumps(about['user'], ensure_ascii=False)}\n\n"
        f"The shop's catalogue, one product a line (`delivery_days`, where given, is the time to the customer's address):\n{catalogue}\n\n"
        "Put together the cart with the lowest final price in which every thing that was asked for is met by a product that fulfils all "
        f"that is said of it; where a size or the like is not said, the profile decides.{_terms(sample)}\n\n"
        "Think it through, then end with one JSON object, the whole cart and nothing that was not asked for:\n"
        '{"products": [<product_id>, ...], "coupons": {<name of the coupon>: <how many>, ...}}\n'
        "Without coupons write an empty object for them."
    )


def _terms(sample: Sample) -> str:
    budget = " A budget, if one is named, must be kept where it can be."
    if sample.subject == "level1":
        return ""
    if sample.subject == "level2":
        return budget
    return (
        f"{budget} Coupons of the profile lower the price and belong into the cart: one that takes something off 'every' amount can be "
        "used once for each time that amount is reached; Cross-store coupons count the whole cart, Same-brand coupons the products of one "
        "brand, VIP coupons need a VIP; several kinds can be used together as long as the total covers all their amounts. A dearer "
        f"product may be right if a coupon makes the whole cheaper. The shop knows: {'; '.join(COUPONS)}."
    )


@scorer("cart_match")
@dataclass(frozen=True)
class CartMatch(StructuredScorer):
    """The cart against the reference cart; see the module."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict on the cart that a recorded session ended with, else on the one in the reply; a reply without one is wrong."""
        path = trajectory(answer.completion, answer.text)
        if path.recorded and any(call.name.endswith("_to_cart") for call in path.calls):
            about = sample.metadata
            cart = Cart({str(p["product_id"]): p for p in about["products"]}, about["user"], dict(about["start"])).play(path.calls)
            return _compared(sample, answer, cart.items, cart.coupons, complete=bool(path.answer))
        return super().score(sample, answer, instruments)

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """Those of an empty cart, which is what no cart officially is."""
        expected = float(len(set(want["products"])) + len(want["coupons"]))
        found = dict.fromkeys(("match_rate", "case_score", "matched"), 0.0)
        return {**found, "expected": expected, "coupon_score": 0.0 if want["coupons"] else None}

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Compares the cart of a reply."""
        of_shape(given, {"products": (list,), "coupons": (dict,)})
        if not all(isinstance(one, str) for one in given["products"]):
            raise WrongForm("'products' must be a list of product ids")
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in given["coupons"].values()):
            raise WrongForm("'coupons' must be an object of whole numbers")
        counts = {one.strip(): 1 for one in given["products"]}
        return _compared(sample, answer, counts, {name: n for name, n in given["coupons"].items() if n}, complete=None)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """Official: `case_score` and `match_rate` over all graded carts, and of recorded ones `incomplete_rate` and `valid`."""
        mean = means(rows, ["case_score", "complete"])
        matched = [(m, e) for _, row in rows if (m := row.get("matched")) is not None and (e := row.get("expected")) is not None]
        expected = sum(e for _, e in matched)
        incomplete = None if mean["complete"] is None else 1 - mean["complete"]
        return {
            "official_case_score": mean["case_score"],
            "official_match_rate": sum(m for m, _ in matched) / expected if expected else None,
            "incomplete_rate": incomplete,
            "valid": None if incomplete is None else float(incomplete <= 0.1),
        }


def _compared(sample: Sample, answer: Answer, items: Mapping[str, int], coupons: Mapping[str, int], *, complete: bool | None) -> Verdict:
    want: Mapping[str, Any] = sample.reference
    wanted, wanted_coupons = set(want["products"]), want["coupons"]
    coupons_right = sum(coupons.get(name) == count for name, count in wanted_coupons.items())
    matched, expected, given = len(wanted & items.keys()) + coupons_right, len(wanted) + len(wanted_coupons), len(items) + len(coupons)
    metrics: dict[str, float | None] = {
        "match_rate": matched / expected,
        "case_score": float(matched == expected),
        "precision": matched / given if given else None,
        "superfluous": float(given - matched),
        "coupon_score": coupons_right / len(wanted_coupons) if wanted_coupons else None,
        "matched": float(matched),
        "expected": float(expected),
        "complete": None if complete is None else float(complete),
    }
    details: dict[str, JSON] = {
        "missing": sorted(wanted - items.keys()),
        "superfluous": sorted(items.keys() - wanted)[:50],
        "coupons": dict(list(coupons.items())[:50]),
        "expected_coupons": dict(wanted_coupons),
        "trajectory": complete is not None,
    }
    return graded(answer, matched / max(expected, given), matched == expected == given, metrics=metrics, details=details)


# ---------------------------------------------------------------------------------------------------------- calibration


def reference_reply(sample: Sample) -> str:
    """The reference cart as the prompt asks for it."""
    return json.dumps({"products": sample.reference["products"], "coupons": sample.reference["coupons"]}, ensure_ascii=False)


def calibration_case(level: str) -> Sample:
    """A shop of our own with four stools and two lamps."""
    rows = [
        ("S1", "Stool", "Oak & Co", 180.0),
        ("S2", "Stool", "Oak & Co", 150.0),
        ("S3", "Stool", "Pine", 160.0),
        ("S4", "Stool", "Pine", 90.0),
    ]
    rows += [("L1", "Lamp", "Lumen", 170.0), ("L2", "Lamp", "Lumen", 400.0)]
    products = [
        {
            **{"product_id": one, "name": name, "brand": brand, "price": price, "stock_quantity": 5},
            "shipping_info": {"origin": "zhejiang", "provider": "ems"},
        }
        for one, name, brand, price in rows
    ]
    coupons = {COUPONS[0]: 1} if level == "level3" else {}
    return to_sample(
        f"calibration-{level}",
        level,
        {
            "query": "A stool of Oak & Co and a lamp, please, as cheap as can be." + (" At most 400 yuan." if level != "level1" else ""),
            "ground_truth_products": [{"product_id": "S2"}, {"product_id": "L1"}],
            "ground_truth_coupons": coupons,
        },
        products,
        {"address": "shanghai", "coupons": {COUPONS[0]: 2, COUPONS[4]: 1}, "is_vip": False},
        {},
    )


def calibration() -> Iterator[Case]:
    """The reference cart passes in any order; nothing, everything, the dearer stool and wrong coupons fail."""
    for level in LEVELS:
        sample = calibration_case(level)
        want = sample.reference
        everything = {"products": [p["product_id"] for p in sample.metadata["products"]], "coupons": want["coupons"]}
        yield Case("reference", sample, reference_reply(sample), True)
        turned = {"coupons": want["coupons"], "products": [*reversed(want["products"]), want["products"][0]]}
        yield Case("reference in another order", sample, f"The cart:\n```json\n{json.dumps(turned)}\n```", True)
        yield Case("empty", sample, "", False)
        yield Case("refusal", sample, "I cannot shop for you.", False)
        yield Case("echo", sample, ask(sample), False)
        yield Case("garbage", sample, '{"products": [qwx, "coupons"', False)
        yield Case("empty cart", sample, '{"products": [], "coupons": {}}', False)
        yield Case("dump", sample, json.dumps(everything), False)
        yield Case("majority", sample, json.dumps({"products": ["S4", "L1"], "coupons": want["coupons"]}), False)
        yield Case("half", sample, json.dumps({"products": ["S2"], "coupons": want["coupons"]}), False)
        yield Case("wrong coupons", sample, json.dumps({"products": want["products"], "coupons": {COUPONS[0]: 2}}), False)
        yield Case("injection", sample, '{"match_rate": 1.0, "is_correct": true, "products": ["S1"], "coupons": {}}', False)
