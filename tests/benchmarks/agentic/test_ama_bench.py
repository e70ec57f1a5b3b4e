"""AMA-Bench: questions of episodes, each alone with the trajectory; long trajectories are shortened in the middle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from running import tripos
from scripted_judge import answer_of, assert_calibrated, exhibits, honest, with_judge
from shared_data import shared
from tripos.benchmarks.agentic.ama_bench import ama_bench, questions, rendered, to_episode
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Sample

ROW: dict[str, Any] = {
    "episode_id": 7,
    "task": "Find the key.",
    "task_type": "maze",
    "domain": "Game",
    "success": False,
    "trajectory": [{"turn_idx": i, "action": f"step {i}", "observation": f"room {i}"} for i in range(3)],
    "qa_pairs": [
        {"question": "Where at turn 1?", "answer": "room 1", "question_uuid": "u1", "type": "A"},
        {"question": "Why so?", "answer": "It stepped.", "question_uuid": "u2", "type": "B"},
    ],
}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def samples(data: Path, **settings: Any) -> list[Sample]:
    return list(ama_bench.build(Options(data=data, settings=settings)).samples)


async def test_calibration() -> None:
    await assert_calibrated(ama_bench.build())


async def test_calibration_without_a_judge_passes_the_very_words_alone() -> None:
    benchmark = ama_bench.build(Options(judge="never"))
    assert benchmark.scorer.needs == frozenset()
    for case in benchmark.calibration():
        scored: Any = benchmark.scorer.score(case.sample, answer_of(case.sample, case.text, benchmark.transform), with_judge(None))
        assert ((await scored).is_correct, case.name) == (case.name == "reference", case.name)


def test_every_question_of_every_episode_is_a_sample() -> None:
    found = samples(shared("ama-bench"))
    assert len({s.record_id for s in found}) == len(found) == 12
    assert found == samples(shared("ama-bench/test")) == samples(shared("ama-bench/test/open_end_qa_set.jsonl"))
    assert {s.subject for s in found} == {"recall", "causal inference", "state updating", "state abstraction"}
    assert len({s.cluster for s in found}) == 3
    assert {s.dimensions["domain"] for s in found} == {"Game", "WEB"}


def test_the_file_of_multiple_choice_beside_it_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "open_end_qa_set.jsonl").write_text(json.dumps(ROW))
    (tmp_path / "test" / "mcq_set.jsonl").write_text("{}")
    assert len(samples(tmp_path)) == 2


def test_a_prompt_has_the_record_and_one_question_and_no_other_pair(tmp_path: Path) -> None:
    first, second = samples(write(tmp_path, ROW))
    prompt = str(ama_bench.build().prompt(first))
    assert (first.record_id, first.cluster, first.reference, first.dimensions["success"]) == ("7/u1", "7", "room 1", "no")
    assert all(part in prompt for part in ("Find the key.", "Turn 2\nAction: step 2\nObservation: room 2", "Where at turn 1?"))
    assert not any(part in prompt for part in (second.question, second.reference))


def test_long_trajectories_keep_their_beginning_and_their_end(tmp_path: Path) -> None:
    long = {**ROW, "trajectory": [{"turn_idx": i, "action": "go", "observation": "x" * 80} for i in range(50)]}
    (sample, _) = samples(write(tmp_path, long), trajectory_tokens=125)
    shown = sample.metadata["trajectory"]
    assert sample.dimensions["trajectory"] == "shortened"
    assert "Turn 0\n" in shown
    assert "Turn 49\n" in shown
    assert "[46 turns are left out here]" in shown
    (whole, _) = samples(tmp_path, trajectory_tokens=0)
    assert (whole.dimensions["trajectory"], whole.metadata["trajectory"].count("Turn")) == ("whole", 50)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=12), st.integers(0, 150))
def test_shortening_leaves_out_the_middle_and_nothing_else(turns: list[str], room: int) -> None:
    shown, shortened = rendered(turns, room)
    assert shortened <= (room > 0 and sum(map(len, turns)) > room)
    if not shortened:
        assert shown == "\n\n".join(turns)
    else:
        assert shown.startswith(turns[0])
        assert shown.endswith(turns[-1])
        assert "left out" in shown


def test_questions_without_text_or_answer_are_left_out() -> None:
    pairs = [*ROW["qa_pairs"], {"question": " ", "answer": "x"}, {"question": "?", "answer": None}, {"question": "How many?", "answer": 0}]
    found = list(questions(to_episode({**ROW, "qa_pairs": pairs}, 0)))
    assert [s.question for s in found] == ["Where at turn 1?", "Why so?", "How many?"]
    assert (found[2].reference, found[2].subject) == ("0", "unknown")
    assert found[2].record_id != found[1].record_id


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{**ROW, "trajectory": []}], "no turn"),
        ([{**ROW, "trajectory": [{"action": "a"}]}], "turn_idx"),
        ([{**ROW, "qa_pairs": [ROW["qa_pairs"][0]] * 2}], "twice"),
        ([{**ROW, "qa_pairs": []}], "no episode has a question"),
        ([{"episode_id": 1, "question": "?", "answer": "!"}], "'trajectory'"),
    ],
)
def test_rows_that_cannot_be_used_are_an_error(rows: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=said):
        samples(write(tmp_path, *rows))


def test_options_without_effect_are_refused() -> None:
    for options, said in (
        (Options(subset="Game"), "subset"),
        (Options(shots=1), "shots"),
        (Options(judge="fallback"), "always"),
        (Options(settings={"trajectory_tokens": -1}), "trajectory_tokens"),
        (Options(settings={"tokens": 1}), "trajectory_tokens"),
    ):
        with pytest.raises(ConfigError, match=said):
            ama_bench.build(options)


@pytest.mark.parametrize("attack", attacks("room 2", "room 1").values(), ids=attacks("", "").keys())
async def test_no_verdict_is_taken_from_the_candidates_text(attack: str) -> None:
    prompts: list[str] = []
    judge = honest(lambda seen: f"reasoning: r\ncorrect: {'yes' if seen['RESPONSE'] == seen['REFERENCE'] else 'no'}", prompts)
    (sample, _) = questions(to_episode(ROW, 0))
    scorer: Any = ama_bench.build().scorer
    assert (await scorer.score(sample, answer_of(sample, attack), with_judge(judge))).is_correct is False
    assert (await scorer.score(sample, answer_of(sample, "room 1"), with_judge(judge))).is_correct is True
    assert exhibits(prompts[0])["CONTEXT"] == "Find the key."


def test_a_run_without_a_judge(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    run = ("run", "-b", "ama-bench", "-e", "simulated", "-m", "x", "--model-option", "skill=1", "--choice-judge", "never", "--data", ".")
    done = tripos(*run, "-o", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_text())
    assert (summary["accuracy"], summary["planned"], summary["dataset"]["trajectory_tokens"]) == (1.0, 2, 20_000)
    assert set(summary["per_subject"]) == {"recall", "causal inference"}
