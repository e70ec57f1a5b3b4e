"""Trackers against the real packages: W&B offline, Google Sheets against a server of ours that speaks its API."""

from __future__ import annotations

import json
import struct
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from running import QUIZ, fake_server, quiz, records, tripos, write_questions
from tripos.benchmarks.benchmark import benchmarks
from tripos.core.errors import ConfigError
from tripos.engines.endpoint import Budget
from tripos.reports import trackers
from tripos.reports.trackers import COLUMNS, SheetsTracker, Tracker, Tracking, WandbTracker, flat, require, row
from tripos.runs.endpoints import Endpoints
from tripos.runs.plan import Plan
from tripos.runs.runner import RunResult, Watcher, run_all
from tripos.runs.spec import ModelSpec, RunSpec, Trackers


@cache
def quiz_key() -> str:
    return benchmarks.import_file(QUIZ)


def spec(tmp_path: Path, **wanted: str) -> RunSpec:
    write_questions(tmp_path / "quiz.jsonl", 6)
    return RunSpec(
        benchmark=quiz_key(),
        model=ModelSpec(name="sim", engine="simulated", options={"skill": 1.0}),
        data=tmp_path / "quiz.jsonl",
        output=tmp_path / "out.jsonl",
        store=str(tmp_path / "tripos.db"),
        trackers=Trackers(**wanted),
    )


class Heard(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.calls: list[str] = []

    def planned(self, plan: Plan, tally: Any) -> None:
        self.calls.append("planned")

    def sample(self, line: bytes) -> None:
        self.calls.append("sample")

    def ended(self, result: RunResult) -> None:
        self.calls.append("ended")

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Diary:
    """A tracker that notes its calls and breaks in one of them, if told so."""

    name = "Diary"

    def __init__(self, breaks_in: str = "") -> None:
        self.breaks_in = breaks_in
        self.calls: list[Any] = []

    def _note(self, call: str, *more: Any) -> None:
        self.calls.append((call, *more) if more else call)
        if call == self.breaks_in:
            raise RuntimeError("dashboard is down")

    def started(self, plan: Plan) -> str | None:
        self._note("started")
        return "see https://example.org/run"

    def sample(self, record: dict[str, Any]) -> None:
        self._note("sample", record["record_id"])

    def ended(self, result: RunResult) -> None:
        self._note("ended")

    def close(self, *, failed: bool) -> None:
        self._note("close", failed)


async def tracked(chosen: RunSpec, *them: Tracker) -> tuple[RunResult, Heard]:
    heard = Heard()
    with Tracking(heard, choose=lambda _: them) as watcher:
        results = await run_all((chosen,), chosen.store, Endpoints(Budget()), watcher)
    return results[0], heard


async def test_a_tracker_hears_of_start_samples_end_and_close_in_this_order(tmp_path: Path) -> None:
    diary = Diary()
    result, heard = await tracked(spec(tmp_path), diary)
    assert result.status == "complete"
    names = [r["record_id"] for r in records(tmp_path / "out.jsonl")]
    assert diary.calls[0] == "started"
    assert sorted(diary.calls[1:7]) == sorted(("sample", name) for name in names)
    assert diary.calls[7:] == ["ended", ("close", False)]
    assert heard.calls == ["planned", *["sample"] * 6, "ended"], "the other watcher is told as well"
    assert "see https://example.org/run" in heard.warnings


@pytest.mark.parametrize("call", ["started", "sample", "ended", "close"])
async def test_a_tracker_that_breaks_is_a_warning_and_never_the_runs_end(tmp_path: Path, call: str) -> None:
    broken, sound = Diary(call), Diary()
    result, heard = await tracked(spec(tmp_path), broken, sound)
    assert result.status == "complete" and len(records(tmp_path / "out.jsonl")) == 6
    assert [w for w in heard.warnings if "switched off" in w] == ["Diary is switched off for this run: RuntimeError: dashboard is down"]
    assert sum(c == call or c[0] == call for c in broken.calls) == 1, "it is not asked again"
    assert sound.calls[-1] == ("close", False) and len(sound.calls) == 9


async def test_a_run_that_breaks_off_is_closed_as_failed(tmp_path: Path) -> None:
    diary = Diary()
    chosen = spec(tmp_path)

    class Stopped(Heard):
        def sample(self, line: bytes) -> None:
            raise OSError(28, "No space left on device")

    from tripos.core.errors import StoreError

    with pytest.raises(StoreError), Tracking(Stopped(), choose=lambda _: [diary]) as watcher:
        await run_all((chosen,), chosen.store, Endpoints(Budget()), watcher)
    assert diary.calls[-1] == ("close", True)


def test_what_is_missing_is_said_before_anything_is_paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)  # nothing is installed
    with pytest.raises(ConfigError, match=r"--wandb-project needs the package wandb: pip install 'tripos\[wandb\]'"):
        require([spec(tmp_path, wandb_project="p")])
    with pytest.raises(ConfigError, match=r"--sheets-id needs the package gspread: pip install 'tripos\[sheets\]'"):
        require([spec(tmp_path, sheets_spreadsheet_id="s")])
    assert require([spec(tmp_path)]) == []


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "cannot be read"), ("{", "not a service account file"), ('{"type": "x"}', "no client_email")]
)
def test_credentials_are_read_before_anything_is_paid(tmp_path: Path, content: str | None, complaint: str) -> None:
    pytest.importorskip("gspread", reason="needs gspread")
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        require([spec(tmp_path, sheets_spreadsheet_id="s", sheets_credentials_path=str(path))])


