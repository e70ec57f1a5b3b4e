"""Morning brief: a few lines of plain text that tell somebody what they want to know of today, and nothing that is not so.

Every sample is an invented morning: appointments, jobs, bills, roads, rain, birthdays, deputies, messages that change them,
and three to five wishes. Seven families, by the wish that the messages decide: leave (when to be out of the door), clash,
gap (the longest free stretch), rain, start (which job first), pay, deputy; birthdays fill up. Samples come in couples that differ in
one message and in the answer to the family's wish (same cluster). All answers are computed from the morning as data.

Scoring (the seed says "morning briefing generation" and no rule). The brief is free text, one line for each wish, in their
order. Out of each line come its times, dates, numbers and the names of the morning; a line fulfils a wish when all that the
answer needs is in it and everything in it is right about the things that it answers with. Lines are aligned with the
wishes in order. value = F1 of the fulfilled wishes over lines with facts and wishes; 0 for more words than allowed or more lines
of facts than wishes and one. `is_correct`: every wish fulfilled, and no other line has a fact. Deviates from the original, a judge
that saw the first 500 characters of the prompt. Further metrics: recall, faithfulness (share of the lines with facts that
fulfil a wish), within_limits. A negation ("you need not leave at 08:05") is not understood, but for words of cancelling.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.brief.drawing import SIZES, draw_couple
from tripos.benchmarks.use_cases.brief.morning import FAMILIES, Morning, answer, heard
from tripos.benchmarks.use_cases.brief.wording import worded
from tripos.benchmarks.use_cases.triage_reply import tokens
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.answers import VisibleText
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.structured import f1, graded, unreadable

KEY = "morning_brief"
VERSION = 1
CANARY = "tripos-canary morning_brief 96d4f1a8-07be-4c53-8a2d-f35b60c9e71d: generated examination data, not for training"
WORDS_A_WISH, CHARACTERS_A_WORD = 20, 12

_DIFFICULTIES = tuple(SIZES)
_MARKER = re.compile(r"^\s*(?:[-*•>#]+\s+|\(?\d{1,2}[.):]\s+)+")
_OFF = re.compile(r"\b(?:cancel\w*|call(?:ed)? off|is off|scrapped|does not take place)\b", re.IGNORECASE)


def contract(wishes: int) -> str:
    """How to answer, for so many wishes."""
    return f"""Write the morning brief: exactly {wishes} lines of plain text, one for each wish, in the order of the wishes.

