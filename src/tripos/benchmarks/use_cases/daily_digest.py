"""Daily digest: what a day looks like once its messages have been read.

Every sample is an invented day: calendar, tasks, messages that move and cancel (some from people who have no say), headlines. Six
families: moves, travel (trips between sites, a closure), dependencies (tasks that wait for others), handover (tasks given
and taken away), zones (clocks of other cities), standing (recurring events). The digest is computed by rule.

Scoring (the seed is silent beyond "daily briefing generation"). Five parts: schedule (F1 of id, start, end), conflicts
(F1 of pairs), priorities (F1 of ordered pairs), news (F1), brief (share of the lines it must have). The first four are
skill scores, (F1 - F1 of the sources as printed) / (1 - the same), not below 0 (Murphy 1988, doi 10.1175/1520-0493
(1988)116<2417:SSBOTM>2.0.CO;2), so that copying calendar and list is worth nothing. value = 0.3 schedule + 0.2 conflicts +
0.25 priorities + 0.1 news + 0.15 brief, halved if the brief has a fault: a superseded or invented id, time or date, or
more lines or words than allowed. `is_correct`: value >= 0.8, no part worth nothing, and no fault. Deviates from the
original (phrase coverage, order in the text, a judge's checklist), where an echo of the prompt passed. Further metrics:
each part, faultless.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.digest.day import Day, Digest, as_printed, digest
from tripos.benchmarks.use_cases.digest.drawing import FAMILIES, SIZES, draw_cast, draw_day
from tripos.benchmarks.use_cases.digest.wording import clock, worded
from tripos.benchmarks.use_cases.triage_reply import tokens
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, scorer
from tripos.scoring.skill import skill
from tripos.scoring.structured import LastJson, StructuredScorer, WrongForm, f1_of_sets, fault, graded, of_shape

KEY = "daily_digest"
VERSION = 1
CANARY = "tripos-canary daily_digest e42d97c6-1f58-4b03-a96c-7d3e05b8f1a4: generated examination data, not for training"
WEIGHTS = {"schedule": 0.3, "conflicts": 0.2, "priorities": 0.25, "news": 0.1, "brief": 0.15}
PASS = 0.8
FAULT_FACTOR = 0.5
MAX_LINES, MAX_LINE_WORDS = 8, 25
TOLD_PRIORITIES = 2

_DIFFICULTIES = tuple(SIZES)
_SHAPE: dict[str, tuple[type, ...]] = dict.fromkeys(WEIGHTS, (list,))
_ID = re.compile(r"\b[ETN]\d{1,3}\b", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2})(?::00)?\s*")

CONTRACT = f"""Write the digest of the day by the rules above.

End your answer with one JSON object and write nothing after it:
{{"schedule": [{{"id": <id>, "start": "HH:MM", "end": "HH:MM"}}, ...], "conflicts": [[<id>, <id>], ...],
"priorities": [<id>, ...], "news": [<id>, ...], "brief": [<line>, ...]}}
- schedule: today's events as they will take place, ids such as "E17".
- conflicts: every pair of events of the schedule that are in conflict.
- priorities: the tasks in their order, ids such as "T42".
- news: the headlines that are wanted, ids such as "N73".
- brief: at most {MAX_LINES} lines of at most {MAX_LINE_WORDS} words each. One line for each event whose time a message has changed, with
  its id and its start on our clock, HH:MM; one line for each of the first {TOLD_PRIORITIES} priorities, with its id and the day
  (YYYY-MM-DD) and time (HH:MM) when it counts as due. Other lines are allowed. A line names no ids but those of the right
  schedule, priorities and news, and no times or days but those that now hold for the ids in that line. A superseded or
  invented one costs half of all marks."""


def _make(rng: random.Random, index: int) -> Sample:
    family = FAMILIES[index % len(FAMILIES)]
    difficulty = _DIFFICULTIES[index // len(FAMILIES) % len(_DIFFICULTIES)]
    size = SIZES[difficulty]
    cast = draw_cast(rng)
    day = draw_day(rng, cast, family, size)
    right, printed = digest(day), as_printed(day)
    return Sample(
        record_id="",
        input=worded(day, cast, size, by_title=difficulty != "easy"),
        reference={**plain(right), "told": _told(right), "facts": _facts(day, right), "printed": plain(printed)},
        subject=family,
        dimensions={"difficulty": difficulty, "conflicts": str(len(right.conflicts))},
        metadata={"canary": CANARY, "messages": len(day.changes)},
    )


def plain(made: Digest) -> dict[str, JSON]:
    """A digest's first four parts as an answer has them."""
    return {
        "schedule": [{"id": one, "start": clock(start), "end": clock(end)} for one, (start, end) in made.schedule.items()],
        "conflicts": sorted(sorted(pair) for pair in made.conflicts),
        "priorities": list(made.priorities),
        "news": sorted(made.news),
    }


