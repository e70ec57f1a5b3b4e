"""kernels as a benchmark of the one runner."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_case import RIGHT, case_directory

from scripted_judge import answer_of
from tripos.benchmarks.benchmark import Options, benchmarks
from tripos.core.errors import ConfigError
from tripos.kernels.benchmark import CaseFiles, KernelScorer, metrics_of
from tripos.kernels.devices import NoDevice
from tripos.kernels.environment import torch_facts
from tripos.kernels.prompt import DSLS, kernel_prompt
from tripos.kernels.targets import resolve_target
from tripos.runs.rescore import changed
from tripos.scoring.scorer import Instruments, Opened

KERNELS = benchmarks.get("kernels")
CPU = {"arch": "x86_64", "device": "cpu"}


def test_samples_are_cases_tiers_are_slices() -> None:
    samples = list(KERNELS.build(Options(split="t1,t2")).samples)
    assert {sample.slice_id for sample in samples} == {"t1", "t2"}
    assert all(sample.record_id == f"{sample.slice_id}/{sample.metadata['case_name']}" for sample in samples)
    assert len({sample.record_id for sample in samples}) == len(samples) >= 12


def test_a_directory_of_cases_is_loaded_by_path(tmp_path: Path) -> None:
    root = case_directory(tmp_path, "level1/2_scale", "level1/10_scale")
    samples = list(KERNELS.build(Options(data=root)).samples)
    assert [sample.record_id for sample in samples] == ["level1/2_scale", "level1/10_scale"]


def test_the_fingerprint_is_of_the_text(tmp_path: Path) -> None:
    source = CaseFiles(case_directory(tmp_path, "t1/a"), resolve_target("cpu"))
    before = source.fingerprint()
    (tmp_path / "t1" / "a.py").write_text("# changed\n")
    assert source.fingerprint()["digest"] != before["digest"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(subset="cpuu"), "unknown backend 'cpuu'"),
        (Options(split="t9"), "unknown tier 't9'"),
        (Options(shots=2), "has no shots"),
        (Options(settings={"thread": 2}), "did you mean 'threads'"),
        (Options(settings={"threads": "two"}), "must be of type int"),
        (Options(settings={"mode": "ful"}), "did you mean 'full'"),
        (Options(settings={"dsl": "cuda"}), "unknown dsl of backend cpu 'cuda'"),
        (Options(settings={"devices": "0;1"}), "numbers of devices are wanted"),
        (Options(settings={"devices": True}), "numbers of devices are wanted"),
        (Options(settings={"arch": 5}), "setting arch = 5: must be of type str"),
        (Options(settings={"dsl": 5}), "setting dsl = 5: must be of type str"),
    ],
)
def test_what_it_does_not_have_is_refused(options: Options, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        list(KERNELS.build(options).samples)


def test_settings_reach_the_scorer() -> None:
    built = KERNELS.build(Options(seed=3, settings={"mode": "correctness", "input_sets": 5, "rtol": 1, "timeout_seconds": 9}))
    assert built.scorer == KernelScorer(seed=3, dsl="cpp", timed=False, input_sets=5, rtol=1.0, timeout_seconds=9.0)


@pytest.mark.parametrize(("given", "devices"), [("", ""), (0, "0"), ("1", "1"), ("2, 0", "2,0")])
def test_devices_are_numbers(given: object, devices: str) -> None:
    assert KERNELS.build(Options(subset="gpu", settings={"devices": given})).scorer.devices == devices  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"dsl": "foo"}, "unknown dsl 'foo'"),
        ({"rtol": "abc"}, "setting rtol = 'abc': a number is wanted"),
        ({"atol": True}, "setting atol = True: a number is wanted"),
        ({"threads": True}, "setting threads = True: a number is wanted"),
        ({"devices": "x"}, "setting devices = 'x': numbers of devices are wanted"),
    ],
)
def test_a_scorer_that_is_scored_with_again_refuses_what_it_cannot_use(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        changed(KernelScorer(), settings, "scorer")


@pytest.mark.parametrize(("given", "devices"), [(0, "0"), ("0,1", "0,1")])
def test_a_scorer_that_is_scored_with_again_takes_numbers_of_devices(given: object, devices: str) -> None:
    assert changed(KernelScorer(devices="2"), {"devices": given}, "scorer").devices == devices


async def test_a_device_that_is_not_there_is_known_before_anything_is_asked() -> None:
    if torch_facts().cuda_count:
        pytest.skip("there is a GPU here")
    with pytest.raises(NoDevice, match="sees no cuda device"):
        await KernelScorer(device="cuda", dsl="triton_cuda").prepare(Instruments(opened=Opened()))
    with pytest.raises(ConfigError, match="the CPU is one device"):
        await KernelScorer(devices="1").prepare(Instruments(opened=Opened()))


def test_the_default_prompt_is_the_backends_language_and_others_are_variants() -> None:
    built = KERNELS.build()
    sample = next(iter(built.samples))
    assert "load_inline" in str(built.prompt(sample))
    assert {"cpp", "pytorch", "triton_cuda"} <= set(built.variants)
    assert "PyTorch operations only" in str(built.variants["pytorch"](sample))


def test_the_prompt_names_the_threads_that_are_used() -> None:
    sample = next(iter(KERNELS.build().samples))
    asked = {threads: KERNELS.build(Options(settings={"threads": threads})) for threads in (1, 2)}
    assert "with 2 threads." in str(asked[2].prompt(sample)) and "with 2 threads." in str(asked[2].variants["pytorch"](sample))
    assert str(asked[1].prompt(sample)) == str(KERNELS.build().prompt(sample)) == kernel_prompt(sample.question, "cpp", **CPU)


def test_a_case_with_a_bad_tolerance_leaves_the_others_alone(tmp_path: Path) -> None:
    root = case_directory(tmp_path, "t1/a", "t1/b")
    (root / "t1" / "a.py").write_text('"""Said."""\nTOLERANCE = "loose"\n')
    samples = list(KERNELS.build(Options(data=root)).samples)
    assert [sample.record_id for sample in samples] == ["t1/a", "t1/b"]
    assert samples[0].metadata["summary"] == ""


@pytest.mark.parametrize("dsl", list(DSLS))
def test_every_prompt_shows_the_case_and_asks_for_modelnew(dsl: str) -> None:
    text = kernel_prompt("class Model: ...", dsl, arch="x86_64", device="cpu")
    assert "class Model: ..." in text and "class ModelNew" in text and "```python" in text


def test_only_a_correct_timed_kernel_has_a_speedup() -> None:
    assert metrics_of({"outcome": "wrong_value"}) == {"kernel_score": 0.0}
    assert metrics_of({"outcome": "ok"}) == {}
    timed = {"outcome": "noisy", "speedup": 4.0, "baseline_ms": 4.0, "solution_ms": 1.0}
    assert metrics_of(timed)["kernel_score"] == 60.0
    assert metrics_of({**timed, "outcome": "ok"})["kernel_score"] == 90.0


def test_an_answer_without_code_is_no_kernel() -> None:
    transform = KERNELS.build().transform
    sample = next(iter(KERNELS.build().samples))
    assert transform(sample, "no").answer is None
    assert transform(sample, f"Here:\n```python\n{RIGHT}```").answer == RIGHT


class FixedEvaluator:
    """Finds the same of every kernel."""

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome

    async def evaluate(self, *sources: str, **named: str) -> dict[str, object]:
        return {"outcome": self.outcome, "error": "off"}


@pytest.mark.parametrize(("mode", "metrics"), [("correctness", {}), ("full", {"kernel_score": 0.0})])
@pytest.mark.parametrize("text", ["", f"```python\n{RIGHT}```"])
async def test_a_mode_that_does_not_time_has_no_score(
    mode: str, metrics: dict[str, float], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fixed(self: KernelScorer, instruments: Instruments) -> FixedEvaluator:
        return FixedEvaluator("wrong_value")

    monkeypatch.setattr(KernelScorer, "_evaluator", fixed)
    made = KERNELS.build(Options(settings={"mode": mode}))
    sample = next(iter(made.samples))
    verdict = await made.scorer.score(sample, answer_of(sample, text, made.transform), Instruments())
    assert (verdict.is_correct, verdict.metrics) == (False, metrics)


@pytest.mark.parametrize("text", ["", "I cannot write kernels."])
async def test_an_answer_without_code_lowers_the_mean_score(text: str) -> None:
    made = KERNELS.build()
    sample = next(iter(made.samples))
    verdict = await made.scorer.score(sample, answer_of(sample, text, made.transform), Instruments())
    assert (verdict.is_correct, verdict.value, verdict.metrics) == (False, 0.0, {"kernel_score": 0.0})
