"""A run with a meter from end to end: a real server, the real RAPL meter, a powercap tree whose counters a thread moves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from devices import FakeNvml, Gpu, PowercapTree

from running import QUIZ, fake_server, quiz, records, summary, tripos, write_questions
from tripos.benchmarks.benchmark import benchmarks
from tripos.core.records import GenerationParams
from tripos.engines.endpoint import Budget
from tripos.runs.endpoints import Endpoints
from tripos.runs.runner import RunResult, Watcher, run_all
from tripos.runs.spec import ModelSpec, RunSpec
from tripos.store.database import Database
from tripos.store.rebuild import rebuild
from tripos.telemetry import meters
from tripos.telemetry.nvidia import Nvidia
from tripos.telemetry.rapl import Rapl

WATTS = 40.0
WRAP = 262_143_328_850  # micro-joules, as a processor counts them; here the counter starts again after a quarter of a second
AT_FIRST = WRAP - int(WATTS / 4 * 1e6)


@cache
def quiz_key() -> str:
    """The benchmark of the quiz, registered once a process."""
    return benchmarks.import_file(QUIZ)


class Heard(Watcher):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Machine:
    """A powercap tree that draws so many watts while `drawing`."""

    def __init__(self, root: Path) -> None:
        self.counter = PowercapTree(root).domain("intel-rapl:0", "package-0", AT_FIRST, max_range=WRAP - 1)
        self.root = root

    @contextmanager
    def drawing(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._draw, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _draw(self, stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(0.005):
            used = (AT_FIRST + int((time.monotonic() - began) * WATTS * 1e6)) % WRAP
            new = self.counter.with_name("new")
            new.write_text(str(used))
            new.replace(self.counter)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The only meter of this machine is the CPU's."""
    found = Machine(tmp_path / "powercap")

    def none() -> meters.Meter:
        raise meters.Unavailable("not in this test")

    monkeypatch.setattr(meters, "VENDORS", {"nvidia": none, "cpu": lambda: Rapl(found.root)})
    return found


def spec(tmp_path: Path, url: str, **more: Any) -> RunSpec:
    settings: dict[str, Any] = {
        "benchmark": quiz_key(),
        "model": ModelSpec(name="fake", base_url=url),
        "params": GenerationParams(max_tokens=16),
        "data": tmp_path / "quiz.jsonl",
        "output": tmp_path / "out.jsonl",
        "store": str(tmp_path / "tripos.db"),
        "telemetry": True,
        "max_workers": 1,
    }
    return RunSpec(**(settings | more))


async def run(chosen: RunSpec) -> tuple[RunResult, list[str]]:
    heard = Heard()
    results = await run_all((chosen,), chosen.store, Endpoints(Budget()), heard)
    return results[0], heard.warnings


def balances(told: dict[str, Any]) -> bool:
    parts = sum(told[f"{part}_joules"] for part in ("samples", "idle", "other"))
    return bool(told["measured_joules"] == pytest.approx(parts, rel=1e-9) and abs(told["unsettled_joules"]) < 1e-6)


