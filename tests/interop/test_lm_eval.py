"""lm-evaluation-harness: filters, metrics, log-likelihoods, samples without results and results without samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from foreign_logs import chosen, generated, lm_eval_run, write_lines
from tripos.core.errors import ConfigError
from tripos.interop.formats import read_log

SUMS = {
    "output_type": "generate_until",
    "generation_kwargs": {"temperature": 0.0},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean"}],
    "filter_list": [{"name": "strict"}, {"name": "flexible"}],
}


def sums(folder: Path) -> Path:
    lines = [generated(i, f"It is {i + 1}.", "[invalid]", "strict", 0.0) for i in range(3)]
    lines += [generated(i, f"It is {i + 1}.", str(i + 1), "flexible", 1.0) for i in range(3)]
    figures = {"exact_match,strict": 0.0, "exact_match_stderr,strict": 0.0, "exact_match,flexible": 1.0}
    return lm_eval_run(folder, "sums", lines, figures, SUMS)


def test_every_filter_is_a_metric_and_the_first_is_the_score(tmp_path: Path) -> None:
    (log,) = read_log(sums(tmp_path))
    found = list(log.trials())
    assert (log.benchmark, log.model, log.scorer, log.planned, log.seed) == ("sums", "acme/small", "exact_match,strict", 3, 7)
    assert [t.record_id for t in found] == ["0", "1", "2"]
    assert all(t.verdict and t.verdict.metrics == {"exact_match,strict": 0.0, "exact_match,flexible": 1.0} for t in found)
    assert [(r.name, r.value, r.ours) for r in log.reported] == [
        ("exact_match,strict", 0.0, "exact_match,strict"),
        ("exact_match,flexible", 1.0, "exact_match,flexible"),
    ]


def test_prompt_answer_reference_and_parse(tmp_path: Path) -> None:
    t = next(read_log(sums(tmp_path))[0].trials())
    assert t.prompt[0].content == "Question: 0 + 1?\nAnswer:" and t.reference == "1" and t.subject == "sums"
    assert t.completion is not None and t.completion.text == "It is 1." and t.completion.latency_seconds is None
    assert (t.extraction.answer, t.extraction.how) == ("[invalid]", "filter strict")


def test_log_likelihoods_have_no_text_but_a_choice(tmp_path: Path) -> None:
    config = {"output_type": "multiple_choice", "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}]}
    lines = [chosen(0, [-1.0, -0.5], 0.0, 1.0), chosen(1, [-0.1, -3.0], 1.0, 1.0)]
    (log,) = read_log(lm_eval_run(tmp_path, "which", lines, {"acc,none": 0.5, "acc_norm,none": 1.0}, config))
    first, second = log.trials()
    assert log.scorer == "acc" and first.verdict is not None and second.verdict is not None
    assert first.verdict.metrics == {"acc": 0.0, "acc_norm": 1.0} and not first.verdict.is_correct and second.verdict.is_correct
    assert first.completion is not None and first.completion.text == ""
    assert (first.extraction.answer, second.extraction.answer) == (1, 0)
    assert first.verdict.details["loglikelihoods"] == [-1.0, -0.5]


def test_chat_templates_become_messages(tmp_path: Path) -> None:
    line = generated(0, "1", "1", "none", 1.0)
    line["arguments"]["gen_args_0"]["arg_0"] = '[{"role": "system", "content": "Add."}, {"role": "user", "content": "0 + 1?"}]'
    (log,) = read_log(lm_eval_run(tmp_path, "sums", [line], {"exact_match,none": 1.0}, {}))
    assert [(m.role, m.content) for m in next(log.trials()).prompt] == [("system", "Add."), ("user", "0 + 1?")]


def test_an_aggregation_that_is_no_mean_is_named(tmp_path: Path) -> None:
    config = {"metric_list": [{"metric": "exact_match", "aggregation": "median"}]}
    (log,) = read_log(lm_eval_run(tmp_path, "sums", [generated(0, "1", "1", "none", 1.0)], {"exact_match,none": 0.5}, config))
    assert "by median" in log.reported[0].why


def test_metrics_that_are_pairs_have_no_value_a_sample(tmp_path: Path) -> None:
    line = generated(0, "1", "1", "none", 1.0) | {"metrics": ["exact_match", "word_perplexity"], "word_perplexity": [-12.0, 5]}
    (log,) = read_log(lm_eval_run(tmp_path, "sums", [line], {"exact_match,none": 1.0}, {}))
    t = next(log.trials())
    assert t.verdict is not None and t.verdict.metrics == {"exact_match": 1.0}


def rates(folder: Path, values: list[float], stated: bool | None, metric: str = "wer", filter_name: str = "none") -> Path:
    """A task whose only metric is a rate, with the direction that the harness states."""
    lines = [generated(i, "1", "1", filter_name, 0.0) | {"metrics": [metric], metric: v} for i, v in enumerate(values)]
    config = {"metric_list": [{"metric": metric, "aggregation": "mean"} | ({} if stated is None else {"higher_is_better": stated})]}
    return lm_eval_run(folder, "speech", lines, {f"{metric},{filter_name}": sum(values) / len(values)}, config)


@pytest.mark.parametrize(("metric", "stated"), [("wer", None), ("wer", False), ("slips", False)])
def test_full_marks_of_an_error_rate_are_not_right(tmp_path: Path, metric: str, stated: bool | None) -> None:
    (log,) = read_log(rates(tmp_path, [1.0, 0.0, 0.5], stated, metric))
    assert [(t.verdict.value, t.verdict.is_correct) for t in log.trials() if t.verdict] == [(1.0, None), (0.0, None), (0.5, None)]
    assert log.notes == (f"{metric}: less of it is better, so nothing is right or wrong; compare with --metric score.",)
    assert log.better == ({} if stated is None else {metric: "less"})


def test_a_direction_holds_under_every_filter_and_the_harness_has_the_last_word(tmp_path: Path) -> None:
    (log,) = read_log(rates(tmp_path / "a", [1.0, 0.0], False, "slips", "strict"))
    assert (log.scorer, log.better) == ("slips,strict", {"slips,strict": "less"})
    (log,) = read_log(rates(tmp_path / "b", [1.0, 0.0], True))  # a task may call anything wer
    assert [t.verdict.is_correct for t in log.trials() if t.verdict] == [True, False] and log.better == {"wer": "more"}


def test_samples_alone_are_enough(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "samples_sums_2026-01-02T03-04-05.678901.jsonl", [generated(0, "1", "1", "none", 1.0)])
    (log,) = read_log(path)
    assert (log.benchmark, log.reported, log.planned) == ("sums", (), 1)


def test_results_alone_are_not(tmp_path: Path) -> None:
    path = sums(tmp_path)
    for samples in tmp_path.glob("samples_*"):
        samples.unlink()
    with pytest.raises(ConfigError, match=r"no samples_\*\.jsonl lies beside it.*exact_match,flexible 1.*--log_samples"):
        read_log(path)


def test_a_directory_finds_each_task_once(tmp_path: Path) -> None:
    sums(tmp_path / "run" / "acme__small")
    assert [log.benchmark for log in read_log(tmp_path)] == ["sums"]
