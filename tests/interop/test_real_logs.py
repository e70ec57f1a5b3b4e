"""Every real log we have: the figure that the tool states and ours, computed from what the store holds after the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_data import shared
from tripos.core.errors import ConfigError
from tripos.interop.formats import read_log
from tripos.interop.imported import ImportedLog
from tripos.runs.imported import Imported, import_log
from tripos.store.database import Database
from tripos.store.reading import Reader
from tripos.store.writer import Writer

INSPECT = "logs/inspect/inspect_ai_tests"
EVERY = "logs/inspect/every_eval_ever"
LM = "logs/lm-evaluation-harness"
HELM = "logs/helm/every_eval_ever"
CHOICES = f"{INSPECT}/analysis/test_logs_choices"
EVAL = f"{INSPECT}/log/test_eval_log"
OLD = f"{INSPECT}/log/test_list_logs/2024-11-05T13"
STEM = f"{INSPECT}/analysis/test_logs/2025-05-12T20-28"

EQUAL = [
    # log, figure, what the log states, samples it is of
    (f"{EVERY}/data_arc_qwen.json", "choice/accuracy", 1 / 3, 3),
    (f"{EVERY}/data_arc_sonnet.json", "choice/accuracy", 1.0, 5),
    (f"{EVERY}/data_pubmedqa_gpt4o_mini.json", "choice/accuracy", 1.0, 2),
    (f"{STEM}-13-04-00_popularity.json", "match/accuracy", 2 / 3, 3),
    (f"{STEM}-26-04-00_security-guide.json", "model_graded_fact/accuracy", 1.0, 3),
    (f"{CHOICES}/mmlu-summary-choices.eval", "choice/accuracy", 0.0, 1),
    (f"{CHOICES}/mmlu-no-summary-choices.eval", "choice/accuracy", 0.0, 1),
    (f"{EVAL}/log_formats.eval", "match/accuracy", 0.0, 1),
    (f"{EVAL}/log_formats.json", "match/accuracy", 0.0, 1),
    (f"{EVAL}/log_read_sample.eval", "match/accuracy", 1.0, 1),
    (f"{EVAL}/log_streaming.eval", "match/accuracy", 0.75, 2),
    (f"{EVAL}/log_message_deduplication.eval", "closeness_log/accuracy", 0.0, 1),
    (f"{INSPECT}/scorer/logs/2025-02-11T15-18-04-05-00_popularity_mj7khqpMM4GBCfVQozKgzB.eval", "match/accuracy", 0.8, 10),
    (f"{OLD}-31-45-05-00_input-task_8zXjbRzCWrL9GXiXo2vus9.json", "model_graded_fact/accuracy", 1.0, 1),
    (f"{OLD}-32-37-05-00_input-task_hxs4q9azL3ySGkjJirypKZ.eval", "model_graded_fact/accuracy", 1.0, 1),
    (f"{LM}/dummy_0.4.13", "exact_match,strict-match", 0.0, 25),
    (f"{LM}/dummy_0.4.13", "exact_match,flexible-extract", 0.0, 25),
    (f"{LM}/dummy_0.4.13", "acc,none", 0.04, 25),
    (f"{LM}/dummy_0.4.13", "acc_norm,none", 0.04, 25),
    ("logs/openjarvis/replay_1.0.4", "accuracy", 0.4912, 57),
    (f"{HELM}/mmlu-subject=philosophy,method=multiple_choice_joint,model=openai_gpt2", "exact_match on test", 1 / 9, 9),
    (f"{HELM}/commonsense-dataset=hellaswag,method=multiple_choice_joint,model=eleutherai_pythia-1b-v0", "exact_match on valid", 0.3, 10),
    (f"{HELM}/narrative_qa-model=openai_gpt2", "f1_score on test", 0.17424242424242425, 4),
    ("logs/evalscope/qwen-plus", "mean_acc", 1.0, 10),
    ("logs/evalscope/qwen-plus", "mean_inst_level_strict", 0.9667, 10),
    ("logs/evalscope/qwen3-max", "mean_prompt_level_strict", 0.8, 10),
    ("logs/lighteval/dummy_0.13.0", "acc", 0.24, 25),
    ("logs/lighteval/dummy_0.13.0", "em", 0.0, 25),
]

CUT_DOWN = [
    # logs of which somebody kept a few samples only: figure, what the log states, ours, and why
    (f"{EVERY}/data_cvebench_empty_choices.json", "check_exploit/mean", 0.7051282051282052, None, "of 78 samples, the log holds 0"),
    (
        f"{EVERY}/data_cyse2_vuln_exploit_challenges.json",
        "vul_exploit_scorer/mean",
        0.381089743589743,
        0.65,
        "of 2340 samples, the log holds 1",
    ),
    (f"{EVERY}/data_intercode_ctf_local_path.json", "includes/accuracy", 0.35443037974683544, 0.0, "of 79 samples, the log holds 1"),
    (f"{EVAL}/log_tool_call_error.json", "includes/accuracy", 1.0, None, "of 4 samples, the log holds 1"),
    (f"{LM}/every_eval_ever", "exact_match,none", 0.0, 0.0, "of 5000 samples, the file holds 10"),
]


def brought_in(log: ImportedLog, folder: Path) -> Imported:
    database = Database(str(folder / "tripos.db"))
    writer = Writer(database)
    try:
        return import_log(log, writer, Reader(database), folder)
    finally:
        writer.close()


@pytest.mark.parametrize(("file", "figure", "stated", "samples"), EQUAL)
def test_our_figure_equals_the_tools(file: str, figure: str, stated: float, samples: int, tmp_path: Path) -> None:
    log = next(one for one in read_log(shared(file)) if figure in [r.name for r in one.reported])
    imported = brought_in(log, tmp_path)
    check = next(c for c in imported.checks if c.name == figure)
    assert (check.reported, check.items) == (pytest.approx(stated, abs=1e-12), samples)
    assert check.agrees
    assert imported.explained and not any("nothing explains" in n for n in imported.summary["notices"])


@pytest.mark.parametrize(("file", "figure", "stated", "ours", "why"), CUT_DOWN)
def test_a_log_that_was_cut_down_says_so(file: str, figure: str, stated: float, ours: float | None, why: str, tmp_path: Path) -> None:
    (log,) = read_log(shared(file))
    imported = brought_in(log, tmp_path)
    check = next(c for c in imported.checks if c.name == figure)
    assert (check.reported, check.ours) == (pytest.approx(stated), ours)
    assert why in check.why and check.explained


@pytest.mark.parametrize("file", [f"{EVERY}/data_with_llm_scoring.json", f"{STEM}-13-04-00_no-samples.json"])
def test_a_log_without_samples_is_refused_with_its_figures(file: str) -> None:
    with pytest.raises(ConfigError, match=r"keeps no samples \(it states .*/accuracy 0\.\d+\)"):
        read_log(shared(file))


@pytest.mark.parametrize(
    ("file", "stated"),
    [
        ("logs/lm-evaluation-harness/dummy_0.4.13", {"exact_match": "more", "acc": "more", "acc_norm": "more"}),
        ("logs/lighteval/dummy_0.13.0", {"em": "more", "acc": "more"}),
    ],
)
def test_directions_come_from_the_log(file: str, stated: dict[str, str]) -> None:
    found = {name.partition(",")[0]: better for log in read_log(shared(file)) for name, better in log.better.items()}
    assert found == stated


def test_the_three_endings_of_openjarvis(tmp_path: Path) -> None:
    (log,) = read_log(shared("logs/openjarvis/replay_1.0.4"))
    summary = brought_in(log, tmp_path).summary
    assert summary["outcomes"] | {"scored": 0} == dict.fromkeys(summary["outcomes"], 0) | {"judge_failed": 2, "infrastructure_failed": 1}
    assert (summary["outcomes"]["scored"], summary["correct"], summary["accuracy"]) == (57, 28, pytest.approx(28 / 57))
    assert summary["energy_stats"] is None and summary["latency_stats"]["count"] == 59
    assert summary["total_cost_usd"] == pytest.approx(0.014534, abs=5e-7)


def test_kernels_are_attempts_with_their_times(tmp_path: Path) -> None:
    (log,) = read_log(shared("logs/kernelbench/eval_results.from_best_k.json"))
    summary = brought_in(log, tmp_path).summary
    assert (summary["planned"], summary["accuracy"], summary["accuracy_interval"]["n_items"]) == (75, 1.0, 25)
    assert summary["metrics"]["runtime_seconds"] > 0


def test_a_failed_mock_run_of_inspect_is_failures_and_simulated(tmp_path: Path) -> None:
    (log,) = read_log(shared("logs/inspect/mockllm_0.3.285"))
    summary = brought_in(log, tmp_path).summary
    assert summary["simulated"] and summary["accuracy"] is None
    assert (summary["planned"], summary["outcomes"]["infrastructure_failed"]) == (24, 2)


def test_tau_bench_rewards(tmp_path: Path) -> None:
    (log,) = read_log(shared("logs/tau-bench"))
    imported = brought_in(log, tmp_path)
    assert (log.benchmark, log.model, imported.summary["accuracy"]) == ("tau-bench-airline", "gpt-4o", pytest.approx(2 / 12))
    assert imported.checks == ()
