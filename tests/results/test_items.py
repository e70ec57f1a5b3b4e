"""Attempts become items, items fall into clusters, and nothing is lost on the way."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from tripos.results.items import as_floats, grouping, item_means, label_codes, variance_of_mean


def test_item_means_average_attempts_in_order_of_appearance() -> None:
    result = item_means(["b", "a", "b", "c"], [1, 0, 0, None])
    assert result.items == ["b", "a", "c"]
    assert result.means[:2].tolist() == [0.5, 0.0]
    assert math.isnan(result.means[2])
    assert result.attempts.tolist() == [2, 1, 0]


def test_item_means_leave_unmeasured_attempts_out_of_the_mean() -> None:
    assert item_means(["a", "a", "a"], [1, None, float("nan")]).means.tolist() == [1.0]


def test_item_means_of_nothing() -> None:
    result = item_means([], [])
    assert result.items == [] and len(result.means) == 0


def test_item_means_refuse_labels_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="2 item labels for 1 attempts"):
        item_means(["a", "b"], [1])


def test_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 values are infinite"):
        as_floats([1.0, float("inf")])


def test_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        as_floats(np.ones((2, 2)))


@pytest.mark.parametrize("labels", [[7, 3, 7, 9], np.array([7, 3, 7, 9]), ["x", "a", "x", "b"], np.array(["x", "a", "x", "b"])])
def test_labels_are_numbered_by_first_appearance(labels: list[int]) -> None:
    codes, names = label_codes(labels)
    assert codes.tolist() == [0, 1, 0, 2]
    assert names == [labels[0], labels[1], labels[3]]


def test_an_unlabelled_item_is_a_cluster_of_its_own() -> None:
    codes, names = label_codes([None, "a", None, "a"])
    assert codes.tolist() == [0, 1, 2, 1]
    assert names == [None, "a", None]


def test_clusters_that_lost_all_items_are_not_counted() -> None:
    groups = grouping(["a", "b", "c", "c"], np.array([True, False, True, True]))
    assert groups is not None
    assert groups.count == 2 and groups.sizes.tolist() == [1, 2]


def test_cluster_labels_must_match_items() -> None:
    with pytest.raises(ValueError, match="1 cluster labels for 2 items"):
        grouping(["a"], np.array([True, True]))


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(0, 5)), min_size=4, max_size=60))
def test_clustered_variance_is_statsmodels_cluster_robust_variance(rows: list[tuple[float, int]]) -> None:
    values, labels = np.array([value for value, _ in rows]), np.array([label for _, label in rows])
    groups = grouping(labels, np.ones(len(values), dtype=bool))
    assert groups is not None
    if groups.count < 2:
        assert variance_of_mean(values, groups) is None
        return
    fitted = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": labels})
    assert variance_of_mean(values, groups) == pytest.approx(fitted.cov_params()[0, 0], rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40))
def test_clusters_of_one_change_nothing(rows: list[float]) -> None:
    values = np.array(rows)
    alone = grouping(list(range(len(rows))), np.ones(len(rows), dtype=bool))
    assert variance_of_mean(values, alone) == pytest.approx(variance_of_mean(values), rel=1e-12, abs=1e-12)
    assert variance_of_mean(values) == pytest.approx(values.var(ddof=1) / len(values), rel=1e-9, abs=1e-12)


def test_a_variance_is_the_same_to_the_last_bit_on_one_core_and_on_many() -> None:
    code = """
import numpy as np
from tripos.results.items import variance_of_mean
values = np.random.default_rng(1).random(41_000)
print([variance_of_mean(values[:n]).hex() for n in range(20_000, 41_000, 1_000)])
"""
    found = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"OPENBLAS_NUM_THREADS": cores}, capture_output=True, text=True, check=True
        ).stdout
        for cores in ("1", "2", "4")
    ]
    assert "0x1." in found[0] and len(set(found)) == 1
