"""Real rows, a real server: Hugging Face's `transformers serve` with a tiny random model that the test makes.

The model knows nothing; what is tested is that everything a server says (usage, finish reason, time to first token)
reaches the results as it said it.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.tiny_model import build_in_cache
from running import environment, records, reserved_port, summary, tripos, wait_until
from shared_data import shared

MODEL = "tiny/random"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cache = tmp_path_factory.mktemp("hub")
    build_in_cache(cache, MODEL)
    program = Path(sys.executable).with_name("transformers")
    log = cache / "log"
    with reserved_port() as port, log.open("wb") as errors:
        command = [str(program), "serve", MODEL, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--log-level", "error"]
        env = environment(HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1", HOME=str(cache))
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            wait_until(lambda: process.poll() is not None or _answers(f"http://127.0.0.1:{port}/health"), 600)
            assert process.poll() is None, f"transformers serve ended: {log.read_text()[-800:]}"
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=10):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(("benchmark", "n"), [("math500", 4), ("mmlu-pro", 4)])
def test_real_rows_through_a_real_server(server: str, tmp_path: Path, benchmark: str, n: int) -> None:
    data = shared(benchmark)
    common = ["run", "-b", benchmark, "--data", str(data), "-m", MODEL, "--base-url", server, "-n", str(n), "-w", "2",
              "--max-tokens", "12", "--request-timeout", "300"]  # fmt: skip
    plain = tripos(*common, "-o", "plain.jsonl", cwd=tmp_path)
    assert plain.returncode == 0, plain.stderr
    lines = records(tmp_path / "plain.jsonl")
    assert len(lines) == n
    for line in lines:
        assert line["completion_tokens"] and line["prompt_tokens"] > 20, "usage is the server's"
        assert line["finish_reason"] in ("length", "stop")
        assert line["is_correct"] is False or line["outcome"] == "scored"
        assert line["ttft"] is None and line["cost_usd"] is None, "what was not measured is null"
        assert (line["outcome"] == "truncated") == (line["finish_reason"] == "length" and not line["is_correct"])
    streamed = tripos(*common, "-o", "streamed.jsonl", "--stream", "--store", "s.db", cwd=tmp_path)
    assert streamed.returncode == 0, streamed.stderr
    again = {r["record_id"]: r for r in records(tmp_path / "streamed.jsonl")}
    for line in lines:
        other = again[line["record_id"]]
        assert other["model_answer"] == line["model_answer"], "greedy decoding: streamed and whole say the same"
        assert other["completion_tokens"] == line["completion_tokens"]
        assert 0 < other["ttft"] < other["latency_seconds"]
    assert any("cut at max_tokens" in notice for notice in summary(tmp_path / "plain.jsonl")["notices"])


def test_the_run_is_replayed_offline_without_the_server(server: str, tmp_path: Path) -> None:
    data = shared("math500")
    common = ["run", "-b", "math500", "--data", str(data), "-m", MODEL, "-n", "3", "--max-tokens", "8"]
    first = tripos(*common, "--base-url", server, "-o", "live.jsonl", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    replay = tripos(*common, "--replay", "results/tripos.db", "-o", "replayed.jsonl", "--store", "other.db", cwd=tmp_path)
    assert replay.returncode == 0, replay.stderr
    live = {r["record_id"]: (r["model_answer"], r["is_correct"], r["prompt_tokens"]) for r in records(tmp_path / "live.jsonl")}
    assert live == {r["record_id"]: (r["model_answer"], r["is_correct"], r["prompt_tokens"]) for r in records(tmp_path / "replayed.jsonl")}
