"""What to look at first: what failed, what could not be read, what was tagged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tripos.core.errors import ConfigError, unknown
from tripos.core.records import Outcome
from tripos.results.projections import Projections
from tripos.results.rows import Row
from tripos.results.run_selection import Chosen
from tripos.store.reading import TrialRecord


def failures(repo: Projections, *, transform_hash: str | None = None, evaluation_hash: str | None = None) -> Iterator[Row]:
    """Candidates that we failed at: not asked, not graded, or of an unusable sample. `code` is the kind of error."""
    hashes = {"transform_hash": transform_hash, "evaluation_hash": evaluation_hash}
    for run, trial in repo.iter_trials(**hashes):
        row = {"level": "candidate", **_who(run, trial), "status": "error"}
        scored = trial.scored
        if trial.answered is None and trial.failed is not None:
            yield {**row, "where": "inference", "code": trial.failed.error_kind, "message": trial.failed.error, **hashes}
        elif scored is not None and not scored.verdict.outcome.of_model:
            why = scored.error or str(scored.verdict.details.get("why") or scored.verdict.outcome.value)
            code = "judge" if scored.verdict.outcome is Outcome.JUDGE_FAILED else scored.verdict.outcome.value
            yield {**row, "where": "evaluation", "code": code, "message": why, **hashes}
        elif scored is None and trial.answered is not None:
            yield {
                **row,
                "where": "evaluation",
                "code": "not_scored",
                "message": "answered, but not scored under this evaluation",
                **hashes,
            }


def invalid_extractions(repo: Projections, *, transform_hash: str | None = None, evaluation_hash: str | None = None) -> Iterator[Row]:
    """Answers in which nothing to score was found."""
    for run, trial in repo.iter_trials(transform_hash=transform_hash, evaluation_hash=evaluation_hash):
        scored = trial.scored
        if scored is None or scored.extraction.found or trial.answered is None:
            continue
        read = scored.extraction
        yield {
            **_who(run, trial),
            "extractor_id": read.how or None,
            "failure_reason": scored.error or f"no answer was found ({read.how or 'no rule fits'})",
            "warnings": ["several readings were possible"] if read.ambiguous else [],
            "transform_hash": transform_hash,
            "evaluation_hash": scored.overlay,
        }


def tagged_examples(
    repo: Projections, *, tag: str | None = None, transform_hash: str | None = None, evaluation_hash: str | None = None
) -> Iterator[Row]:
    """Candidates whose score details carry `tags` (a list) or `tag` (a text); only those with `tag` if one is given.

    Raises:
        ConfigError: at the end, if nothing carries that tag; lists those that there are.
    """
    known: set[str] = set()
    for run, trial in repo.iter_trials(transform_hash=transform_hash, evaluation_hash=evaluation_hash):
        tags = _tags(trial.scored.verdict.details) if trial.scored is not None else []
        known.update(tags)
        if trial.scored is not None and (tag in tags if tag is not None else tags):
            yield {**_who(run, trial), "tags": tags, "source": "metric_details", "evaluation_hash": trial.scored.overlay}
    if tag is not None and tag not in known:
        raise ConfigError(unknown("tag", tag, sorted(known)) if known else f"no score carries a tag, so none carries {tag!r}")


def _tags(details: dict[str, Any]) -> list[str]:
    listed = details.get("tags")
    found = {str(t) for t in listed} if isinstance(listed, (list, tuple)) else set()
    if isinstance(details.get("tag"), str):
        found.add(details["tag"])
    return sorted(found)


def _who(run: Chosen, trial: TrialRecord) -> Row:
    p = trial.planned
    return {
        "trial_hash": p.trial_hash,
        "candidate_id": p.candidate_id,
        "model_id": run.row.model,
        "task_id": p.slice_id,
        "benchmark_id": run.row.benchmark,
        "item_id": p.record_id,
        "prompt_variant_id": p.prompt_variant_id,
        "attempt": p.attempt,
    }
