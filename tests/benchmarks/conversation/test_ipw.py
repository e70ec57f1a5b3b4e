"""IPW: three shapes of one set, sources, and a grader for each source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge_attacks import attacks
from scripted_judge import answer_of, assert_calibrated, honest, replying, with_judge
from shared_data import shared
from tripos.benchmarks.benchmark import Options
from tripos.benchmarks.conversation.ipw import GraderOfSource, ipw, source_of, to_sample
from tripos.core.errors import ConfigError, DatasetError, JudgeError
from tripos.core.records import Outcome, Sample

ROW: dict[str, Any] = {
    "problem": "Which?",
    "answer": "This",
    "subject": "general",
    "dataset_metadata": '{"config": {"dataset_name": "facebook/natural_reasoning"}}',
    "model_answers": {},
    "model_metrics": {},
    "anthropic_index_category": "Legal",
}
YES, NO = (f"extracted_final_answer: x\nreasoning: y\ncorrect: {word}" for word in ("yes", "no"))


def made(**more: Any) -> Sample:
    sample = to_sample({**ROW, **more})
    assert sample is not None
    return sample


def chat() -> Sample:
    return made(dataset_metadata='{"config": {"dataset_name": "allenai/WildChat"}}')


async def test_calibration() -> None:
    await assert_calibrated(ipw.build())


def test_the_arrow_folder_and_the_json_lines_give_the_same_samples() -> None:
    arrow = list(ipw.build(Options(data=shared("ipw/mixed_1k_seed1_base"))).samples)
    lines = list(ipw.build(Options(data=shared("ipw/mixed_1k_seed1_base.jsonl"))).samples)
    either = list(ipw.build(Options(data=shared("ipw"))).samples)
    assert arrow == lines == either
    assert len({s.record_id for s in arrow}) == len(arrow) == 24
    assert {s.dimensions["source"] for s in arrow} == {"mmlu_pro", "supergpqa"}
    assert all(s.subject and s.dimensions["work"] and ipw.build().prompt(s) == s.question for s in arrow)


def test_the_shelf_is_searched_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ipw").mkdir()
    (tmp_path / "ipw" / "mixed_1k_seed1_base.jsonl").write_text(json.dumps(ROW))
    monkeypatch.setenv("TRIPOS_DATA_DIR", str(tmp_path))
    assert [s.reference for s in ipw.build().samples] == ["This"]


def test_without_a_copy_it_is_said_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    with pytest.raises(DatasetError, match=r"github\.com/HazyResearch/intelligence-per-watt.*--data"):
        list(ipw.build().samples)


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        (ROW["dataset_metadata"], "facebook/natural_reasoning"),
        ('{"dataset": "mmlu_pro", "question_id": 1}', "mmlu_pro"),
        ({"dataset": "mmlu_pro"}, "mmlu_pro"),
        ("{", ""),
        ("[1]", ""),
        ('{"config": 3}', ""),
        ("[" * 100_000, ""),
        ("\ud83d", ""),
        (None, ""),
    ],
)
def test_the_source(metadata: Any, source: str) -> None:
    assert source_of(metadata) == source


@pytest.mark.parametrize("blank", [{"problem": " "}, {"answer": None}])
def test_blank_rows_are_left_out_as_upstream_does(blank: dict[str, Any]) -> None:
    assert to_sample({**ROW, **blank}) is None


async def test_a_conversation_is_compared_in_both_orders_and_a_question_is_judged() -> None:
    scorer = GraderOfSource()
    talk = await scorer.score(chat(), answer_of(chat(), "That"), with_judge(replying("[[A>B]]", "[[A=B]]")))
    assert (talk.is_correct, talk.value, talk.details["grader"], len(talk.audits)) == (True, 0.75, "pairwise", 2)
    fact = await scorer.score(made(), answer_of(made(), "That"), with_judge(replying(NO)))
    assert (fact.is_correct, fact.value, fact.details["grader"], len(fact.audits)) == (False, 0.0, "judged_correct", 1)
    for fresh in (talk, fact):
        again = scorer.reread("This", fresh.audits)
        assert again is not None
        assert (again.value, again.is_correct, again.details["grader"]) == (fresh.value, fresh.is_correct, fresh.details["grader"])


async def test_a_judge_that_says_nothing_leaves_it_unscored_and_an_empty_answer_is_wrong() -> None:
    for sample in (chat(), made()):
        with pytest.raises(JudgeError) as caught:
            await GraderOfSource().score(sample, answer_of(sample, "x"), with_judge(replying("a", "b", "c", "d")))
        assert GraderOfSource().reread("This", caught.value.audits) is None
        empty = await GraderOfSource().score(sample, answer_of(sample, ""), with_judge(None))
        assert (empty.value, empty.outcome) == (0.0, Outcome.REFUSED)


@pytest.mark.parametrize("attack", attacks("That", "This").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_candidates_text(attack: str) -> None:
    fact = await GraderOfSource().score(made(), answer_of(made(), attack), with_judge(honest(lambda seen: NO)))
    assert fact.is_correct is False
    lost = honest(lambda seen: "[[B>A]]" if seen["RESPONSE A"].startswith("That") else "[[A>B]]")
    assert (await GraderOfSource().score(chat(), answer_of(chat(), attack), with_judge(lost))).is_correct is False


def test_options_without_effect_are_refused() -> None:
    for options, said in ((Options(split="test"), "split"), (Options(judge="never"), "judge"), (Options(subset="a"), "subset")):
        with pytest.raises(ConfigError, match=said):
            ipw.build(options)


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "?", "answer": "!"}\n')
    with pytest.raises(DatasetError, match="problem"):
        list(ipw.build(Options(data=tmp_path)).samples)
