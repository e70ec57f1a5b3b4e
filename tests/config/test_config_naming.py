"""No two runs of a suite write one file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toml_text import load

from tripos.config.naming import distinct
from tripos.runs.spec import ModelSpec, RunSpec


def names(folder: Path, *entries: str, models: str = '[[models]]\nname = "m"\n', **more: str) -> list[str]:
    text = models + "".join(f'[[benchmarks]]\nname = "gaia"\n{entry}\n' for entry in entries)
    return [run.output_path().name for run in load(folder, text, **more).runs]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (['agent = "simple"', 'agent = "orchestrator"'], ["gaia_m_simple.jsonl", "gaia_m_orchestrator.jsonl"]),
        (["", 'split = "test"'], ["gaia_m_default.jsonl", "gaia_m_test.jsonl"]),
        (['subset = "a/b"', 'subset = "c"'], ["gaia_m_a-b.jsonl", "gaia_m_c.jsonl"]),
        (['backend = "agent"', 'backend = "jarvis-direct"'], ["gaia_m_agent.jsonl", "gaia_m_direct.jsonl"]),
        (["temperature = 0", "temperature = 0.7"], ["gaia_m_t0.jsonl", "gaia_m_t0.7.jsonl"]),
        (["max_samples = 5", ""], ["gaia_m_n5.jsonl", "gaia_m_all.jsonl"]),
        (["", ""], ["gaia_m_1.jsonl", "gaia_m_2.jsonl"]),
        (
            ['split = "a"\nshots = 1', 'split = "a"\nshots = 2', 'split = "b"\nshots = 1'],
            ["gaia_m_a_1shot.jsonl", "gaia_m_a_2shot.jsonl", "gaia_m_b_1shot.jsonl"],
        ),
        (['split = "a"', 'split = "a"', 'split = "b"'], ["gaia_m_a.jsonl", "gaia_m_a_1.jsonl", "gaia_m_b.jsonl"]),
        ([""], ["gaia_m.jsonl"]),
    ],
)  # fmt: skip
def test_a_suffix_says_what_differs(tmp_path: Path, entries: list[str], expected: list[str]) -> None:
    assert names(tmp_path, *entries) == expected


def test_model_names_that_look_alike_on_disk_get_numbers(tmp_path: Path) -> None:
    models = "".join(f'[[models]]\nname = "{name}"\n' for name in ("a/b", "a:b", "A-b", "other"))
    assert names(tmp_path, "", models=models) == ["gaia_a-b_1.jsonl", "gaia_a-b_2.jsonl", "gaia_A-b_3.jsonl", "gaia_other.jsonl"]


def test_one_model_on_two_servers_is_two_files(tmp_path: Path) -> None:
    models = '[[models]]\nname = "m"\nengine = "ollama"\n[[models]]\nname = "m"\nengine = "vllm"\n'
    assert names(tmp_path, "", models=models) == ["gaia_m_ollama.jsonl", "gaia_m_vllm.jsonl"]


def test_a_suffix_never_lands_on_another_runs_file(tmp_path: Path) -> None:
    models = '[[models]]\nname = "m"\n[[models]]\nname = "m_x"\n'
    text = models + '[[benchmarks]]\nname = "gaia"\nsplit = "x"\n[[benchmarks]]\nname = "gaia"\nsplit = "y"\n'
    found = [run.output_path().name for run in load(tmp_path, text).runs]
    assert len(set(found)) == 4
    single = [RunSpec(benchmark="gaia", model=ModelSpec(name="m"), split=s) for s in ("x", "y")]
    single.append(RunSpec(benchmark="gaia", model=ModelSpec(name="m_x")))
    assert [r.output_path().name for r in distinct(single)] == ["gaia_m_x_1.jsonl", "gaia_m_y.jsonl", "gaia_m_x.jsonl"]


def test_a_part_of_a_suite_writes_where_the_whole_suite_would(tmp_path: Path) -> None:
    models = "".join(f'[[models]]\nname = "{name}"\n' for name in ("a/b", "a:b"))
    whole = names(tmp_path, "", models=models)
    assert names(tmp_path, "", models=models, model_filter="a:b") == whole[1:]


RUNS = st.builds(
    RunSpec,
    benchmark=st.sampled_from(["g", "g_x"]),
    model=st.builds(ModelSpec, name=st.sampled_from(["m", "M", "m/x", "m:x", "m_1", "x"]), engine=st.sampled_from([None, "vllm"])),
    split=st.sampled_from([None, "x", "default", "1"]),
    agent=st.sampled_from([None, "x" * 300]),
    tools=st.sampled_from([(), ("a", "b")]),
)


@given(st.lists(RUNS, max_size=12))
def test_files_are_always_distinct_even_where_case_is_ignored(runs: list[RunSpec]) -> None:
    named = distinct(runs)
    paths = [str(run.output_path()).casefold() for run in named]
    assert len(set(paths)) == len(runs) and distinct(runs) == named
    assert all(run.output_path().parent == Path("results") and len(run.output_path().name) < 255 for run in named)
