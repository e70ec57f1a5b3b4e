"""Questions over a base of short notes that say it in other words, contradict each other, and are taken back.

Every sample brings fresh notes (60 easy, 180 middle, 400 hard; `--setting notes=N`, up to 2000, makes all alike), of which one
to five matter. Questions share no content word with the notes that answer them, so a search for words finds nothing. Seven families:
lookup, version (the latest of several notes counts), withdrawn (a note taken back never counts), chain (over a person),
nickname (explained by another note), together (sum or set over a place), unknown. Samples come in couples that differ in
one or two notes and in their answer (same cluster).

Scoring (the seed says "document-grounded retrieval QA" and no rule): `is_correct` = the typed answer is right and the F1 of
the evidence is at least 0.5. value = 0 for a wrong answer or no evidence, else 0.6 + 0.4 * F1. Where the notes do not say, null
is right with the note that leads as far as the notes go. Deviates from the original, whose questions were about one
product, with a judge. Further metrics: answer, evidence_f1, evidence_precision, evidence_recall (of what the model cites).

The whole base is in the prompt: what is measured is retrieval by the model. Nothing is retrieved for it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.notes.base import draw_base
from tripos.benchmarks.use_cases.notes.families import FAMILIES, plain
from tripos.benchmarks.use_cases.notes.phrasings import FUNCTION_WORDS
from tripos.core.errors import ConfigError
from tripos.core.records import JSON, Sample
from tripos.scoring.grounded import GroundedAnswer
from tripos.scoring.structured import LastJson

KEY = "knowledge_base"
VERSION = 1
CANARY = "tripos-canary knowledge_base 81b64f0d-2ea7-4c95-b3d8-60f9c1a57e24: generated examination data, not for training"
NOTES = {"easy": 60, "middle": 180, "hard": 400}
FEWEST, MOST = 20, 2_000

_DIFFICULTIES = tuple(NOTES)
_ORDER = tuple(FAMILIES)

_RULES = """Below are the notes that the staff of a large house have written, in no order: number, day, author and text.
Answer the question from the notes alone.

- Notes and question may call the same thing by different words.
- A note that another note takes back counts as if it had never been written.
- Of several notes on the same matter, the one of the latest day counts."""

CONTRACT = """How to answer
End your answer with one JSON object and write nothing after it:
{"answer": <answer>, "evidence": [<numbers of notes>]}
- answer: a number without unit; a day as "YYYY-MM-DD"; a name or code as the notes write it; a list of names where several
  are asked for; null if the notes do not say.
- evidence: all notes that the answer rests on, and no others: every step of the way, as "N-1234". If the notes do not say,
  the notes of the steps that can be made."""


def _make(seed: int, index: int, notes: int) -> Sample:
    couple, flip = divmod(index, 2)
    family = _ORDER[couple % len(_ORDER)]
    difficulty = _DIFFICULTIES[couple // len(_ORDER) % len(_DIFFICULTIES)]
    count = notes or NOTES[difficulty]
    base = draw_base(f"{KEY}/{VERSION}/{seed}/{couple}", family, bool(flip), count)
    core = base.core
    code = core.answer if core.answer_type == "name" else None
    return Sample(
        record_id="",
        input=f"{_RULES}\n\n{base.text}\n\nQuestion: {core.question}",
        reference={
            "type": core.answer_type,
            "value": plain(core.answer),
            "evidence": [[base.ids[label]] for label in core.evidence],
            "harmless": [base.ids[label] for label in core.harmless],
            "units": ["EUR", "kg", "kilograms"],
            "aliases": {code: [f"shelf {code}", f"fuse {code}", f"stock item {code}"]} if code else {},
        },
        subject=family,
        cluster=f"{KEY}-{seed:x}-pair-{couple}",
        dimensions={
            "difficulty": difficulty if not notes else f"{notes} notes",
            "answer": core.answer_type,
            "steps": str(len(core.evidence)),
        },
        metadata={"canary": CANARY, "question": core.question, "notes": len(base.ids)},
    )


def prompt(sample: Sample) -> str:
    """Notes and question, then the contract, whose example is not JSON, so that an echo answers nothing."""
    return f"{sample.question}\n\n{CONTRACT}"


def reference_answer(sample: Sample) -> str:
    """The right answer with all of its evidence."""
    want = sample.reference
    return json.dumps({"answer": want["value"], "evidence": [place[0] for place in want["evidence"]]})


def content_words(text: str) -> set[str]:
    """Lower-case words of a text that are not function words."""
    return set(re.findall(r"[a-z]{2,}", text.lower())) - FUNCTION_WORDS


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name."""
    want = sample.reference
    lines = re.findall(r"^(N-\d+) \([^)]*\): (.*)$", sample.question, re.MULTILINE)
    asked = content_words(sample.metadata["question"])
    similar = sorted(lines, key=lambda line: -len(asked & content_words(line[1])))[:2]
    cited = [number for number, _ in similar]
    people = Counter(re.findall(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b", sample.question))
    last = re.findall(r"[A-Z]{2}-\d{5}|\d[\d,]*", similar[0][1])
    seen = last[-1].replace(",", "") if last else similar[0][1]

    def said(answer: JSON, evidence: list[str]) -> str:
        return json.dumps({"answer": answer, "evidence": evidence})

    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '{"answer": }{ [N-1 ]] "evidence" ???',
        "not stated": said(None, []),
        "not stated, keyword evidence": said(None, cited),
        "dump": said([text for _, text in lines], [number for number, _ in lines]),
        "right answer, all cited": said(want["value"], [number for number, _ in lines]),
        "right answer, none cited": said(want["value"], []),
        "most frequent name": said(people.most_common(1)[0][0], cited),
        "all names": said(list(people), cited),
        "value of the most similar note": said(seen, cited),
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed, 0)
    for index in range(0, 14, 2):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        for name, text in opponents(sample).items():
            if name not in ("most frequent name", "value of the most similar note", "not stated, keyword evidence"):  # luck
                yield Case(name, sample, text, passes=False)


def _source(seed: int, notes: int) -> Generated:
    key = f"{KEY}-{notes}" if notes else KEY  # bases of another size are other samples
    return Generated(key, VERSION, seed, make=lambda rng, index: _make(seed, index, notes))


@benchmark(
    KEY,
    category="use-case",
    summary="Document-grounded retrieval QA",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    settings=("notes",),
    official="ours (generated): right answer, and F1 of the evidence 0.5 or more",
    deviates="upstream: questions about one product, with a judge",
    calibrated="0.1.0",
)
def knowledge_base(options: Options) -> Benchmark:
    """Generated notes and questions; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    notes = options.setting("notes", 0)
    if notes and not FEWEST <= notes <= MOST:
        raise ConfigError(f"{KEY}: setting notes = {notes}: must be {FEWEST} to {MOST}, or 0 for 60, 180 and 400 by difficulty")
    return Benchmark(
        samples=_source(options.seed, notes),
        prompt=prompt,
        transform=LastJson(),
        scorer=GroundedAnswer(evidence="evidence"),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "answer", "steps"),
        default_n=60,
    )
