"""The hub is asked for once a process: where nothing answers, every further data set says so at once, and the cache still serves."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tripos.benchmarks.hub import OnHub, revision_of
from tripos.core.errors import DatasetError

READ = """
import sys, time
from tripos.benchmarks.benchmark import benchmarks
from tripos.core.errors import TriposError
for key in sys.argv[1:]:
    begun = time.monotonic()
    try:
        list(benchmarks.get(key).build().samples)
    except TriposError as error:
        print(f"{time.monotonic() - begun:.2f}", error)
"""
KEYS = ("simpleqa", "gpqa", "gaia", "paperarena", "deepplanning", "livecodebench", "liveresearchbench")


def read(home: Path, endpoint: str, *keys: str, **more: str) -> list[tuple[float, str]]:
    """Seconds and error of every key, read one after another in one process that knows the hub by `endpoint`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRIPOS_")) and "proxy" not in name.lower()}
    environment = {**kept, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_ETAG_TIMEOUT": "5", **more}
    done = subprocess.run([sys.executable, "-c", READ, *keys], capture_output=True, text=True, env=environment, timeout=600, check=True)
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    assert len(lines) == len(keys), done.stdout
    return [(float(seconds), said) for seconds, _, said in lines]


@contextmanager
def deaf() -> Iterator[tuple[str, list[float]]]:
    """A host that takes connections and never answers; with the times at which it was called."""
    called: list[float] = []
    open_ones: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def wait() -> None:
            while True:
                try:
                    open_ones.append(door.accept()[0])
                except OSError:
                    return
                called.append(time.monotonic())

        threading.Thread(target=wait, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", called
    for one in open_ones:
        one.close()


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[str]]]:
    """A hub that answers everything with one status; with the requests that it got."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, format: str, *args: Any) -> None:
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_hub_that_never_answers_is_waited_for_once(tmp_path: Path) -> None:
    with deaf() as (url, called):
        found = read(tmp_path, url, *KEYS)
    assert len(called) == 1
    assert sum(seconds for seconds, _ in found[1:]) < 5 * len(KEYS[1:])
    for _, said in found:
        assert f"is not in the local cache and the hub cannot be reached ({url}: " in said
        assert "tried once" in said
        assert "--data" in said
        assert "TRIPOS_DATA_DIR" in said


def test_a_hub_that_is_not_there_is_an_answer_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    found = read(tmp_path, f"http://127.0.0.1:{port}", *KEYS)
    assert all("refused" in said for _, said in found)
    assert sum(seconds for seconds, _ in found[1:]) < 5 * len(KEYS[1:])


def test_a_hub_that_is_broken_is_not_asked_again(tmp_path: Path) -> None:
    with answering(503) as (url, asked):
        found = read(tmp_path, url, "simpleqa", "gaia", "livecodebench")
    assert len(asked) == 1
    assert all("status 503" in said for _, said in found)


def test_a_hub_that_answers_is_asked_for_each_data_set(tmp_path: Path) -> None:
    with answering(404) as (url, asked):
        found = read(tmp_path, url, "simpleqa", "gaia")
    assert any("SimpleQA" in request for request in asked)
    assert any("GAIA" in request for request in asked)
    assert all("cannot be reached" not in said for _, said in found)


def test_who_switched_the_hub_off_is_told_so_and_nobody_is_asked(tmp_path: Path) -> None:
    with answering(200) as (url, asked):
        found = read(tmp_path, url, "simpleqa", "gaia", HF_HUB_OFFLINE="1")
    assert not asked
    assert all("the hub cannot be reached (HF_HUB_OFFLINE is set)" in said for _, said in found)


def test_a_gated_set_out_of_reach_says_what_to_do_once_it_is_in_reach(tmp_path: Path) -> None:
    ((_, said),) = read(tmp_path, "http://127.0.0.1:1", "gpqa")
    assert "accept its terms at https://huggingface.co/datasets/Idavidrein/gpqa and set HF_TOKEN" in said


@pytest.mark.parametrize("gated", [True, False], ids=["known to be gated", "gated since"])
def test_a_gate_is_explained(gated: bool) -> None:
    import httpx2
    from huggingface_hub.errors import GatedRepoError  # the very exception of the hub's client

    refusal = httpx2.Response(403, request=httpx2.Request("GET", "https://huggingface.co/api/datasets/owner/sums"))
    said = r"is gated: accept its terms at https://huggingface\.co/datasets/owner/sums and set HF_TOKEN .*; or give the rows with --data"
    with pytest.raises(DatasetError, match=said), OnHub("owner/sums", "give the rows with --data", gated).explained():
        raise GatedRepoError("Access to dataset owner/sums is restricted", response=refusal)


def test_an_error_of_ours_stays_as_it_is() -> None:
    with pytest.raises(DatasetError, match=r"^row 7 is broken$"), OnHub("owner/sums", "give the rows with --data").explained():
        raise DatasetError("row 7 is broken")


def test_a_place_of_the_cache_tells_its_commit() -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    assert revision_of(Path(f"/c/datasets--a--b/snapshots/{commit}")) == revision_of(Path(f"/c/snapshots/{commit}/qa/x.json")) == commit
    assert revision_of(Path(f"/c/snapshots/{commit}0/qa")) is revision_of(Path("/home/copy")) is None