def _told(right: Digest) -> dict[str, list[str]]:
    """Id to the tokens that a line of the brief must have beside it."""
    told = {one: [f"time:{clock(right.schedule[one][0])}"] for one in right.moved}
    return told | {one: _due_tokens(right.due[one]) for one in right.priorities[:TOLD_PRIORITIES]}


def _due_tokens(due: datetime) -> list[str]:
    return [f"date:{due:%m-%d}", f"time:{due:%H:%M}"]


def _facts(day: Day, right: Digest) -> dict[str, list[str]]:
    """Id to all tokens that hold for it; the day itself holds for all."""
    today = sorted(tokens(day.today.isoformat()))
    facts = {one: [f"time:{clock(start)}", f"time:{clock(end)}", *today] for one, (start, end) in right.schedule.items()}
    for one in right.priorities:
        dues = {right.due[one], right.own_due[one]}
        facts[one] = [*today, *sorted({token for due in dues for token in tokens(f"{due:%Y-%m-%d %H:%M}")})]
    return facts | dict.fromkeys(right.news, today)


def prompt(sample: Sample) -> str:
    """Sources, then the contract, whose example is not JSON, so that an echo answers nothing."""
    return f"{sample.question}\n\n{CONTRACT}"


# -------------------------------------------------------------------------------------------------------------- scoring


@scorer("daily_digest")
@dataclass(frozen=True)
class DailyDigest(StructuredScorer):
    """Five parts, four of them against what copying the sources would get; a fault of the brief halves the value."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """No part is worth anything."""
        return dict.fromkeys((*WEIGHTS, "faultless"), 0.0)

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Compares four parts as sets and reads the brief; an object of another shape is a wrong format."""
        sets, want = part_sets(of_shape(given, _SHAPE)), sample.reference
        lines = [_text(line) for line in given["brief"]]
        expected, printed = part_sets(want), part_sets(want["printed"])
        parts = {name: skill(f1_of_sets(sets[name], want), f1_of_sets(printed[name], want)) for name, want in expected.items()}
        faults = brief_faults(lines, want["facts"])
        parts["brief"] = 0.0 if faults else _share_told(lines, want["told"])
        value = sum(WEIGHTS[name] * part for name, part in parts.items()) * (FAULT_FACTOR if faults else 1.0)
        right = value >= PASS - 1e-9 and min(parts.values()) > 0 and not faults
        details: dict[str, JSON] = {
            "faults": faults[:20],
            "missed": {name: sorted(map(str, want - sets[name]))[:20] for name, want in expected.items()},
            "wrong": {name: sorted(map(str, sets[name] - want))[:20] for name, want in expected.items()},
        }
        return graded(answer, min(value, 1.0), right, metrics={**parts, "faultless": float(not faults)}, details=details)


def part_sets(given: Mapping[str, JSON]) -> dict[str, set[object]]:
    """Each part of an answer as a set that can be compared.

    Raises:
        WrongForm: an entry of another form.
    """
    ordered = [_text(one).upper() for one in given["priorities"]]
    schedule: set[object] = set()
    for one in given["schedule"]:
        why = fault(one, {"id": (str,), "start": (str,), "end": (str,)})
        if why:
            raise WrongForm(f"schedule: {why}")
        schedule.add((_text(one["id"]).upper(), _minutes(one["start"]), _minutes(one["end"])))
    pairs: set[object] = set()
    for pair in given["conflicts"]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise WrongForm("conflicts: each must be a list of two ids")
        pairs.add(tuple(sorted(_text(one).upper() for one in pair)))
    return {
        "schedule": schedule,
        "conflicts": pairs,
        "priorities": set(combinations(ordered[:60], 2)),
        "news": {_text(one).upper() for one in given["news"]},
    }


