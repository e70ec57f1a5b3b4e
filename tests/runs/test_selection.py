"""Which samples a run takes: by seed and id alone, so that a larger n only adds and the order of rows does not matter."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.benchmarks.benchmark import Benchmark
from tripos.benchmarks.generated import Generated
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.identity import order_key
from tripos.core.records import Sample
from tripos.runs.selection import in_partition, select
from tripos.runs.spec import ModelSpec, RunSpec
from tripos.scoring.choice import ChoiceMatch

IDS = tuple(f"q{i:04d}" for i in range(1000))


@dataclass
class Rows:
    ids: tuple[str, ...]
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        return (Sample(record_id=i, input=i) for i in self.ids)

    def fingerprint(self) -> dict[str, str | int | None]:
        return {"source": "rows"}


def benchmark(samples: Any, **more: Any) -> Benchmark:
    return Benchmark(samples=samples, prompt=lambda s: s.question, scorer=ChoiceMatch(), calibration=lambda: (), **more)


def chosen(ids: tuple[str, ...] = IDS, **given_settings: Any) -> list[str]:
    spec = RunSpec(benchmark="quiz", model=ModelSpec(name="m"), **given_settings)
    selection = select(benchmark(Rows(ids)), spec)
    found = [s.record_id for s in selection]
    assert selection.total == len(found)
    assert [s.record_id for s in selection] == found, "it can be gone through again"
    return found


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 1100), min_size=2, max_size=4))
def test_the_first_n_samples_of_a_seed_stay_when_n_grows(seed: int, sizes: list[int]) -> None:
    sets = [set(chosen(seed=seed, max_samples=n)) for n in sorted(sizes)]
    assert [len(s) for s in sets] == [min(n, 1000) for n in sorted(sizes)]
    assert all(smaller <= larger for smaller, larger in pairwise(sets))


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(0, 99), st.sampled_from(["all", "train", "test"]))
def test_the_choice_does_not_depend_on_the_order_of_rows(rng: random.Random, seed: int, partition: Any) -> None:
    mixed = list(IDS)
    rng.shuffle(mixed)
    how = {"seed": seed, "max_samples": 50, "partition": partition}
    assert set(chosen(tuple(mixed), **how)) == set(chosen(**how))


def test_other_rows_do_not_change_the_order_of_those_that_stay() -> None:
    few = set(chosen(IDS[:500], max_samples=50))
    many = set(chosen(IDS, max_samples=50))
    assert {i for i in many if i in IDS[:500]} <= few


def test_another_seed_takes_others_and_every_sample_has_its_chance() -> None:
    assert chosen(max_samples=50, seed=1) != chosen(max_samples=50, seed=2)
    counts = dict.fromkeys(IDS[:20], 0)
    for seed in range(2000):
        for record_id in chosen(IDS[:20], max_samples=5, seed=seed):
            counts[record_id] += 1
    assert sum((n - 500) ** 2 / 500 for n in counts.values()) * 20 / 15 < 50.0, "chi-square, 19 degrees of freedom, p = 1e-4 at 50"


def test_the_choice_is_known_for_ever() -> None:
    """Fails when anything about the order changes: runs of different versions would no longer share their samples."""
    assert chosen(max_samples=5, seed=42) == ["q0129", "q0217", "q0372", "q0399", "q0954"]


def test_samples_come_in_the_order_of_the_rows() -> None:
    assert chosen(max_samples=50) == sorted(chosen(max_samples=50))
    assert chosen() == list(IDS) == chosen(max_samples=1000) == chosen(max_samples=5000)


@dataclass
class Sourced(Rows):
    """Three questions a passage, the passages one after the other as sets have them; every tenth question has none."""

    def __iter__(self) -> Iterator[Sample]:
        for number, i in enumerate(self.ids):
            yield Sample(record_id=i, input=i, cluster=None if number % 10 == 9 else f"p{number // 3}")


@pytest.mark.parametrize("endless", [False, True])
def test_a_run_that_may_stop_early_takes_whole_clusters_in_random_order(endless: bool) -> None:
    spec = RunSpec(benchmark="quiz", model=ModelSpec(name="m"), max_samples=300, until=0.1)
    selection = select(benchmark(Sourced(IDS, endless)), spec)
    samples = list(selection)
    units = [s.cluster or s.record_id for s in samples]
    runs = [unit for place, unit in enumerate(units) if place == 0 or units[place - 1] != unit]
    assert len(samples) == 300 and len(runs) == len(set(runs)), "each cluster in one piece"
    assert (runs != sorted(runs) and {s.record_id for s in samples} == set(chosen(max_samples=300))) or endless
    sizes = selection.cluster_sizes()
    assert sizes == [units.count(unit) for unit in runs] and max(sizes) == 3 and min(sizes) == 1


def test_independent_samples_have_no_cluster_sizes_and_keep_their_order() -> None:
    spec = RunSpec(benchmark="quiz", model=ModelSpec(name="m"), until=0.1)
    selection = select(benchmark(Rows(IDS)), spec)
    assert selection.cluster_sizes() is None
    assert [s.record_id for s in selection] == sorted(IDS, key=lambda i: order_key(42, i))


def test_train_and_test_are_a_fifth_and_the_rest_without_overlap() -> None:
    train, test = chosen(partition="train"), chosen(partition="test")
    assert sorted(train + test) == list(IDS)
    assert 160 <= len(train) <= 240
    assert chosen(partition="train", seed=7) == train, "whatever the seed"
    assert set(chosen(IDS[::-1][:300], partition="train")) <= set(train), "whatever the other rows"
    assert set(chosen(partition="train", max_samples=10)) <= set(train)


@given(st.text())
def test_every_record_is_in_exactly_one_partition(record_id: str) -> None:
    assert in_partition(record_id, "all")
    try:
        record_id.encode()
    except UnicodeEncodeError:
        return
    assert in_partition(record_id, "train") != in_partition(record_id, "test")


def test_records_asked_for_by_name_are_taken() -> None:
    assert chosen(record_ids=("q0500", "q0003", "q0500")) == ["q0003", "q0500"]
    names = tuple(IDS[:100])
    few = chosen(record_ids=names, max_samples=7)
    assert len(few) == 7 and set(few) <= set(chosen(record_ids=names, max_samples=20)) <= set(names)


def test_an_unknown_record_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^quiz: unknown record id 'Q0042'; did you mean 'q0042'\?$"):
        chosen(record_ids=("q0001", "Q0042"))


def test_a_record_of_the_other_partition_is_not_called_unknown() -> None:
    train = chosen(partition="train")[0]
    with pytest.raises(ConfigError, match=f"record '{train}' is not in the partition 'test'"):
        chosen(partition="test", record_ids=(train,))


def test_many_records_of_a_large_set_are_found_quickly() -> None:
    ids = tuple(f"r{i}" for i in range(100_000))
    began = time.process_time()
    assert len(chosen(ids, record_ids=ids[::100])) == 1000
    assert time.process_time() - began < 5


def test_a_set_without_samples_is_an_error() -> None:
    with pytest.raises(DatasetError, match="quiz: the set holds no sample"):
        chosen(())
    test_only = tuple(chosen(partition="test")[:3])
    with pytest.raises(DatasetError, match="quiz: no sample is left in the partition 'train'"):
        chosen(test_only, partition="train")


def test_two_samples_with_one_id_are_an_error() -> None:
    with pytest.raises(DatasetError, match="record id 'b' stands for more than one sample"):
        chosen(("a", "b", "c", "b"))


@pytest.mark.parametrize("n", [0, -1])
def test_no_samples_is_no_choice(n: int) -> None:
    with pytest.raises(ConfigError, match=f"max_samples = {n}"):
        chosen(max_samples=n)


# Generated benchmarks have no end


def made(rng: random.Random, index: int) -> Sample:
    return Sample(record_id="", input=f"{index}: {rng.random()}")


def generated(default_n: int | None = None, **how: Any) -> list[Sample]:
    spec = RunSpec(benchmark="sums", model=ModelSpec(name="m"), **how)
    return list(select(benchmark(Generated("sums", 1, spec.seed, made), default_n=default_n), spec))


def test_an_endless_benchmark_gives_as_many_as_asked_for_and_the_first_ones_stay() -> None:
    assert len(generated(max_samples=7)) == 7
    assert generated(max_samples=50)[:10] == generated(max_samples=10)
    assert [s.input for s in generated(max_samples=5, seed=1)] != [s.input for s in generated(max_samples=5, seed=2)]


def test_an_endless_benchmark_has_a_usual_size_or_wants_a_number() -> None:
    assert len(generated(default_n=30)) == 30 and len(generated(default_n=30, max_samples=31)) == 31
    with pytest.raises(ConfigError, match="say how many samples with -n"):
        generated()


def test_records_of_an_endless_benchmark_are_made_again_by_their_ids() -> None:
    made_before = generated(max_samples=40)
    assert generated(record_ids=("sums-v1-2a-00031", "sums-v1-2a-00007")) == [made_before[7], made_before[31]]
    assert generated(record_ids=("sums-v1-7-100000",), seed=7)[0].record_id == "sums-v1-7-100000"
    assert len(generated(record_ids=("sums-v1-2a-00003", "sums-v1-2a-00004"), max_samples=1)) == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"partition": "train"}, "no partition 'train'"),
        ({"record_ids": ("x",)}, "no record has the id 'x'; the ids of this seed are sums-v1-2a-00000, "),
        ({"record_ids": ("product-v1-2a-00003",)}, "no record has the id 'product-v1-2a-00003'"),
        ({"record_ids": ("sums-v1-7-00003",)}, "is of seed 7; give --seed 7"),
        ({"record_ids": ("sums-v1--3-00003",)}, "is of seed -3; give --seed -3"),
        ({"record_ids": ("sums-v2-2a-00003",)}, "made by version 2 of the generator; this is version 1"),
        ({"record_ids": ("sums-v1-2a-000003",)}, "did you mean 'sums-v1-2a-00003'"),
    ],
)
def test_what_an_endless_benchmark_cannot_do_is_said(how: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        generated(max_samples=5, **how)


def test_an_endless_source_of_another_kind_is_chosen_from_by_number() -> None:
    spec = RunSpec(benchmark="sums", model=ModelSpec(name="m"), record_ids=("q0001",))
    with pytest.raises(ConfigError, match="not by record id"):
        select(benchmark(Rows(IDS, endless=True)), spec)
