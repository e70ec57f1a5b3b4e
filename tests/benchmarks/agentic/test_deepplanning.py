"""DeepPlanning: carts, coupons, parcels, archives, and what a cart is worth."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from shared_data import shared
from tripos.benchmarks.agentic.deepplanning import CartMatch, ask, calibration_case, deepplanning, reference_reply
from tripos.benchmarks.agentic.deepplanning_cart import COUPONS, Cart, delivery_days, threshold
from tripos.benchmarks.agentic.trajectory import Call
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring.scorer import Answer, Instruments
from tripos.scoring.structured import LastJson

PRODUCTS = {
    "A": {"product_id": "A", "price": 400.0, "stock_quantity": 3},
    "B": {"product_id": "B", "price": 250.5, "stock_quantity": 1},
}
USER = {"coupons": {COUPONS[0]: 2, COUPONS[1]: 1, COUPONS[9]: 1}, "is_vip": False}


def verdict_of(sample: Sample, text: str, turns: tuple[dict[str, Any], ...] = ()) -> Verdict:
    completion = Completion(text=text, finish_reason="stop", turns=turns)
    return CartMatch().score(sample, Answer(text, completion, LastJson()(sample, text)), Instruments())


def turns_of(*calls: tuple[str, dict[str, Any]], last: str = "Your cart is ready.") -> tuple[dict[str, Any], ...]:
    asked = [{"id": str(n), "name": name, "arguments": arguments} for n, (name, arguments) in enumerate(calls)]
    ended = ({"role": "assistant", "content": last},) if last else ()
    return ({"role": "assistant", "content": "", "tool_calls": asked}, *ended)


def play(*calls: tuple[str, dict[str, Any]], user: dict[str, Any] = USER) -> Cart:
    return Cart(PRODUCTS, user).play(Call(name, arguments, 1) for name, arguments in calls)


async def test_calibration() -> None:
    assert not [case for case in await calibrate(deepplanning.build()) if not case.ok]


@pytest.mark.parametrize("level", ["level1", "level2", "level3"])
def test_every_archived_case_is_a_sample_whose_own_cart_is_right(level: str) -> None:
    samples = list(deepplanning.build(Options(data=shared("deepplanning"), subset=level)).samples)
    assert [s.record_id for s in samples] == [f"shopping_{level}_case_1", f"shopping_{level}_case_2"]
    for sample in samples:
        prompt = ask(sample)
        assert all(p["product_id"] in prompt for p in sample.metadata["products"]) and sample.question in prompt
        assert '"delivery_days": ' in prompt
        assert ("Coupons of the profile" in prompt) == (level == "level3")
        assert verdict_of(sample, reference_reply(sample)).is_correct


def test_all_levels_are_read_without_a_subset() -> None:
    source = deepplanning.build(Options(data=shared("deepplanning"))).samples
    assert [s.subject for s in source] == ["level1"] * 2 + ["level2"] * 2 + ["level3"] * 2
    assert source.fingerprint()["digest"] == source.fingerprint()["digest"] is not None


def test_unpacked_cases_read_like_packed_ones(tmp_path: Path) -> None:
    with tarfile.open(shared("deepplanning/invented/database_level3.tar.gz")) as packed:
        packed.extractall(tmp_path, filter="data")
    options = Options(data=tmp_path, subset="level3")
    assert list(deepplanning.build(options).samples) == list(
        deepplanning.build(Options(data=shared("deepplanning"), subset="level3")).samples
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ground_truth_products": [{"product_id": "Z"}]}, "lacks product 'Z'"),
        ({"query": " "}, "no query"),
        ({"ground_truth_products": []}, "no"),
    ],
)
def test_a_case_that_cannot_be_graded_is_an_error(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    case = {"query": "A.", "ground_truth_products": [{"product_id": "A"}], "ground_truth_coupons": {}} | change
    with tarfile.open(tmp_path / "database_level1.tar.gz", "w:gz") as packed:
        for name, text in (("validation_cases.json", json.dumps(case)), ("products.jsonl", json.dumps(PRODUCTS["A"]))):
            entry = tarfile.TarInfo(f"database_level1/case_1/{name}")
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    with pytest.raises(DatasetError, match=said):
        list(deepplanning.build(Options(data=tmp_path, subset="level1")).samples)


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="neither database_level1"):
        list(deepplanning.build(Options(data=tmp_path)).samples)
    for options in (Options(subset="level4"), Options(judge="never"), Options(split="test")):
        with pytest.raises(ConfigError):
            deepplanning.build(options)


@pytest.mark.parametrize(
    ("cart", "value", "right", "official"),
    [
        ({"products": ["S2", "L1"], "coupons": {COUPONS[0]: 1}}, 1.0, True, 1.0),
        ({"products": ["S2", "L1", "S1"], "coupons": {COUPONS[0]: 1}}, 0.75, False, 1.0),
        ({"products": ["S2", "L1"], "coupons": {COUPONS[0]: 2}}, 2 / 3, False, 0.0),
        ({"products": ["S2", "L1"], "coupons": {}}, 2 / 3, False, 0.0),
        ({"products": ["S2", "L1"], "coupons": {COUPONS[0]: 1, COUPONS[4]: 1}}, 0.75, False, 1.0),
        ({"products": ["S2"], "coupons": {}}, 1 / 3, False, 0.0),
        ({"products": [], "coupons": {}}, 0.0, False, 0.0),
    ],
)
def test_coupons_count_and_extras_are_reported(cart: dict[str, Any], value: float, right: bool, official: float) -> None:
    verdict = verdict_of(calibration_case("level3"), json.dumps(cart, ensure_ascii=False))
    assert verdict.value == pytest.approx(value)
    assert (verdict.is_correct, verdict.metrics["case_score"], verdict.outcome) == (right, official, Outcome.SCORED)


@pytest.mark.parametrize(
    "text", ['{"products": ["S2"]}', '{"products": [1], "coupons": {}}', '{"products": [], "coupons": {"x": 1.5}}', "S2, L1"]
)
def test_a_cart_of_another_form_is_a_wrong_format(text: str) -> None:
    assert verdict_of(calibration_case("level1"), text).outcome is Outcome.WRONG_FORMAT


def test_the_shop_refuses_what_it_has_not_got() -> None:
    cart = play(
        ("add_product_to_cart", {"product_id": "A", "quantity": 3}),
        ("add_product_to_cart", {"product_id": "A"}),
        ("add_product_to_cart", {"product_id": "B", "quantity": -1}),
        ("add_product_to_cart", {"product_id": "Z"}),
        ("delete_product_from_cart", {"product_id": "A", "quantity": 2}),
        ("get_cart_info", {}),
    )
    assert (cart.items, cart.total()) == ({"A": 1}, 400.0)
    assert play(("add_product_to_cart", {"product_id": "B"}), ("delete_product_from_cart", {"product_id": "B", "quantity": 9})).items == {}


def test_coupons_need_owner_price_and_rank() -> None:
    full = ("add_product_to_cart", {"product_id": "A", "quantity": 3})
    add = "add_coupon_to_cart"
    assert play((add, {"coupon_name": COUPONS[0]})).coupons == {}
    assert play(full, (add, {"coupon_name": COUPONS[0], "quantity": 2}), (add, {"coupon_name": COUPONS[1]})).coupons == {
        COUPONS[0]: 2,
        COUPONS[1]: 1,
    }
    assert play(full, (add, {"coupon_name": COUPONS[0], "quantity": 3})).coupons == {}
    assert play(full, (add, {"coupon_name": COUPONS[9]})).coupons == {}
    assert play(full, (add, {"coupon_name": COUPONS[9]}), user={**USER, "is_vip": True}).coupons == {COUPONS[9]: 1}
    assert play(full, (add, {"coupon_name": COUPONS[0]}), ("delete_coupon_from_cart", {"coupon_name": COUPONS[0]})).coupons == {}
    assert (threshold(COUPONS[3]), threshold("free")) == (1200.0, float("inf"))


def test_a_recorded_session_is_graded_by_its_cart() -> None:
    sample = calibration_case("level3")
    calls = [("add_product_to_cart", {"product_id": one}) for one in ("S1", "S2", "L1")]
    good = [*calls, ("delete_product_from_cart", {"product_id": "S1"}), ("add_coupon_to_cart", {"coupon_name": COUPONS[0]})]
    done = verdict_of(sample, "Your cart is ready.", turns_of(*good))
    assert (done.value, done.is_correct, done.metrics["complete"]) == (1.0, True, 1.0)
    cut = verdict_of(sample, "", turns_of(*good, last=""))
    assert (cut.is_correct, cut.metrics["complete"]) == (True, 0.0)
    told = verdict_of(sample, reference_reply(sample), turns_of(*calls[:1], last=reference_reply(sample)))
    assert told.is_correct is False


def test_the_summary_has_the_official_figures() -> None:
    rows: Any = [
        (Outcome.SCORED, {"case_score": 1.0, "matched": 3.0, "expected": 3.0, "complete": 1.0}),
        (Outcome.SCORED, {"case_score": 0.0, "matched": 0.0, "expected": 3.0, "complete": 0.0}),
        (Outcome.WRONG_FORMAT, {}),
    ]
    assert CartMatch().aggregate(rows) == {
        "official_case_score": 0.5,
        "official_match_rate": 0.5,
        "incomplete_rate": 0.5,
        "valid": 0.0,
    }
    assert CartMatch().aggregate([])["valid"] is None


@pytest.mark.parametrize(
    ("origin", "provider", "address", "days"),
    [
        ("zhejiang", "ems", "shanghai", 1),
        ("Guangdong Province", "china post", "beijing", 5),
        ("xinjiang", "sf", "heilongjiang", 4),
        ("tibet", "default", "inner mongolia", 5),
        ("henan", "sf_express", "sichuan", 2),
        ("nowhere", "sf", "beijing", None),
        ("beijing", "sf", "", None),
    ],
)
def test_how_long_a_parcel_takes(origin: str, provider: str, address: str, days: int | None) -> None:
    assert delivery_days({"shipping_info": {"origin": origin, "provider": provider}}, address) == days


@pytest.mark.parametrize("attack", attacks('{"products": ["S1"], "coupons": {}}', '{"products": ["S2", "L1"]}').values())
def test_words_around_a_cart_change_nothing(attack: str) -> None:
    assert verdict_of(calibration_case("level1"), attack).is_correct is False


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add_product_to_cart", "delete_product_from_cart", "add_coupon_to_cart", "x"]),
            st.dictionaries(
                st.sampled_from(["product_id", "coupon_name", "quantity"]),
                st.sampled_from(["A", "B", COUPONS[0], 1, 2, -1, 1e9, None, True, float("nan")]),
            ),
        )
    )
)
def test_any_calls_leave_a_possible_cart(calls: list[tuple[str, dict[str, Any]]]) -> None:
    cart = play(*calls)
    assert all(0 < count <= PRODUCTS[name]["stock_quantity"] for name, count in cart.items.items())  # type: ignore[operator]
    assert all(0 < count <= USER["coupons"][name] for name, count in cart.coupons.items())  # type: ignore[index]
