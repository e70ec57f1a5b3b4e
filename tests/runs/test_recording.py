"""Recorded answers: of results files (ours and OpenJarvis's) and of stores; never another model's, never a gap in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from running import fake_server, quiz, records, summary, tripos, write_questions
from shared_data import shared
from tripos.core.errors import ConfigError, StoreError, TriposError
from tripos.runs.recording import open_recording
from tripos.runs.spec import ModelSpec, RunSpec


def spec(benchmark: str = "quiz", model: str = "m") -> RunSpec:
    return RunSpec(benchmark=benchmark, model=ModelSpec(name=model))


def line(record_id: str = "r1", **more: Any) -> dict[str, Any]:
    return {
        "record_id": record_id, "benchmark": "quiz", "model": "m", "model_answer": "42", "error": None, "run_id": "abc", "attempt": 0,
        "prompt_variant_id": "default", "latency_seconds": 1.5, "prompt_tokens": 7, "completion_tokens": 2, "cost_usd": 0.0, "ttft": None,
        "error_kind": None, "finish_reason": "stop", "started_at": 10.0, "simulated": False, **more,
    }  # fmt: skip


def file(folder: Path, *lines: Any, end: str = "") -> Path:
    path = folder / "old.jsonl"
    path.write_text("".join((text if isinstance(text, str) else json.dumps(text)) + "\n" for text in lines) + end)
    return path


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    recording = open_recording(str(file(tmp_path, line(), line("r2", model_answer="é\n43"))), spec())
    for _ in range(2):
        done = recording.lookup("r1", 0, "default")
        assert done is not None
        assert (done.text, done.latency_seconds, done.finish_reason, done.started_at, done.model) == ("42", 1.5, "stop", 10.0, "m")
        assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.cost_usd, done.ttft_seconds) == (7, 2, 0.0, None)
        other = recording.lookup("r2", 0, "default")
        assert other is not None and other.text == "é\n43"
    assert recording.lookup("r3", 0, "default") is None
    assert recording.source == str(tmp_path / "old.jsonl") and not recording.simulated
    recording.close()


def test_turns_come_back_as_they_were(tmp_path: Path) -> None:
    turns = [{"role": "assistant", "content": "Done."}, {"role": "environment", "reward": 1.0}]
    recording = open_recording(str(file(tmp_path, line(turns=turns), line("r2", turns=None))), spec())
    done, plain = recording.lookup("r1", 0, "default"), recording.lookup("r2", 0, "default")
    assert done is not None and plain is not None
    assert (done.turns, plain.turns) == (tuple(turns), ())
    recording.close()
    for wrong in ("Done.", [1], {"role": "assistant"}):
        with pytest.raises(ConfigError, match="turns is no list of objects"):
            open_recording(str(file(tmp_path, line(turns=wrong))), spec())


def test_attempts_and_prompt_variants_are_kept_apart(tmp_path: Path) -> None:
    lines = [line(attempt=n, prompt_variant_id=way, model_answer=f"{way} {n}") for n in range(2) for way in ("default", "cot")]
    recording = open_recording(str(file(tmp_path, *lines)), spec())
    for n in range(2):
        for way in ("default", "cot"):
            done = recording.lookup("r1", n, way)
            assert done is not None and done.text == f"{way} {n}"
    assert recording.lookup("r1", 2, "default") is None and recording.lookup("r1", 0, "loud") is None
    recording.close()


@pytest.mark.parametrize(
    ("how", "answered"),
    [
        ({"model_answer": "", "error": "HTTP 500", "error_kind": "server_error"}, False),
        ({"model_answer": "", "error": "backend broke"}, False),
        ({"model_answer": None, "error": "backend broke"}, False),
        ({"model_answer": None}, False),
        ({"model_answer": ""}, True),
        ({"model_answer": "42", "error": "JudgeError: no verdict", "error_kind": "judge"}, True),
        ({"model_answer": "", "error": "JudgeError: no verdict", "error_kind": "judge"}, True),
    ],
)
def test_a_request_that_failed_is_no_empty_answer(tmp_path: Path, how: dict[str, Any], answered: bool) -> None:
    recording = open_recording(str(file(tmp_path, line(**how), line("other"))), spec())
    assert (recording.lookup("r1", 0, "default") is not None) == answered
    recording.close()


def test_a_sample_asked_again_has_its_last_answer(tmp_path: Path) -> None:
    failed = line(model_answer="", error="HTTP 500", error_kind="server_error")
    recording = open_recording(str(file(tmp_path, line(model_answer="first"), line(model_answer="second"), failed)), spec())
    done = recording.lookup("r1", 0, "default")
    assert done is not None and done.text == "second"
    recording.close()


def test_simulated_answers_are_known_as_such(tmp_path: Path) -> None:
    recording = open_recording(str(file(tmp_path, line(simulated=True))), spec())
    done = recording.lookup("r1", 0, "default")
    assert recording.simulated and done is not None and done.simulated
    recording.close()


@pytest.mark.parametrize("other", [{"model": "n"}, {"benchmark": "gpqa"}])
def test_answers_of_another_model_or_benchmark_are_not_taken(tmp_path: Path, other: dict[str, str]) -> None:
    path = file(tmp_path, line(**other))
    with pytest.raises(ConfigError, match=r"it holds no answers of m to quiz, but (quiz by n|gpqa by m)$"):
        open_recording(str(path), spec())
    mixed = open_recording(str(file(tmp_path, line(**other, model_answer="theirs"), line("r2"))), spec())
    assert mixed.lookup("r1", 0, "default") is None and mixed.lookup("r2", 0, "default") is not None
    mixed.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{oops}", "line 2: not a line of a results file"),
        ('{"record_id": "r1"}', "line 2: not a line of a results file ('model_answer')"),
        ('{"model_answer": "r1"}', "line 2: not a line of a results file ('record_id')"),
        ("[1]", "line 2: not a line of a results file"),
        ('"text"', "line 2: not a line of a results file"),
        ('{"record_id": "r1", "model_answer": 42}', "line 2: model_answer is no text"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_recording(str(file(tmp_path, line(), text, line("r2"))), spec())
    assert said in str(caught.value) and "old.jsonl" in str(caught.value)


def test_empty_lines_and_a_last_line_that_was_cut_off_do_no_harm(tmp_path: Path) -> None:
    recording = open_recording(str(file(tmp_path, line(), "", line("r2"), end='{"record_id": "r3", "model_an')), spec())
    assert recording.lookup("r2", 0, "default") is not None and recording.lookup("r3", 0, "default") is None
    recording.close()


@pytest.mark.parametrize("name", ["absent.jsonl", "absent.db", "absent.db#1a2b"])
def test_a_recording_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"absent\.\w+: there is no such file"):
        open_recording(str(tmp_path / name), spec())


def test_an_empty_file_and_a_file_that_is_no_store_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it holds no answers at all"):
        open_recording(str(file(tmp_path)), spec())
    (tmp_path / "text.db").write_text("hello")
    with pytest.raises(TriposError, match=r"text\.db"):
        open_recording(str(tmp_path / "text.db"), spec())


# The seed's own files


def test_a_file_of_openjarvis_is_replayed_without_what_it_did_not_measure() -> None:
    path = shared("logs/openjarvis/replay_1.0.4/mmlu-pro_Meta-Llama-3.1-70B-Instruct.jsonl")
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    recording = open_recording(str(path), spec("mmlu-pro", "Meta-Llama-3.1-70B-Instruct"))
    for row in rows:
        done = recording.lookup(row["record_id"], 0, "default")
        if row["error"]:
            assert done is None, "a backend that broke is not an answer"
            continue
        assert done is not None and done.text == row["model_answer"]
        assert done.usage.prompt_tokens == (row["prompt_tokens"] or None) and done.cost_usd == (row["cost_usd"] or None)
        assert done.latency_seconds == (row["latency_seconds"] or None) and done.finish_reason is None
    assert sum(bool(row["error"]) for row in rows) == 1
    recording.close()


# From runs


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which 12 questions were put to the fake server, 8 of them first."""
    folder = tmp_path_factory.mktemp("ran")
    data = write_questions(folder / "rows.jsonl", 12)
    with fake_server() as server:
        done = tripos(*quiz(data, server.url, "--store", "t.db"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def replayed(folder: Path, recording: str, *more: str, output: str = "new.jsonl") -> Any:
    arguments = quiz(folder / "rows.jsonl", "http://127.0.0.1:9")
    kept = [a for i, a in enumerate(arguments) if "--base-url" not in (a, arguments[i - 1]) and "-o" not in (a, arguments[i - 1])]
    return tripos(*kept, "--replay", recording, "-o", output, "--store", f"{output}.db", *more, cwd=folder)


@pytest.mark.parametrize("recording", ["out.jsonl", "t.db", "t.db#RUN"])
def test_a_run_is_replayed_offline_to_the_same_results(ran: Path, recording: str) -> None:
    run_id = records(ran / "out.jsonl")[0]["run_id"]
    output = f"new-{len(recording)}.jsonl"
    done = replayed(ran, recording.replace("RUN", run_id[:8]), output=output)
    assert done.returncode == 0, done.stderr
    told = ("record_id", "model_answer", "is_correct", "score", "prompt_tokens", "latency_seconds", "finish_reason")
    before, after = ({r["record_id"]: [r[name] for name in told] for r in records(ran / name)} for name in ("out.jsonl", output))
    assert before == after and len(after) == 12
    assert summary(ran / output)["accuracy"] == summary(ran / "out.jsonl")["accuracy"]


def test_a_sample_that_was_never_answered_is_a_failure_with_a_name(ran: Path) -> None:
    text = (ran / "out.jsonl").read_text().splitlines(keepends=True)
    (ran / "part.jsonl").write_text("".join(text[:-1]))
    missing = json.loads(text[-1])["record_id"]
    done = replayed(ran, "part.jsonl", output="gap.jsonl")
    assert done.returncode == 1
    (failed,) = [r for r in records(ran / "gap.jsonl") if r["error"]]
    assert (failed["record_id"], failed["outcome"], failed["is_correct"]) == (missing, "infrastructure_failed", None)
    assert f"part.jsonl holds no answer for {missing} (attempt 0)" in failed["error"]


def test_another_models_run_is_not_replayed(ran: Path) -> None:
    for recording in ("t.db", "out.jsonl"):
        done = replayed(ran, recording, "-m", "other", output="other.jsonl")
        assert done.returncode == 2 and "it holds no answers of other to" in done.stderr and "by fake" in done.stderr
        assert not (ran / "other.jsonl").exists()


def test_a_run_that_is_not_in_the_store_is_named(ran: Path) -> None:
    with pytest.raises(StoreError, match="no run begins so"):
        open_recording(f"{ran / 't.db'}#ffffffffffff", spec())
