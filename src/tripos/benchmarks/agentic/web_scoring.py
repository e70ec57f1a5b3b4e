"""How a chore of WebChoreArena is graded: the product of what is checked; see `webchorearena`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import msgspec

from tripos.benchmarks.agentic.environments import LIVE, RECORDED, noted, reward_of, shut
from tripos.benchmarks.agentic.trajectory import Trajectory, trajectory
from tripos.benchmarks.agentic.web_checks import at_address, exact, page_score, share_included
from tripos.core.errors import ScorerError
from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.harness import package_missing
from tripos.scoring.judged import EQUIVALENCE, against_reference, completed, cut_short, judge_of, replies, unanswered
from tripos.scoring.scorer import Answer, Instruments, Rows, means, scorer
from tripos.scoring.structured import graded, unreadable
from tripos.scoring.verdicts import CORRECTNESS

SITES = ("SHOPPING", "SHOPPING_ADMIN", "REDDIT", "GITLAB")
_BLIND = "the turns of a visit, which one reply does not have (what is guessed without looking: --setting answers=blind)"


@scorer("web_chores")
@dataclass(frozen=True)
class WebChores:
    """The product of text, address and pages; correct where it is 1.

    Args:
        answers: "live" (refused), "recorded" or "blind".
        is_judged: a judge compares where no rule does.
    """

    answers: str = LIVE
    is_judged: bool = True

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """A judge for loosely worded answers; where nothing is recorded, a browser and the sites (the door asks for these first)."""
        judge = {"judge?" if self.answers == LIVE else "judge"} if self.is_judged else set()
        return frozenset(judge | ({"browser", "network"} if self.answers == LIVE else set()))

    async def prepare(self, instruments: Instruments) -> None:
        """Refuses what one reply cannot do.

        Raises:
            SandboxError: answers are neither recorded nor meant to be blind; says what is missing.
        """
        if self.answers == LIVE:
            browser = package_missing("playwright", "pip install playwright && playwright install chromium")
            unset = [site for site in SITES if not os.environ.get(site)]
            sites = (
                f"the addresses of WebArena's sites are not set ({', '.join(unset)}; set them up from its Docker images)" if unset else None
            )
            shut("webchorearena", "is played in a browser on WebArena's sites, and what that needs is missing", browser, sites, _BLIND)

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            ScorerError: the end of a recorded visit is not known, or there is no judge.
        """
        path, want = trajectory(answer.completion, answer.text), sample.reference
        if self.answers == RECORDED and not path.recorded:
            raise ScorerError("this answer has no recorded turns, so what it did on the sites is not known")
        said = self._said(path, answer)
        factors: dict[str, float] = {}
        if "string_match" in want["kinds"]:
            if not said:
                return unreadable(answer, "no answer was given", {"text": 0.0, "looked": self._looked})
            factors["text"] = text_score(want["texts"], said)
        seen = [kind for kind in want["kinds"] if kind != "string_match"]
        if seen and self.answers != RECORDED:
            raise ScorerError("no page was visited, so there is nothing to check")
        if seen:
            factors |= seen_score(want, path)
        value = 1.0
        for factor in factors.values():
            value *= factor
        wanted = None if is_impossible(want["texts"]) and exact("N/A", said) else loosely(want)
        if wanted is None or value < 1:
            return self._graded(answer, value, factors)
        return await self._judged(sample, answer, wanted, said, instruments)

    def _graded(self, answer: Answer, value: float, factors: Mapping[str, float]) -> Verdict:
        metrics: dict[str, float | None] = {**factors, "looked": self._looked}
        return graded(answer, value, value == 1, metrics=metrics, details={"stage": "rule", "trajectory": self.answers == RECORDED})

    @property
    def _looked(self) -> float:
        return float(self.answers == RECORDED)

    def _said(self, path: Trajectory, answer: Answer) -> str:
        if self.answers == RECORDED:
            return path.answer.strip()
        found = answer.extraction.answer
        return found.strip() if isinstance(found, str) else ""

    async def _judged(self, sample: Sample, answer: Answer, wanted: str, said: str, instruments: Instruments) -> Verdict:
        alone = replace(answer, text=said)
        settled = unanswered(alone)
        if settled is not None:
            return settled
        put = against_reference(EQUIVALENCE, msgspec.structs.replace(sample, reference=wanted), alone, CORRECTNESS)
        audits = await replies(judge_of(instruments, self.name), put, CORRECTNESS)
        verdict = completed(self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason), put.details)
        return msgspec.structs.replace(verdict, metrics={**verdict.metrics, "looked": self._looked})

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read; a judge was asked, so the other factors were 1."""
        read = CORRECTNESS.read(audits)
        if read is None:
            return None
        details = {"stage": "judge", **msgspec.to_builtins(read)}
        metrics: dict[str, float | None] = {"text": float(read.correct)}
        verdict = Verdict(value=float(read.correct), is_correct=read.correct, metrics=metrics, details=details, audits=tuple(audits))
        return cut_short(verdict, finish_reason)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """`looked`: the share of graded answers that were given after a visit to the sites."""
        return means(rows, ["looked"])


def text_score(texts: Mapping[str, JSON], said: str) -> float:
    """The product of what the rules say of the answer; 1 where only a judge can say."""
    value = 1.0
    for rule, expected in texts.items():
        if rule == "exact_match":
            value *= exact(str(expected), said)
        elif rule == "must_include":
            value *= share_included(list(expected), said)
        elif rule != "fuzzy_match":
            raise ScorerError(f"string_match has no rule {rule!r}")
    return value


def is_impossible(texts: Mapping[str, JSON]) -> bool:
    """Whether the right answer is that the chore cannot be done."""
    return bool(texts.get("fuzzy_match") == "N/A")


def loosely(want: Mapping[str, JSON]) -> str | None:
    """What a judge compares the answer with, None where no judge is needed."""
    expected = want["texts"].get("fuzzy_match") if "string_match" in want["kinds"] else None
    if expected is None:
        return None
    if is_impossible(want["texts"]):
        return f"It cannot be done. {want['note']}".strip()
    return "; ".join(map(str, expected)) if isinstance(expected, list) else str(expected)


def seen_score(want: Mapping[str, JSON], path: Trajectory) -> dict[str, float]:
    """The factors `address` and `page` of a recorded visit, or its `reward` where it recorded only that.

    Raises:
        ScorerError: it recorded neither.
    """
    note = noted(path, "url") or {}
    sites = note.get("sites") or {}
    contents = note.get("contents")
    pages = want["pages"] if "program_html" in want["kinds"] else []
    if not isinstance(note.get("url"), str) or (pages and not (isinstance(contents, list) and len(contents) == len(pages))):
        return {"page": reward_of(path)}
    factors = {"address": float(at_address(want["addresses"], _placed(str(note["url"]), sites)))} if "url_match" in want["kinds"] else {}
    for target, selected in zip(pages, contents or (), strict=True):
        targets = [target, *(target.get("or") or ())]
        texts = selected if isinstance(selected, list) else [selected]
        scores = [page_score(t["required_contents"], _placed(str(s or ""), sites)) for t, s in zip(targets, texts, strict=False)]
        factors["page"] = factors.get("page", 1.0) * max(scores, default=0.0)
    return factors


def _placed(text: str, sites: Mapping[str, JSON]) -> str:
    """Addresses of the sites that were visited as the placeholders of the tasks, the longest address first."""
    for name, address in sorted(sites.items(), key=lambda site: -len(str(site[1]))):
        if isinstance(address, str) and address:
            text = text.replace(address.rstrip("/"), f"__{name.upper()}__")
    return text