def test_settings_without_effect_are_said(tmp_path: Path) -> None:
    said = require([spec(tmp_path, wandb_tags="a,b"), spec(tmp_path, sheets_credentials_path="x.json")])
    assert [s.partition(" has no effect")[0].partition(" have no effect")[0] for s in said] == [
        "--wandb-entity, --wandb-tags and --wandb-group",
        "--sheets-creds",
    ]


SUMMARY: dict[str, Any] = {
    "benchmark": "gpqa",
    "model": "m",
    "run_id": "r1",
    "simulated": False,
    "total_samples": 2,
    "correct": 0,
    "accuracy": 0.0,
    "total_cost_usd": None,
    "accuracy_interval": {"lower": 0.0, "upper": 0.66},
    "latency_stats": {"mean": 1.5, "median": 1.5, "min": 1, "max": 2, "std": 0.7, "p90": 1.9, "p95": 1.95, "p99": 1.99},
    "energy_stats": None,
    "telemetry": {"ipw": 0.01, "idle_joules": None, "meters": [{"name": "cpu"}]},
}


def test_a_row_has_every_column_and_empty_cells_for_what_was_not_measured() -> None:
    cells = dict(zip(COLUMNS, row(SUMMARY, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), strict=True))
    assert cells["timestamp"] == "2026-01-02 03:04:05"
    assert (cells["correct"], cells["accuracy"], cells["accuracy_upper"], cells["latency_p90"]) == (0, 0.0, 0.66, 1.9)
    assert cells["total_cost_usd"] == cells["energy_mean"] == cells["ipj"] == ""
    assert cells["ipw"] == 0.01


def test_a_summary_becomes_flat_without_what_was_not_measured() -> None:
    found = flat(SUMMARY)
    assert found["latency_p95"] == 1.95 and found["accuracy"] == 0.0 and found["telemetry/ipw"] == 0.01
    assert not [name for name in found if name.startswith("energy") or name in ("total_cost_usd", "telemetry/idle_joules")]