@pytest.mark.parametrize("workers", [1, 8])
async def test_samples_and_idle_are_what_the_counter_counted(tmp_path: Path, machine: Machine, workers: int) -> None:
    write_questions(tmp_path / "quiz.jsonl", 24)
    with fake_server("--latency-ms", str(80 * workers)) as server, machine.drawing():
        result, warnings = await run(spec(tmp_path, server.url, max_workers=workers))
    assert result.status == "complete" and result.summary is not None, result.error
    assert not [w for w in warnings if "measured" in w]
    lines, told = records(tmp_path / "out.jsonl"), result.summary["telemetry"]
    assert balances(told)
    assert told["measured_joules"] == pytest.approx(told["mean_power_watts"] * told["seconds"] * told["coverage"])
    assert told["mean_power_watts"] == pytest.approx(WATTS, rel=0.3)
    assert sum(r["energy_joules"] for r in lines) == pytest.approx(told["samples_joules"]) == result.summary["total_energy_joules"]
    assert told["mean_concurrency"] == pytest.approx(workers, rel=0.4)
    assert told["coverage"] > 0.95
    assert told["attribution"] == "token_share"
    assert told["meters"] == [{"name": "cpu", "devices": ["package-0"], "method": "counter", "resolution_seconds": 0.001}]
    assert median(r["power_watts"] for r in lines) == pytest.approx(WATTS / workers, rel=0.4), "a share, not the whole machine's"
    for r in lines:
        assert r["gpu_utilization_pct"] is None
        assert r["ttft"] is not None, "telemetry streams"
        assert r["ipj"] == pytest.approx(r["is_correct"] / r["energy_joules"])
        assert r["ipw"] == pytest.approx(r["is_correct"] / r["power_watts"])
    assert told["ipj"] == pytest.approx(result.summary["correct"] / result.summary["total_energy_joules"])
    assert told["ipw"] == pytest.approx(result.summary["accuracy"] / told["mean_power_watts"])
    assert json.loads((tmp_path / "out.jsonl.summary.json").read_text())["telemetry"] == told


async def test_what_was_measured_stays_when_a_run_goes_on(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 20)
    with fake_server("--latency-ms", "30") as server, machine.drawing():
        first, _ = await run(spec(tmp_path, server.url, max_samples=8))
        before = {r["record_id"]: r["energy_joules"] for r in records(tmp_path / "out.jsonl")}
        second, _ = await run(spec(tmp_path, server.url))
        third, _ = await run(spec(tmp_path, server.url))
        asked = sum(server.stats()["asked"].values())
    after = {r["record_id"]: r["energy_joules"] for r in records(tmp_path / "out.jsonl")}
    assert asked == 20
    assert before.items() <= after.items() and len(after) == 20
    assert all(joules for joules in after.values())
    assert first.summary is not None and second.summary is not None and third.summary is not None
    assert second.summary["telemetry"]["measured_joules"] > first.summary["telemetry"]["measured_joules"]
    assert third.summary["telemetry"]["samples_joules"] == pytest.approx(sum(after.values()))
    assert balances(third.summary["telemetry"]), "the account of three processes adds up"


async def test_a_rebuilt_store_says_the_same(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 5)
    with fake_server("--latency-ms", "20") as server, machine.drawing():
        await run(spec(tmp_path, server.url))
    database = Database(str(tmp_path / "tripos.db"))
    rows = database.execute("SELECT * FROM measure ORDER BY candidate_id")
    rebuild(database)
    assert len(rows) == 5
    assert database.execute("SELECT * FROM measure ORDER BY candidate_id") == rows
    database.close()