def _text(one: JSON) -> str:
    if not isinstance(one, str):
        raise WrongForm("ids and lines must be text")
    return one.strip()


def _minutes(text: str) -> int | str:
    read = _CLOCK.fullmatch(text)
    return int(read[1]) * 60 + int(read[2]) if read else text


def brief_faults(lines: Sequence[str], facts: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the brief: too much of it, ids that do not hold today, times and days that are not of a line's ids."""
    faults = [f"{len(lines)} lines"] if len(lines) > MAX_LINES else []
    for line in lines[: MAX_LINES + 1]:
        if len(line.split()) > MAX_LINE_WORDS or len(line) > 12 * MAX_LINE_WORDS:
            faults.append(f"a line of {len(line.split())} words")
            continue
        ids = {one.upper() for one in _ID.findall(line)}
        faults += [f"{one} does not belong into the digest" for one in sorted(ids - set(facts))]
        allowed = {token for one in ids for token in facts.get(one, ())}
        said = {token for token in tokens(line) if token.startswith(("time:", "date:"))}
        faults += [f"{token.partition(':')[2]} is not of {', '.join(sorted(ids)) or 'anything'}" for token in sorted(said - allowed)]
    return faults


def _share_told(lines: Iterable[str], told: Mapping[str, Sequence[str]]) -> float:
    read = [({one.upper() for one in _ID.findall(line)}, tokens(line)) for line in lines]
    hits = sum(any(one in ids and said >= set(needed) for ids, said in read) for one, needed in told.items())
    return hits / len(told)


# ---------------------------------------------------------------------------------------------------- answers and cheats


def reference_answer(sample: Sample) -> str:
    """The right digest."""
    want = sample.reference
    lines = []
    for one, needed in want["told"].items():
        time = needed[-1].removeprefix("time:")
        day = next((t for t in want["facts"][one] if t.startswith("date:2") and needed[0].removeprefix("date:") in t), "")
        lines.append(f"{one} is due on {day.removeprefix('date:')} at {time}" if one.startswith("T") else f"{one} is now at {time}")
    return json.dumps({**{name: want[name] for name in ("schedule", "conflicts", "priorities", "news")}, "brief": lines})


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name."""
    printed = sample.reference["printed"]
    empty: dict[str, JSON] = {name: [] for name in WEIGHTS}
    events = re.findall(r"^(E\d+)  (\d\d:\d\d)-(\d\d:\d\d)", sample.question, re.MULTILINE)
    tasks, news = (re.findall(rf"^({letter}\d+)  ", sample.question, re.MULTILINE) for letter in "TN")
    copied = {
        "schedule": [{"id": one, "start": start, "end": end} for one, start, end in events],
        "conflicts": [list(pair) for pair in combinations([one for one, _, _ in events], 2)],
        "priorities": tasks,
        "news": news,
    }
    told = [f"{one} {start}" for one, start, _ in events]
    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '{"schedule": [[ "brief": ??? ]} {',
        "nothing": json.dumps(empty),
        "as printed": json.dumps({**printed, "brief": []}),
        "as printed, told": json.dumps({**printed, "brief": told[:MAX_LINES]}),
        "dump": json.dumps({**copied, "brief": sample.question.splitlines()}),
        "everything in list order": json.dumps({**copied, "brief": []}),
        "keyword stuffing": json.dumps({**empty, "brief": ["urgent priority conflict moved cancelled today deadline " * 3] * 3}),
        "all news": json.dumps({**empty, "news": news}),
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(len(FAMILIES)):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        for name, text in opponents(sample).items():
            yield Case(name, sample, text, passes=False)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=_make)


@benchmark(
    KEY,
    category="use-case",
    summary="Daily briefing generation",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): five weighted parts; correct from 0.8 on, each part above 0, no fault",
    deviates="upstream: coverage of phrases, order in the text, and a judge's checklist",
    calibrated="0.1.0",
)
def daily_digest(options: Options) -> Benchmark:
    """Generated days; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=LastJson(),
        scorer=DailyDigest(),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "conflicts"),
        default_n=60,
    )
