"""HLE: text and images, the three parts of an answer, calibration error in the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from running import tripos
from scripted_judge import assert_calibrated, exhibits, honest
from scripted_server import Body, Reply, says, scripted
from shared_data import shared
from tripos.benchmarks.academic.hle import SYSTEM, hle, to_sample
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Completion, Extraction, Message
from tripos.scoring.scorer import Answer, Instruments

PICTURE = "data:image/png;base64,iVBORw0KGgo="
ROW: dict[str, Any] = {
    "id": "q1",
    "question": "How many?",
    "image": "",
    "answer": "3",
    "answer_type": "exactMatch",
    "raw_subject": "Math",
    "category": "Mathematics",
    "rationale": "secret",
    "canary": "secret",
}


async def test_calibration() -> None:
    await assert_calibrated(hle.build())


def test_every_row_is_a_sample_and_the_subset_chooses_by_image() -> None:
    def of(subset: str | None) -> list[str]:
        return [s.record_id for s in hle.build(Options(data=shared("hle"), subset=subset)).samples]

    rows = [json.loads(line) for line in shared("hle/test.jsonl").read_text(encoding="utf-8").splitlines()]
    assert of(None) == of("all") == [r["id"] for r in rows]
    assert of("text") == [r["id"] for r in rows if not r["image"]]
    assert of("image") == [r["id"] for r in rows if r["image"]]
    samples = list(hle.build(Options(data=shared("hle"))).samples)
    assert all(s.subject and s.reference and s.dimensions["answer_type"] in {"exactMatch", "multipleChoice"} for s in samples)


def test_a_question_in_text_is_its_own_prompt() -> None:
    sample = to_sample(ROW)
    assert hle.build().prompt(sample) == sample.input == "How many?"
    assert all(part in SYSTEM for part in ("Explanation:", "Answer:", "Confidence:"))
    assert "secret" not in repr(sample)


def test_an_image_is_a_part_of_the_message() -> None:
    sample = to_sample({**ROW, "image": PICTURE})
    prompt = hle.build().prompt(sample)
    assert isinstance(prompt, list)
    (message,) = prompt
    assert isinstance(message, Message)
    assert isinstance(message.content, list)
    assert [part["type"] for part in message.content] == ["text", "image_url"]
    assert message.content[1]["image_url"]["url"] == PICTURE
    assert (sample.question, sample.dimensions["modality"]) == ("How many?", "image")


@pytest.mark.parametrize(
    "bad", [{"image": "https://example.invalid/x.png"}, {"image": "data:text/html;base64,AA=="}, {"answer": " "}, {"question": ""}]
)
def test_a_row_that_cannot_be_asked_is_an_error(bad: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps({**ROW, **bad}))
    with pytest.raises(DatasetError, match="cannot be used"):
        list(hle.build(Options(data=tmp_path)).samples)


def test_rows_of_another_shape_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"question": "?", "answer": "!"}\n')
    with pytest.raises(DatasetError, match="image"):
        list(hle.build(Options(data=tmp_path)).samples)


def test_options_without_effect_are_refused() -> None:
    for options, said in ((Options(subset="txt"), "text"), (Options(judge="never"), "judge"), (Options(shots=1), "shots")):
        with pytest.raises(ConfigError, match=said):
            hle.build(options)
    assert hle.build(Options(judge="always")).scorer.needs == {"judge"}


async def test_the_judge_sees_the_question_and_never_the_image() -> None:
    prompts: list[str] = []
    sample = to_sample({**ROW, "image": PICTURE})
    judge = honest(lambda seen: "reasoning: r\nconfidence: 5\ncorrect: yes", prompts)
    answer = Answer("Answer: 3\nConfidence: 5%", Completion(text="", finish_reason="stop"), Extraction())
    scored: Any = hle.build().scorer.score(sample, answer, Instruments(judge=judge))
    verdict = await scored
    assert (verdict.is_correct, verdict.metrics["confidence"]) == (True, 0.05)
    assert exhibits(prompts[0])["QUESTION"] == "How many?"
    assert "base64" not in prompts[0]


def test_a_run_sends_the_image_and_sums_up_the_calibration(tmp_path: Path) -> None:
    def model(body: Body) -> Reply:
        judging = "BEGIN RESPONSE" in json.dumps(body)
        return says("reasoning: r\nconfidence: 80\ncorrect: yes" if judging else "Explanation: e\nAnswer: 3\nConfidence: 80%")

    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(r) for r in (ROW, {**ROW, "id": "q2", "image": PICTURE})))
    with scripted(model) as server:
        ours = ("run", "-b", "hle", "-e", "openai", "-m", "scripted", "--base-url", server.url, "--data", "test.jsonl", "-o", "out.jsonl")
        judge = ("--judge-engine", "openai", "--judge-model", "scripted", "--judge-base-url", server.url)
        done = tripos(*ours, *judge, cwd=tmp_path, OPENAI_API_KEY="none")
        assert done.returncode == 0, done.stderr
        candidates = [b for b in server.asked if "BEGIN RESPONSE" not in json.dumps(b)]
    assert all(body["messages"][0] == {"role": "system", "content": SYSTEM} for body in candidates)
    assert sum(PICTURE in json.dumps(body) for body in candidates) == 1
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_text())
    assert summary["accuracy"] == 1.0
    assert summary["aggregates"]["calibration_error"] == pytest.approx(0.2)
    assert summary["per_dimension"]["modality"]["image"]["total"] == 1
