"""The tables are a function of the set of events: live, rebuilt, and after any interleaving of writers, the same bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripos.core.records import Extraction
from tripos.store import writer as writer_module
from tripos.store.database import Database
from tripos.store.events import SPAN, Answered, Event, Measured, RunEnded, RunStarted, Scored, Stored, TrialPlanned, decode
from tripos.store.reading import Reader
from tripos.store.rebuild import rebuild
from tripos.store.schema import PROJECTIONS
from tripos.store.verify import verify
from tripos.store.writer import Writer

CANDIDATES, OVERLAYS, WRITERS = ("a", "b"), ("o1", "o2"), 3

step = st.tuples(
    st.integers(0, WRITERS - 1),
    st.sampled_from(["plan", "answer", "answer", "fail", "score", "score", "start", "end", "measure"]),
    st.sampled_from(CANDIDATES),
    st.sampled_from(OVERLAYS),
    st.dictionaries(st.sampled_from(["bleu", "accuracy"]), st.none() | st.floats(0, 1), max_size=2),
    st.integers(0, 99),
)
stories = st.lists(st.lists(step, min_size=1, max_size=6), min_size=1, max_size=12)
skews = st.lists(st.integers(-9, 9), min_size=WRITERS, max_size=WRITERS)


class Story:
    """Plays steps that could have happened: nobody grades an answer that is not there, nobody answers twice.

    Every writer has a clock of its own, wrong by some seconds; all steps of a batch are one commit.
    """

    def __init__(self, url: str, skew: list[int]) -> None:
        self.database = Database(url)
        self.skew, self.clock = skew, 100.0
        self.writers = [Writer(Database(url)) for _ in skew]
        self.answers: dict[str, list[str]] = {name: [] for name in CANDIDATES}
        self.places = [0] * len(skew)

    def play(self, batch: list[Any]) -> None:
        """One batch, by the writer of its first step."""
        number = batch[0][0]
        writer = self.writers[number]
        events: list[Event] = []
        for _, *what in batch:
            event = self._event(writer, number, *what)
            if event is not None:
                events.append(event)
                self.places[number] += 1
        self.clock += 1
        with told(self.clock + self.skew[number]):
            writer.write(f"run-{number % 2}", events)
            writer.flush()

    def close(self) -> None:
        for writer in self.writers:
            writer.close()

    def _event(self, writer: Writer, number: int, kind: str, name: str, overlay: str, metrics: Any, draw: int) -> Event | None:
        own = f"{writer.stream_id}/"
        if kind == "plan":
            return made.planned(name, subject=f"s{draw}")
        if kind == "answer":
            if any(answer.startswith(own) for answer in self.answers[name]):
                return None
            self.answers[name].append(f"{own}{self.places[number]}")
            return made.answered(name, text=f"answer {draw}", latency_seconds=draw / 7)
        if kind == "fail":
            return made.failed(name, f"failure {draw}")
        if kind == "score":
            if not self.answers[name]:
                return None
            graded = self.answers[name][draw % len(self.answers[name])]
            return made.scored(name, draw % 2 == 0, graded=None if graded.startswith(own) else graded, overlay=overlay, **metrics)
        if kind == "measure":
            return made.measured(name, draw / 3)
        return made.started(planned=draw) if kind == "start" else made.ended(f"status-{draw}")


@contextmanager
def told(now: float) -> Iterator[None]:
    """The writers' clock says this."""
    writer_module.time = SimpleNamespace(time=lambda: now, sleep=lambda seconds: None)  # type: ignore[assignment]
    try:
        yield
    finally:
        writer_module.time = time


def check(url: str, story: list[Any], skew: list[int]) -> None:
    told_story = Story(url, skew)
    database = told_story.database
    for batch in story:
        told_story.play(batch)
    told_story.close()
    live = made.tables(database)
    assert verify(database).ok, "beside the store"
    rebuild(database)
    assert made.tables(database) == live, "in place"
    agrees_with_the_rules(database, live)


def agrees_with_the_rules(database: Database, live: dict[str, list[Any]]) -> None:
    """The rules of `projection`, read off the whole set of events in the plainest way."""
    rows = database.execute("SELECT position, run_id, at, body FROM event ORDER BY at, position")
    events = [Stored(p, r, at, bytes(b), decode(bytes(b))) for p, r, at, b in rows]
    reader = Reader(database)
    counts: dict[str, Stored] = {}
    for s in events:
        if isinstance(s.event, Answered):
            counts.setdefault(s.event.candidate_id, s)
    assert {r[0]: r[-1] for r in live["candidate"] if r[1] == "answered"} == {n: s.position for n, s in counts.items()}
    verdicts: dict[tuple[str, str], Stored] = {}
    for s in events:
        if isinstance(s.event, Scored) and s.event.candidate_id in counts:
            counting = counts[s.event.candidate_id].position
            own = counting // SPAN == s.position // SPAN
            if s.event.graded == reader.answer_name(counting) or (s.event.graded is None and own):
                verdicts[s.event.candidate_id, s.event.overlay] = s
    assert {(r[0], r[1]): r[-1] for r in live["verdict"]} == {k: s.position for k, s in verdicts.items()}
    said = [(key, s.event.verdict.metrics) for key, s in verdicts.items() if isinstance(s.event, Scored)]
    metrics = {(*key, {"accuracy": "metrics.accuracy"}.get(m, m)): v for key, named in said for m, v in named.items()}
    assert {(r[0], r[1], r[2]): r[3] for r in live["metric"]} == metrics
    newest = {s.run_id: getattr(s.event, "status", "running") for s in events if isinstance(s.event, (RunStarted, RunEnded))}
    started = {s.run_id for s in events if isinstance(s.event, RunStarted)}
    assert {r[0]: r[10] for r in live["run"]} == {run_id: status for run_id, status in newest.items() if run_id in started}
    shares = {(n, s.position): share for s in events if isinstance(s.event, Measured) for n, share in s.event.shares.items()}
    assert {(r[0], r[1]): tuple(r[2:]) for r in live["measure"]} == shares
    trials = {s.run_id + s.event.record_id: s.position for s in events if isinstance(s.event, TrialPlanned)}
    assert {r[0] + r[1]: r[-1] for r in live["trial"]} == trials


