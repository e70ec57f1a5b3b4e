"""What was said to be durable is there, whatever happens: kills, full disks, lost servers, many threads, many writers."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import made
import pytest

from running import wait_until
from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.events import INLINE_LIMIT, Blob, TrialPlanned
from tripos.store.reading import Reader
from tripos.store.verify import verify
from tripos.store.writer import Writer

WRITING = """
import sys
sys.path.insert(0, sys.argv[3])
import made
from tripos.core.errors import StoreError
from tripos.store.database import Database
from tripos.store.writer import Writer
writer = Writer(Database(sys.argv[1]))
try:
    for n in range(int(sys.argv[2])):
        name = f"{writer.stream_id}-{n}"
        prompt = writer.stow(f"{n} " * 400)
        writer.write(made.RUN, [made.planned(name, prompt=prompt), made.answered(name), made.scored(name)],
                     then=lambda name=name: print(name, flush=True))
    writer.close()
except StoreError as error:
    sys.exit(f"refused: {error}")
"""


def writing(url: str, n: int = 10_000_000, **more: Any) -> subprocess.Popen[str]:
    """A process that writes trials and prints each once it is durable."""
    command = [sys.executable, "-c", WRITING, url, str(n), str(Path(__file__).parent)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **{"stdout": subprocess.PIPE, **more})


def present(url: str) -> set[str]:
    with closing(Database(url, read_only=True)) as database:
        return {row[0] for row in database.execute("SELECT candidate_id FROM verdict")}


def test_kill_9_at_any_instant_loses_nothing_that_was_durable(url: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    durable: set[str] = set()
    for number in range(6):
        said = tmp_path / str(number)
        with said.open("w") as file:
            process = writing(url, stdout=file)
        wait_until(lambda said=said: said.read_bytes().count(b"\n") >= 20)
        time.sleep(rng.uniform(0.0, 0.1))
        process.kill()
        process.communicate()
        durable.update(said.read_text().split("\n")[:-1])  # the last line may be cut
    assert len(durable) > 100
    assert durable <= present(url)
    report = verify(Database(url, read_only=True))
    assert report.ok, report.findings
    assert report.streams == 6


def test_two_processes_write_one_store_at_once(url: str) -> None:
    processes = [writing(url, 300) for _ in range(2)]
    said = {name for p in processes for name in p.communicate(timeout=300)[0].split()}
    assert [p.returncode for p in processes] == [0, 0]
    assert len(said) == 600 and said == present(url)
    assert verify(Database(url)).ok


def test_a_full_disk_is_one_sentence_and_what_was_committed_is_intact(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    made.fill(str(path), made.trial("before"))

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    process = writing(str(path), 100_000, preexec_fn=little_room)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1 and err.count("\n") == 1
    assert "what was committed is safe, run the same command again" in err
    durable = set(out.split())
    assert durable and {"before", *durable} <= present(str(path))
    assert verify(Database(str(path))).ok


def test_a_full_database_ends_the_writer_without_a_hang(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "s.db"))
    pages = database.execute("PRAGMA page_count")[0][0]
    database.execute(f"PRAGMA max_page_count = {pages + 20}")
    writer = Writer(database)
    durable: list[int] = []
    with pytest.raises(StoreError, match="full: what was committed is safe"):
        for n in range(10_000):
            writer.write(made.RUN, made.trial(f"c{n}"), then=lambda n=n: durable.append(n))
            if n % 50 == 0:
                writer.flush()
    for last in (writer.flush, writer.close, lambda: writer.write(made.RUN, []), lambda: writer.claim([], ["x"])):
        with pytest.raises(StoreError, match="full"):
            last()
    assert durable and present(str(tmp_path / "s.db")) == {f"c{n}" for n in durable}
    assert verify(Database(str(tmp_path / "s.db"))).ok


def test_an_error_of_what_follows_a_commit_surfaces_too(url: str) -> None:
    writer = Writer(Database(url))

    def no_room() -> None:
        raise OSError(28, "No space left on device", "out.jsonl")

    writer.write(made.RUN, made.trial("a"), then=no_room)
    with pytest.raises(StoreError, match=r"cannot write results: .*No space left on device: 'out.jsonl'"):
        writer.flush()
    assert present(url) == {"a"}


def test_a_lost_server_ends_the_writer_with_a_sentence(postgresql_url: str) -> None:
    import psycopg

    writer = Writer(Database(postgresql_url))
    writer.write(made.RUN, made.trial("a"))
    writer.flush()
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    writer.write(made.RUN, made.trial("b"))
    with pytest.raises(StoreError, match="run the same command again when the server is back"):
        writer.flush()
    with pytest.raises(StoreError):
        writer.close()
    assert present(postgresql_url) == {"a"}
    assert verify(Database(postgresql_url)).ok


def test_texts_are_stowed_once_from_any_thread(url: str) -> None:
    writer = Writer(Database(url))
    texts = [f"text {n} " * 300 for n in range(40)] + ["\ud800 lone surrogate, NUL \0 " * 100]

    def work(number: int) -> None:
        for n, text in enumerate(random.Random(number).sample(texts, len(texts))):
            name = f"{number}-{n}"
            writer.write(made.RUN, [made.planned(name, prompt=writer.stow(text)), made.answered(name)])  # type: ignore[arg-type]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    reader = Reader(Database(url))
    assert reader.database.execute("SELECT count(*) FROM blob") == [(len(texts),)]
    for trial in reader.trials(made.RUN, made.OVERLAY):
        assert isinstance(trial.planned, TrialPlanned) and isinstance(trial.planned.prompt, Blob)
        assert reader.fetch(trial.planned.prompt) in texts
    assert verify(reader.database).ok


def test_a_short_text_is_no_blob(url: str) -> None:
    writer = Writer(Database(url))
    assert writer.stow("x" * INLINE_LIMIT) == "x" * INLINE_LIMIT
    assert isinstance(writer.stow("x" * (INLINE_LIMIT + 1)), Blob)
    writer.close()


def test_times_of_a_stream_never_go_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from tripos.store import writer as module

    clock = iter([100.0, 50.0, 120.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: next(clock), sleep=time.sleep))
    made.fill(url, [made.planned("a")], [made.planned("b")], [made.planned("c")])
    assert Database(url).execute("SELECT at FROM event ORDER BY position") == [(100.0,), (100.0,), (120.0,)]


def test_an_event_is_stored_as_json_anybody_can_read(url: str) -> None:
    made.fill(url, [made.answered("a", "B")])
    (row,) = Database(url).execute("SELECT body FROM event")
    assert json.loads(bytes(row[0])) == {
        "kind": "answered", "candidate_id": "a", "text": "B", "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 1}
    }  # fmt: skip


def test_the_process_ends_though_a_writer_was_never_closed(url: str) -> None:
    program = f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import made\n"
    program += "w = made.Writer(made.Database(sys.argv[1])); w.write(made.RUN, made.trial('a')); w.flush()"
    assert subprocess.run([sys.executable, "-c", program, url], timeout=300, check=False, env={**os.environ}).returncode == 0
    assert present(url) == {"a"}