async def test_a_run_without_telemetry_streams_nothing_and_measures_nothing(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server, machine.drawing():
        result, _ = await run(spec(tmp_path, server.url, telemetry=False))
    assert result.summary is not None and result.summary["telemetry"] is None
    assert {(r["energy_joules"], r["ttft"]) for r in records(tmp_path / "out.jsonl")} == {(None, None)}


async def test_streaming_can_be_refused(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server("--latency-ms", "20") as server, machine.drawing():
        await run(spec(tmp_path, server.url, stream=False))
    lines = records(tmp_path / "out.jsonl")
    assert all(r["ttft"] is None and r["energy_joules"] is not None for r in lines)


async def test_nothing_measurable_is_null_everywhere_and_said_once(tmp_path: Path, machine: Machine) -> None:
    machine.counter.unlink()
    machine.counter.mkdir()  # unreadable, for root as well
    write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server:
        result, warnings = await run(spec(tmp_path, server.url))
    said = [w for w in warnings if "not measured" in w]
    assert len(said) == 1
    assert "nvidia: not in this test; cpu: " in said[0] and "to mend: sudo chmod a+r" in said[0]
    assert result.summary is not None
    assert result.summary["telemetry"] is result.summary["total_energy_joules"] is result.summary["energy_stats"] is None
    for r in records(tmp_path / "out.jsonl"):
        assert r["energy_joules"] is r["power_watts"] is r["gpu_utilization_pct"] is r["ipw"] is r["ipj"] is None
        assert r["ttft"] is not None


async def test_energy_of_a_simulated_model_is_not_this_machines(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 3)
    chosen = spec(tmp_path, "", model=ModelSpec(name="sim", engine="simulated"), energy_vendor="cpu")
    with machine.drawing():
        result, warnings = await run(chosen)
    assert result.summary is not None and result.summary["telemetry"] is None
    assert any("asks no model" in w for w in warnings)


async def test_gpu_metrics_alone_measure_utilisation_alone(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the stand-in for NVML: a GPU cannot be installed."""
    monkeypatch.setitem(meters.VENDORS, "nvidia", lambda: Nvidia(FakeNvml([Gpu(utilization=30), Gpu(utilization=50)])))
    write_questions(tmp_path / "quiz.jsonl", 4)
    with fake_server("--latency-ms", "50") as server:
        result, warnings = await run(spec(tmp_path, server.url, telemetry=False, gpu_metrics=True))
    assert result.summary is not None
    for r in records(tmp_path / "out.jsonl"):
        assert r["gpu_utilization_pct"] == pytest.approx(40.0)
        assert r["energy_joules"] is r["power_watts"] is r["ttft"] is None
    assert result.summary["telemetry"]["measured_joules"] is None
    assert result.summary["gpu_utilization_stats"]["mean"] == pytest.approx(40.0)
    assert any("covers 2 GPUs" in w and "num_gpus" in w for w in warnings)


async def test_an_unknown_vendor_ends_the_run_before_anything_is_asked(tmp_path: Path, machine: Machine) -> None:
    write_questions(tmp_path / "quiz.jsonl", 3)
    with fake_server() as server:
        result, _ = await run(spec(tmp_path, server.url, energy_vendor="cpus"))
        assert server.stats()["asked"] == {}
    assert result.status == "failed" and "did you mean 'cpu'" in str(result.error)


async def test_a_server_elsewhere_is_not_billed_with_this_machines_joules(machine: Machine) -> None:
    from types import SimpleNamespace

    from tripos.runs.measuring import _trouble, is_here

    def served_at(url: str | None, **more: Any) -> Any:
        return SimpleNamespace(key="openai-compatible", simulated=False, url=url, **more)

    assert is_here(served_at("http://127.0.0.1:8000/v1")) and is_here(served_at("http://localhost:8000/v1")) and is_here(served_at(None))
    assert not is_here(served_at("http://192.0.2.7:8000/v1"))
    assert "192.0.2.7" in _trouble(served_at("http://192.0.2.7:8000/v1"), "")
    assert _trouble(served_at("http://192.0.2.7:8000/v1"), "cpu") == "", "a named vendor says that it is this machine"
    assert "8.8.8.8" in _trouble(served_at("https://8.8.8.8/v1"), "cpu"), "but the public internet never is"


def test_a_kill_keeps_what_was_recorded(tmp_path: Path) -> None:
    """As a process, on whatever this machine can measure: the same command after kill -9 gives a whole, balanced file."""
    import os
    import signal

    from running import start, wait_until

    data = write_questions(tmp_path / "quiz.jsonl", 150)
    with fake_server("--latency-ms", "100") as server:
        process = start(*quiz(data, server.url, "-w", "4", "--telemetry"), cwd=tmp_path)
        wait_until(lambda: sum(server.stats()["answered"].values()) > 100)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        done = tripos(*quiz(data, server.url, "-w", "4", "--telemetry"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = records(tmp_path / "out.jsonl")
    assert len({r["record_id"] for r in lines}) == len(lines) == 150
    told = summary(tmp_path / "out.jsonl")["telemetry"]
    known = [r["energy_joules"] for r in lines if r["energy_joules"] is not None]
    if told is None:
        assert not known and "not measured" in done.stderr
    else:
        assert sum(known) == pytest.approx(told["samples_joules"])