def wandb_records(directory: Path) -> Iterator[Any]:
    """The records of an offline W&B run: a LevelDB-style log, blocks of 32 KiB, chunks of crc (4), length (2) and type (1)."""
    from wandb.proto import wandb_internal_pb2

    (path,) = directory.glob("wandb/offline-run-*/*.wandb")
    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def test_wandb_offline_for_real(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs wandb")
    data = write_questions(tmp_path / "quiz.jsonl", 10)
    with fake_server() as server:
        flags = ["--wandb-project", "exams", "--wandb-tags", "a, b", "--wandb-group", "night"]
        done = tripos(*quiz(data, server.url, *flags), cwd=tmp_path, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert "Weights & Biases: offline" in done.stderr
    found = list(wandb_records(tmp_path))
    runs = [r.run for r in found if r.WhichOneof("record_type") == "run"]
    assert (runs[0].project, runs[0].run_group, list(runs[0].tags)) == ("exams", "night", ["a", "b"])
    config = {u.key: json.loads(u.value_json) for u in runs[0].config.update}
    assert (config["model"], config["seed"], config["planned"]) == ("fake", 42, 10)
    history = [
        {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in r.history.item}
        for r in found
        if r.WhichOneof("record_type") == "history"
    ]
    assert len(history) == 10
    assert sum(h["sample/is_correct"] for h in history) == 9
    assert all(h["sample/latency_seconds"] > 0 for h in history)
    assert not [name for h in history for name in h if "energy" in name or "ttft" in name], "what was not measured is not 0"
    last: dict[str, Any] = {}
    for r in found:
        if r.WhichOneof("record_type") == "summary":
            last |= {(u.key or u.nested_key[0]): json.loads(u.value_json) for u in r.summary.update}
    assert (last["accuracy"], last["scored_samples"], last["status"]) == (0.9, 10, "complete")
    assert [r.exit.exit_code for r in found if r.WhichOneof("record_type") == "exit"] == [0]


async def test_wandb_gets_energy_when_the_run_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of energy are final only at the end; they follow then, and a sample without has no value."""
    pytest.importorskip("wandb", reason="needs wandb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    chosen = spec(tmp_path, wandb_project="exams")

    class Later(WandbTracker):
        """As if the meters had known the energy of all samples but one."""

        def ended(self, result: RunResult) -> None:
            assert result.path is not None and result.summary is not None
            lines = records(result.path)
            told = [{**r, "energy_joules": 2.5, "power_watts": 50.0} if n else r for n, r in enumerate(lines)]
            result.path.write_text("".join(json.dumps(r) + "\n" for r in told))
            result.summary["energy_stats"] = {"mean": 2.5}
            super().ended(result)

    result, heard = await tracked(chosen, Later(chosen.trackers))
    assert result.status == "complete" and not [w for w in heard.warnings if "switched off" in w]
    history = [
        {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in r.history.item}
        for r in wandb_records(tmp_path)
        if r.WhichOneof("record_type") == "history"
    ]
    assert [h["sample/energy_joules"] for h in history if "sample/energy_joules" in h] == [2.5] * 5
    assert len(history) == 11


GRID = {"rowCount": 1000, "columnCount": 40}


class Spreadsheet(BaseHTTPRequestHandler):
    """The few calls of the Sheets API that are made, over sheets kept in memory: {title: rows}."""

    sheets: dict[str, list[list[Any]]]
    calls: list[str]

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.calls.append(f"GET {path}")
        if "/values/" in path:
            title = path.split("/values/")[1].split("!")[0].strip("'")
            values = {"values": self.sheets[title][:1]} if self.sheets[title] else {}
            return self._say({"range": f"{title}!A1:Z1", "majorDimension": "ROWS", **values})
        properties = [{"properties": {"sheetId": n, "title": t, "gridProperties": GRID}} for n, t in enumerate(self.sheets)]
        return self._say({"spreadsheetId": "s1", "properties": {"title": "T"}, "sheets": properties})

    def do_POST(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append(f"POST {path}")
        if path.endswith(":batchUpdate"):
            properties = body["requests"][0]["addSheet"]["properties"]
            self.sheets[properties["title"]] = []
            return self._say({"replies": [{"addSheet": {"properties": {**properties, "sheetId": 9}}}]})
        title = path.split("/values/")[1].split("!")[0].removesuffix(":append").strip("'")
        assert urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["valueInputOption"] == ["RAW"], "no cell becomes a formula"
        self.sheets[title] += body["values"]
        return self._say({"updates": {}})

    def _say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def spreadsheet(**sheets: list[list[Any]]) -> Iterator[tuple[type[Spreadsheet], Any]]:
    """(the server's memory, a way to connect a real gspread client to it)."""
    gspread = pytest.importorskip("gspread", reason="needs gspread")
    import requests
    from requests.adapters import HTTPAdapter

    class Here(HTTPAdapter):
        def send(self, request: Any, *more: Any, **named: Any) -> Any:
            request.url = request.url.replace("https://sheets.googleapis.com", f"http://127.0.0.1:{server.server_port}")
            return super().send(request, *more, **named)

    handler = type("Handler", (Spreadsheet,), {"sheets": sheets, "calls": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    session = requests.Session()
    session.trust_env = False  # a proxy would not find the way
    session.mount("https://", Here())
    try:
        yield handler, lambda _: gspread.Client(auth=None, session=session)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def sheets_run(tmp_path: Path, connect: Any) -> Heard:
    chosen = spec(tmp_path, sheets_spreadsheet_id="s1")
    result, heard = await tracked(chosen, SheetsTracker(chosen.trackers, connect))
    assert result.status == "complete"
    return heard


async def test_sheets_makes_the_worksheet_and_adds_one_row_a_run(tmp_path: Path) -> None:
    with spreadsheet(Sheet1=[["mine"]]) as (server, connect):
        heard = await sheets_run(tmp_path, connect), await sheets_run(tmp_path, connect)
    assert [len(h.warnings) for h in heard] == [1, 1], "only that answers are simulated"
    rows = server.sheets["Results"]
    assert rows[0] == list(COLUMNS) and len(rows) == 3 and rows[1][1:] == rows[2][1:]
    cells = dict(zip(COLUMNS, rows[1], strict=True))
    assert (cells["benchmark"], cells["accuracy"], cells["scored_samples"], cells["energy_mean"]) == ("perf-mcq", 1.0, 6, "")
    assert server.sheets["Sheet1"] == [["mine"]]


async def test_sheets_leaves_columns_of_others_alone(tmp_path: Path) -> None:
    with spreadsheet(Results=[["Name", "Grade"], ["Ada", "1"]]) as (server, connect):
        heard = await sheets_run(tmp_path, connect)
    assert server.sheets["Results"] == [["Name", "Grade"], ["Ada", "1"]]
    assert any("has columns of its own" in w and "--sheets-worksheet" in w for w in heard.warnings)


async def test_sheets_that_cannot_be_reached_are_a_warning(tmp_path: Path) -> None:
    def refuse(_: str) -> Any:
        raise ConnectionError("no network")

    pytest.importorskip("gspread", reason="needs gspread")
    heard = await sheets_run(tmp_path, refuse)
    assert any(w.startswith("Google Sheets is switched off") for w in heard.warnings)
