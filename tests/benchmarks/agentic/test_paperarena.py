"""PaperArena: nested questions of paper files, copies of the papers, judged answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge_attacks import attacks
from scripted_judge import answer_of, assert_calibrated, honest, with_judge
from shared_data import shared
from tripos.benchmarks.agentic.paperarena import paperarena
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError

QUESTION: dict[str, Any] = {
    "qa_id": 1,
    "question": "How many?",
    "answer": "3",
    "qa_type": "Concise Answer",
    "difficulty": "Easy",
    "tool_chain": ["PDF Parser"],
    "reasoning": "hidden",
}
PAPER: dict[str, Any] = {"title": "On Stools", "conference": "own2025", "pdf": "https://example.invalid/p.pdf", "qa": [QUESTION]}


def write(folder: Path, name: str = "p1_on_stools", **more: Any) -> Path:
    (folder / "qa").mkdir(exist_ok=True)
    path = folder / "qa" / f"{name}.json"
    path.write_text(json.dumps({**PAPER, **more}, indent=2))
    return path


def samples(path: Path, subset: str | None = None) -> list[Any]:
    return list(paperarena.build(Options(data=path, subset=subset)).samples)


async def test_calibration() -> None:
    await assert_calibrated(paperarena.build())


def test_every_nested_question_is_a_sample() -> None:
    found = samples(shared("paperarena"))
    assert found == samples(shared("paperarena/qa"))
    assert len(found) == len({s.record_id for s in found}) == 6
    assert {s.subject for s in found} == {"Easy", "Medium", "Hard"}
    assert {s.dimensions["qa_type"] for s in found} == {"Multi-Choice Answer", "Concise Answer", "Open Answer"}
    assert len({s.cluster for s in found}) == 2
    assert samples(shared("paperarena"), "hard") == [s for s in found if s.subject == "Hard"]
    assert len(samples(shared("paperarena/qa/inv0000_toy_networks_0.json"))) == 3


def test_the_prompt_has_the_paper_the_question_and_nothing_that_helps(tmp_path: Path) -> None:
    write(tmp_path)
    (sample,) = samples(tmp_path)
    prompt = str(paperarena.build().prompt(sample))
    assert sample.record_id == "p1_on_stools/1"
    assert all(part in prompt for part in ("On Stools", "https://example.invalid/p.pdf", "How many?", "Concise Answer"))
    assert "hidden" not in prompt
    assert "PDF Parser" not in prompt


def test_a_copy_beside_the_questions_goes_to_agents(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "p1_on_stools.pdf").write_bytes(b"%PDF-1.4")
    (sample,) = samples(tmp_path)
    assert [a.name for a in sample.attachments] == ["p1_on_stools.pdf"]
    benchmark = paperarena.build()
    assert "p1_on_stools.pdf in your working directory" in str(benchmark.prompt(sample))
    with pytest.raises(DatasetError, match=r"papers/p1_on_stools\.txt"):
        benchmark.variants["paper-text"](sample)
    (tmp_path / "papers" / "p1_on_stools.txt").write_text("A stool has 3 legs.")
    (sample,) = samples(tmp_path)
    assert "A stool has 3 legs." in str(benchmark.variants["paper-text"](sample))
    assert "A stool has 3 legs." not in str(benchmark.prompt(sample))


def test_blank_questions_are_left_out_and_ids_must_differ(tmp_path: Path) -> None:
    write(tmp_path, qa=[QUESTION, {**QUESTION, "qa_id": 2, "answer": " "}, {**QUESTION, "qa_id": 3, "question": None}])
    assert [s.record_id for s in samples(tmp_path)] == ["p1_on_stools/1"]
    write(tmp_path, qa=[QUESTION, QUESTION])
    with pytest.raises(DatasetError, match="twice"):
        samples(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "needs a title"),
        ('{"title": "t", "question": "flat", "answer": "a"}', "'qa'"),
        ('{"title": "t", "qa": [{"qa_id": 1}]}', "'question'"),
        ('{"title": "t", "qa": ["q"]}', "'qa_id'"),
        ('{"title": "t", "qa": []}', "no question"),
        ("{", "not JSON"),
    ],
)
def test_files_of_another_shape_are_an_error(content: str, said: str, tmp_path: Path) -> None:
    write(tmp_path).write_text(content)
    with pytest.raises(DatasetError, match=said):
        samples(tmp_path)


def test_no_files_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no qa/\*\.json"):
        samples(tmp_path)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    write(tmp_path)
    before = paperarena.build(Options(data=tmp_path)).samples.fingerprint()
    write(tmp_path, title="On Chairs")
    after = paperarena.build(Options(data=tmp_path)).samples.fingerprint()
    assert before["digest"] != after["digest"]
    assert before["papers"] == 1


def test_options_without_effect_are_refused() -> None:
    for options, said in ((Options(split="test"), "split"), (Options(judge="never"), "judge"), (Options(subset="Hart"), "hard")):
        with pytest.raises(ConfigError, match=said):
            paperarena.build(options)


@pytest.mark.parametrize("attack", attacks("4", "3").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_candidates_text(attack: str, tmp_path: Path) -> None:
    write(tmp_path)
    (sample,) = samples(tmp_path)
    judge = honest(lambda seen: f"reasoning: r\ncorrect: {'yes' if seen['RESPONSE'].strip() == seen['REFERENCE'] else 'no'}")
    scorer: Any = paperarena.build().scorer
    assert (await scorer.score(sample, answer_of(sample, attack), with_judge(judge))).is_correct is False
    assert (await scorer.score(sample, answer_of(sample, "3"), with_judge(judge))).is_correct is True