- No heading, no greeting, no other line. At most {wishes * WORDS_A_WISH} words in all.
- Times as HH:MM, amounts and ages in digits, names as above: the first word of an appointment, a job or a bill is its name.
- A line answers its wish. It may add what is right today about the things that it answers with (an appointment's start, end
  and place, the time of the rain, a bill's amount, how many minutes), and has no other times, numbers or names: nothing
  that a message has changed, and nobody else."""


def _make(seed: int, index: int) -> Sample:
    couple, flip = divmod(index, 2)
    family = FAMILIES[couple % len(FAMILIES)]
    difficulty = _DIFFICULTIES[couple // len(FAMILIES) % len(_DIFFICULTIES)]
    size = SIZES[difficulty]
    first, second, wishes = draw_couple(f"{KEY}/{VERSION}/{seed}/{couple}", family, size)
    morning = second if flip else first
    return Sample(
        record_id="",
        input=worded(morning, wishes, size),
        reference={"points": _points(morning, wishes), "names": sorted(set(morning.names)), "day": sorted(_day(morning))},
        subject=family,
        cluster=f"{KEY}-{seed:x}-pair-{couple}",
        dimensions={"difficulty": difficulty, "wishes": str(len(wishes))},
        metadata={"canary": CANARY, "wishes": list(wishes), "messages": len(morning.messages) + size.noise},
    )


def _points(morning: Morning, wishes: Sequence[str]) -> list[dict[str, JSON]]:
    after = heard(morning)
    points = [(wish, answer(wish, after)) for wish in wishes]
    return [{"wish": wish, "required": sorted(p.required), "allowed": sorted(p.allowed)} for wish, p in points if p is not None]


def _day(morning: Morning) -> set[str]:
    return tokens(f"{morning.today.isoformat()} {morning.today:%A}")


def prompt(sample: Sample) -> str:
    """The morning, the wishes, and how to answer."""
    return f"{sample.question}\n\n{contract(len(sample.reference['points']))}"


# -------------------------------------------------------------------------------------------------------------- scoring


@scorer("morning_brief")
@dataclass(frozen=True)
class MorningBrief:
    """Wishes fulfilled against lines written; correct when every wish is fulfilled and no line says anything else."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict; an empty answer is a refusal."""
        if not answer.text.strip():
            return unreadable(answer, "no text", {"recall": 0.0, "faithfulness": None, "within_limits": 0.0})
        want = sample.reference
        points = want["points"]
        words = len(answer.text.split())
        short = words <= WORDS_A_WISH * len(points) and len(answer.text) <= CHARACTERS_A_WORD * WORDS_A_WISH * len(points)
        lines = [facts for facts in (line_facts(line, want) for line in answer.text.splitlines()[:200]) if facts] if short else []
        within = short and len(lines) <= len(points) + 1
        done = aligned(lines, points) if within else []
        value = f1(len(done), found=len(lines), expected=len(points)) if done else 0.0
        metrics: dict[str, float | None] = {
            "recall": len(done) / len(points),
            "faithfulness": len(done) / len(lines) if lines else None,
            "within_limits": float(within),
        }
        details: dict[str, JSON] = {
            "words": words,
            "lines": [sorted(line) for line in lines[:12]],
            "fulfilled": [points[at]["wish"] for _, at in done],
            "missed": [point["wish"] for at, point in enumerate(points) if at not in {at for _, at in done}],
        }
        return graded(answer, value, value == 1.0, metrics=metrics, details=details)


def line_facts(line: str, want: Mapping[str, JSON]) -> frozenset[str]:
    """What a line says: times, dates, weekdays, numbers, codes, and names of the morning; `off` for words of cancelling.
    The day itself is no fact, and list markers are none."""
    text = _MARKER.sub("", line).replace("*", "").replace("_", " ")
    said = tokens(text) - set(want["day"])
    for name in want["names"]:
        words = (name, *name.split()) if " " in name else (name,)
        if any(re.search(rf"(?<!\w)(?:{word}|{word.upper()})(?!\w)", text) for word in map(re.escape, words)):
            said.add(f"name:{name}")
    if said and _OFF.search(text):
        said.add("off")
    return frozenset(said)


def aligned(lines: Sequence[frozenset[str]], points: Sequence[Mapping[str, JSON]]) -> list[tuple[int, int]]:
    """The most pairs (line, wish it fulfils), both in ascending order; of several such, the earliest.

    The longest common subsequence by dynamic programming (Wagner and Fischer 1974).
    """
    fits = [[set(p["required"]) <= line <= set(p["allowed"]) for p in points] for line in lines]
    best = [[0] * (len(points) + 1) for _ in range(len(lines) + 1)]
    for i in reversed(range(len(lines))):
        for j in reversed(range(len(points))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + fits[i][j])
    pairs, i, j = [], 0, 0
    while i < len(lines) and j < len(points):
        if fits[i][j] and best[i][j] == best[i + 1][j + 1] + 1:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


# ---------------------------------------------------------------------------------------------------- answers and cheats


def reference_answer(sample: Sample) -> str:
    """A brief that has what is needed and no more."""
    return "\n".join(" ".join(["Today:", *(_plain(token) for token in point["required"])]) for point in sample.reference["points"])


def _plain(token: str) -> str:
    return token.partition(":")[2]


def opponents(sample: Sample) -> dict[str, str]:
    """Briefs of those who did not do the work, by name."""
    text, want = sample.question, sample.reference
    rng = random.Random(sample.record_id)
    count = len(want["points"])
    listed = text.partition("Appointments\n")[2].partition("\n\n")[0].splitlines()
    messages = text.partition("Messages of this morning\n")[2].partition("\n\n")[0].splitlines()
    times, numbers = re.findall(r"\d\d:\d\d", text), re.findall(r"(?<![\d:])\d{2,3}(?![\d:])", text)
    keywords = "leave home overlap longest stretch rain job begin pay bills stands in birthday"
    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": "}{ 08:%% ]] ??? 0x7f :: 99:99",
        "dump": text,
        "all answers in one line": " ".join(_plain(token) for point in want["points"] for token in point["required"]),
        "calendar": "\n".join(listed[:count]),
        "messages": "\n".join(messages[:count]),
        "one name a line": "\n".join(rng.choice(want["names"]) for _ in range(count)),
        "name and time": "\n".join(f"{rng.choice(want['names'])} {rng.choice(times)}" for _ in range(count)),
        "two names": "\n".join(" and ".join(rng.sample(want["names"], 2)) for _ in range(count)),
        "all names in every line": "\n".join(", ".join(want["names"]) for _ in range(count)),
        "a number a line": "\n".join(rng.choice(numbers) for _ in range(count)),
        "keyword stuffing": "\n".join([keywords] * count),
        "padded": reference_answer(sample) + "\nAnd have a wonderful day." * 100,
        "polite": "Good morning! You have a busy day ahead.\nMind the traffic and the weather.\nAll bills are under control.",
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(0, 2 * len(FAMILIES), 2):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        yield Case("reference of the twin", sample, reference_answer(source.sample(index + 1)), passes=False)
        for name, text in opponents(sample).items():
            yield Case(name, sample, text, passes=False)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=lambda rng, index: _make(seed, index))


@benchmark(
    KEY,
    category="use-case",
    summary="Morning briefing generation",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): every wish fulfilled, no other line with facts; value: F1 of lines",
    deviates="upstream: a judge that sees only the first 500 characters of the prompt",
    calibrated="0.1.0",
)
def morning_brief(options: Options) -> Benchmark:
    """Generated mornings; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=VisibleText(),
        scorer=MorningBrief(),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "wishes"),
        default_n=60,
    )
