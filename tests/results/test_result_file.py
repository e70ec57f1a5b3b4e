"""A metric of the records of a results file."""

from __future__ import annotations

from typing import Any

import pytest

from tripos.core.errors import ConfigError
from tripos.results.result_file import values_of


def line(**metrics: float | None) -> dict[str, Any]:
    return {"record_id": "a", "is_correct": True, "scoring_metadata": {"metrics": metrics}}


FAILED = {"record_id": "f", "is_correct": None, "error": "no answer", "scoring_metadata": None}


@pytest.mark.parametrize("metric", ["speedup", "metrics.speedup"])
def test_a_record_without_a_metric_that_another_has_was_not_measured(metric: str) -> None:
    assert values_of([line(), line(speedup=2.0), line(speedup=None), FAILED], metric) == [None, 2.0, None, None]


def test_a_field_that_some_records_lack_was_not_measured() -> None:
    assert values_of([{**line(), "latency_seconds": 3}, line()], "latency_seconds") == [3.0, None]


def test_a_metric_that_no_record_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no metric 'sped' in the records; there are: accuracy, speedup$"):
        values_of([line(), line(speedup=2.0)], "sped")


def test_records_that_failed_have_no_metrics_to_miss() -> None:
    assert values_of([FAILED], "speedup") == [None]


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="'record_id' is no number"):
        values_of([line()], "record_id")