@given(stories, skews)
@settings(max_examples=120)
def test_live_equals_rebuilt_for_any_interleaving_of_writers_with_wrong_clocks(story: list[Any], skew: list[int]) -> None:
    with TemporaryDirectory() as directory:
        check(str(Path(directory) / "s.db"), story, skew)


def test_live_equals_rebuilt_on_postgresql(postgresql_url: str) -> None:
    import psycopg

    @given(stories, skews)
    @settings(max_examples=15)
    def holds(story: list[Any], skew: list[int]) -> None:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        check(postgresql_url, story, skew)

    holds()


def test_the_first_answer_counts_and_so_do_only_verdicts_of_it(url: str) -> None:
    first = made.fill(url, [made.planned("a"), made.answered("a", "first")])
    made.fill(url, [made.answered("a", "second"), made.scored("a", False, wrong=1.0)])
    reader = Reader(Database(url))
    (trial,) = reader.trials(made.RUN, made.OVERLAY)
    assert trial.answered is not None and trial.answered.text == "first"
    assert trial.scored is None, "the other answer's verdict must not stick to this one"
    made.fill(url, [made.scored("a", True, good=1.0, graded=f"{first}/1")])
    (trial,) = reader.trials(made.RUN, made.OVERLAY)
    assert trial.scored is not None and trial.scored.verdict.is_correct
    assert reader.database.execute("SELECT metric_id, value FROM metric") == [("good", 1.0)]


def test_a_newer_verdict_takes_all_metrics_of_the_older_one_away(url: str) -> None:
    stream = made.fill(url, [made.planned("a"), made.answered("a"), made.scored("a", old=0.1, both=0.2)])
    made.fill(url, [made.scored("a", graded=f"{stream}/1", both=0.3)])
    assert Database(url).execute("SELECT metric_id, value FROM metric") == [("both", 0.3)]


def test_a_failure_after_an_answer_changes_nothing_and_an_answer_after_a_failure_everything(url: str) -> None:
    made.fill(url, [made.failed("a"), made.answered("b")], [made.answered("a"), made.failed("b")])
    rows = Database(url).execute("SELECT candidate_id, status, error FROM candidate ORDER BY candidate_id")
    assert rows == [("a", "answered", None), ("b", "answered", None)]


@pytest.mark.parametrize("answer", ["B", "", "a\0b", 1, 1.5, True, ("x", 1), [1, [2]], {"b": 1, "a": None}])
def test_any_answer_is_the_same_before_and_after_json(url: str, answer: Any) -> None:
    import msgspec

    verdict = msgspec.structs.replace(made.scored("a"), extraction=Extraction(answer=answer))
    made.fill(url, [made.answered("a"), verdict])
    database = Database(url)
    live = made.tables(database)
    rebuild(database)
    assert made.tables(database) == live
    assert verify(database).ok


def test_what_is_not_finite_was_not_measured(url: str) -> None:
    made.fill(url, [made.answered("a", telemetry={"energy_joules": float("nan")}), made.scored("a", odd=float("inf"))])
    database = Database(url)
    assert database.execute("SELECT energy_joules FROM candidate") == database.execute("SELECT value FROM metric") == [(None,)]


def test_a_run_is_what_its_starts_and_ends_say(url: str) -> None:
    made.fill(url, [made.started(planned=5)], [made.ended("interrupted")], [made.started(planned=9)])
    (run,) = Reader(Database(url)).runs()
    assert (run.planned, run.status, run.ended_at) == (9, "running", None)
    made.fill(url, [made.ended("complete")])
    (run,) = Reader(Database(url)).runs()
    assert run.status == "complete" and run.ended_at is not None and run.started_at < run.ended_at


def test_both_databases_hold_the_same_rows(tmp_path: Path, postgresql_url: str) -> None:
    story = [made.started(), *made.trial("b"), *made.trial("Ä"), *made.trial("a", False), made.failed("z", "nul \0"), made.ended()]
    found = []
    for url in (str(tmp_path / "s.db"), postgresql_url):
        with told(5.0):
            made.fill(url, story)
        database = Database(url)
        found.append((made.tables(database), [t.planned.record_id for t in Reader(database).trials(made.RUN, made.OVERLAY)]))
    assert found[0] == found[1]
    assert found[0][1] == ["q-a", "q-b", "q-Ä"], "in the order of code points, whatever the collation of the server"
    assert set(found[0][0]) == set(PROJECTIONS)
