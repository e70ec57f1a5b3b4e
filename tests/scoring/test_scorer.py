"""A scorer that breaks its promise is at fault, never the candidate: what cannot be counted or recorded is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tripos.core.errors import ScorerError
from tripos.core.records import Extraction, Outcome, Verdict
from tripos.scoring.scorer import check_extraction, check_verdict, means


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(value=0.5, is_correct=False),
        Verdict(value=1, is_correct=True, metrics={"bleu": 0.25, "none": None, "count": 3}),
        Verdict(value=None, is_correct=None, outcome=Outcome.JUDGE_FAILED),
        Verdict(value=0.0, is_correct=False, details={"why": ["a", {"b": None}], "tags": ("x",)}),
    ],
)
def test_what_is_promised_passes_unchanged(verdict: Verdict) -> None:
    assert check_verdict(verdict) is verdict


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (None, "gave None, no Verdict"),
        (True, "gave True, no Verdict"),
        ({"value": 1.0}, "no Verdict"),
        (Verdict(value=float("nan"), is_correct=False), "score = nan"),
        (Verdict(value=float("inf"), is_correct=True), "score = inf"),
        (Verdict(value="0.5", is_correct=False), "score = '0.5', no float"),  # type: ignore[arg-type]
        (Verdict(value=True, is_correct=True), "score = True, no float"),
        (Verdict(value=np.float64(0.5), is_correct=False), "no float"),
        (Verdict(value=0.5, is_correct=False, metrics={"bleu": "high"}), "bleu = 'high', no float"),  # type: ignore[dict-item]
        (Verdict(value=0.5, is_correct=False, metrics={1: 0.5}), "named a metric 1"),  # type: ignore[dict-item]
        (Verdict(value=1.0, is_correct=1), "is_correct = 1, neither"),  # type: ignore[arg-type]
        (Verdict(value=1.0, is_correct=np.True_), "neither True nor False nor None"),  # type: ignore[arg-type]
        (Verdict(value=1.0, is_correct=True, outcome="scored"), "outcome = 'scored', no Outcome"),  # type: ignore[arg-type]
        (Verdict(value=1.0, is_correct=True, details={"seen": object()}), "details cannot be recorded"),
    ],
)
def test_what_is_not_is_refused_with_what_it_is(verdict: Any, said: str) -> None:
    with pytest.raises(ScorerError, match=said):
        check_verdict(verdict)


@pytest.mark.parametrize("answer", [None, "B", 3, 0.5, True, ["a", 1], {"b": None}])
def test_an_answer_may_be_anything_that_can_be_written(answer: Any) -> None:
    assert check_extraction(Extraction(answer=answer)).answer == answer


@pytest.mark.parametrize(("extraction", "said"), [(Extraction(answer=object()), "cannot be recorded"), ("B", "gave 'B', no Extraction")])
def test_an_answer_that_cannot_is_refused(extraction: Any, said: str) -> None:
    with pytest.raises(ScorerError, match=said):
        check_extraction(extraction)


def test_a_mean_is_over_the_answers_that_have_the_metric() -> None:
    rows = [(Outcome.SCORED, {"a": 1.0, "b": None}), (Outcome.REFUSED, {"a": 0.0}), (Outcome.SCORED, {})]
    assert means(rows, ["a", "b", "c"]) == {"a": 0.5, "b": None, "c": None}
