"""Small stores for the tests of the read side, written through the real writer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tripos.core.records import Completion, Extraction, JudgeAudit, Outcome, Usage, Verdict
from tripos.results.rows import ScoreRow, TrialSummaryRow
from tripos.store.database import Database
from tripos.store.events import Event, Failed, RunEnded, RunStarted, Scored, Took, TrialPlanned, answered
from tripos.store.writer import Writer

PROMPT = '[{"role":"system","content":"Be brief."},{"role":"user","content":"Which?"}]'


@dataclass(frozen=True)
class Made:
    """One candidate: `value` None means that we failed to score it, `failed` that the model was never reached."""

    record_id: str
    value: float | None = 1.0
    attempt: int = 0
    slice_id: str = "default"
    subject: str | None = None
    cluster: str | None = None
    variant: str = "default"
    dimensions: dict[str, str] = field(default_factory=dict)
    outcome: Outcome = Outcome.SCORED
    failed: bool = False
    metrics: dict[str, float | None] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    answer: Any = "A"
    latency_seconds: float | None = 0.5
    retries: tuple[dict[str, Any], ...] = ()
    audits: tuple[JudgeAudit, ...] = ()
    correct: bool | None = None
    timed: bool = True  # False: as versions that took fewer times recorded it


def identity(model: str, benchmark: str, made: Made, nonce: str = "") -> str:
    """The trial hash that the made store uses."""
    return hashlib.sha256(f"{nonce}/{benchmark}/{model}/{made.record_id}/{made.variant}".encode()).hexdigest()


def candidate_id(model: str, benchmark: str, made: Made, nonce: str = "") -> str:
    """The candidate id that the made store uses."""
    return hashlib.sha256(f"{identity(model, benchmark, made, nonce)}/{made.attempt}".encode()).hexdigest()[:32]


def write_run(
    store: Path | str,
    model: str,
    candidates: Sequence[Made],
    *,
    benchmark: str = "quiz",
    overlay: str = "aaaa11112222",
    run_id: str | None = None,
    nonce: str = "",
    planned: int | None = None,
    params: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    scored_only: bool = False,
    simulated: bool = False,
) -> str:
    """Records a run; `scored_only` adds another scoring of answers that are there. Returns the run id."""
    run_id = run_id or f"{model}-{benchmark}-{overlay[:4]}{nonce}"
    writer = Writer(Database(str(store)))
    start = RunStarted(
        run_key=f"{run_id}-key",
        suite="",
        benchmark=benchmark,
        category="test",
        model=model,
        engine="openai",
        backend="direct",
        overlay=overlay,
        simulated=simulated,
        planned=len(candidates) if planned is None else planned,
        dataset={},
        provenance={},
        config={"params": params or {"temperature": 0.0, "max_tokens": 64}, "attempts": 1, **(config or {})},
    )
    writer.write(run_id, [start])
    for made in candidates:
        writer.write(run_id, list(_events(writer, model, benchmark, overlay, made, nonce, scored_only, store)))
    writer.write(run_id, [RunEnded(status="complete", counts={})])
    writer.close()
    return run_id


def _events(
    writer: Writer, model: str, benchmark: str, overlay: str, made: Made, nonce: str, scored_only: bool, store: Path | str | str
) -> Iterable[Event]:
    name = candidate_id(model, benchmark, made, nonce)
    yield TrialPlanned(
        record_id=made.record_id,
        prompt_variant_id=made.variant,
        attempt=made.attempt,
        candidate_id=name,
        trial_hash=identity(model, benchmark, made, nonce),
        subject=made.subject,
        slice_id=made.slice_id,
        cluster=made.cluster,
        dimensions=made.dimensions,
        reference="A",
        reference_hash="f" * 16,
        prompt=PROMPT,
    )
    began = time.time()
    if made.failed:
        first: dict[str, Any] = {
            "started_at": began - 3.0,
            "at": began - 2.0,
            "kind": "server_error",
            "status": 500,
            "error": "oops",
            "backoff_seconds": 0.5,
        }
        times = {"requested_at": began - 1.0, "ended_at": began}
        if not made.timed:
            first, times = {k: first[k] for k in ("at", "kind", "status", "error")}, {}
        yield Failed(candidate_id=name, error_kind="server_error", error="HTTP 500", retries=(first,), started_at=began - 3.5, **times)
        return
    graded = None
    if scored_only:
        graded = _answer_name(store, name)
    else:
        completion = Completion(
            text="ANSWER: A",
            finish_reason="length" if made.outcome is Outcome.TRUNCATED else "stop",
            latency_seconds=made.latency_seconds,
            usage=Usage(prompt_tokens=10, completion_tokens=3),
            started_at=began - 0.6,
            request_id=f"req-{made.record_id}",
            retries=made.retries,
            model=model,
            queued_seconds=0.25 if made.timed else None,
        )
        yield answered(name, completion, writer.stow, {})
    right = made.correct if made.correct is not None else (None if made.value is None else made.value >= 1.0)
    outcome = Outcome.JUDGE_FAILED if made.value is None and made.outcome is Outcome.SCORED else made.outcome
    verdict = Verdict(value=made.value, is_correct=right, outcome=outcome, metrics=made.metrics, details=made.details)
    audits = writer.stow("[" + ",".join(_json(a) for a in made.audits) + "]") if made.audits else None
    yield Scored(
        candidate_id=name,
        overlay=overlay,
        reference_hash="f" * 16,
        extraction=Extraction(answer=made.answer, how="letter"),
        verdict=verdict,
        audits=audits,
        error="JudgeError: no reply" if outcome is Outcome.JUDGE_FAILED else None,
        started_at=began,
        graded=graded,
        took=Took(300, 100, 2000) if made.timed else None,
    )


def _answer_name(store: Path | str, name: str) -> str:
    from tripos.store.reading import Reader

    reader = Reader(Database(str(store), read_only=True))
    return reader.answer_name(reader.statuses([name])[name][1])


def _json(audit: JudgeAudit) -> str:
    import msgspec

    return msgspec.json.encode(audit).decode()


class Flat:
    """A repository as small as can be: four trials, one score that belongs to none of them."""

    def __init__(self) -> None:
        self.scores = [
            ScoreRow("t1", "c1", "exact", 0.0, {}), ScoreRow("t2", "c2", "exact", 1.0, {}), ScoreRow("t3", "c3", "exact", 0.0, {}),
            ScoreRow("t4", "c4", "exact", 1.0, {}), ScoreRow("ignored", "c9", "exact", 1.0, {}),
        ]  # fmt: skip
        self.trials = [
            TrialSummaryRow(f"t{n}", model, "s", "bench", "s", "v", item, dims, "ok")
            for n, model, item, dims in ((1, "a", "x", {"k": "1"}), (2, "b", "x", {"k": "1"}), (3, "a", "y", {}), (4, "b", "y", {}))
        ]

    def get_trial_record(self, trial_hash: str, **_: Any) -> Any:
        return trial_hash

    def get_timeline_view(self, record_id: str, record_type: Any, **_: Any) -> Any:
        return None

    def iter_candidate_scores(
        self, *, trial_hashes: Collection[str] | None = None, metric_id: str | None = None, evaluation_hash: str | None = None
    ) -> Iterator[Any]:
        return (s for s in self.scores if metric_id in (None, s.metric_id))

    def iter_trial_summaries(self, **_: Any) -> Iterator[Any]:
        return iter(self.trials)
