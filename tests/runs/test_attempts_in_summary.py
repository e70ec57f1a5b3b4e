"""Any and all of k attempts, as the summary tells them."""

from __future__ import annotations

from collections import Counter

import pytest

from tripos.reports.run_report import _attempts as words
from tripos.runs.columns import Columns
from tripos.runs.spec import ModelSpec
from tripos.runs.summary import _attempts


def _tried(*counts: tuple[int, int]) -> Columns:
    columns = Columns(ModelSpec(name="m"))
    columns.tries = Counter(counts)
    return columns


def test_any_and_all_of_k_are_averaged_over_items() -> None:
    found = _attempts(_tried((4, 4), (4, 2), (4, 0)))
    assert found is not None and found["fewest"] == 4
    assert found["pass_at_k"]["2"] == pytest.approx((1 + 5 / 6 + 0) / 3)
    assert found["all_k"]["2"] == pytest.approx((1 + 1 / 6 + 0) / 3)
    assert found["pass_at_k"]["1"] == found["all_k"]["1"] == pytest.approx(0.5)
    assert words(found) == "attempts: any right 0.6111 of 2, 0.6667 of 4 (pass@k); all right 0.3889 of 2, 0.3333 of 4 (pass^k)"


def test_k_stops_at_the_fewest_attempts_of_an_item() -> None:
    found = _attempts(_tried((4, 1), (2, 1)))
    assert found is not None
    assert list(found["all_k"]) == ["1", "2"]


def test_one_attempt_has_nothing_to_tell() -> None:
    assert _attempts(_tried((1, 1), (3, 2))) is None
    assert _attempts(_tried()) is None


def test_other_prompts_are_no_further_attempts() -> None:
    columns = Columns(ModelSpec(name="m"))
    for record in ("a", "b"):
        for variant, right in (("default", 1.0), ("terse", 0.0)):
            columns._take_item(record, variant, None, right)
    columns.close()
    assert columns.items.tolist() == [0.5, 0.5]  # an item is its record, however it was asked
    assert columns.tries == {(1, 1): 2, (1, 0): 2}
    assert _attempts(columns) is None
