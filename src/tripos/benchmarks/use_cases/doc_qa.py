"""Document-grounded questions with citations, over an invented organisation's papers.

Every sample brings a fresh corpus: a graph of facts worded as five to twelve dated documents, some of them drafts, with
numbered sentences; superseded statements stand in older documents and in drafts. Seven families of questions: lookup, join (over
two or three documents), aggregate, conflict, compare, temporal, missing (a fact on the way stands nowhere, or only in a
draft). Samples come in couples that differ in one fact and in their answer (dimension `pair`, same cluster).

Scoring (the seed says "document-grounded QA with citations" and no rule): `is_correct` = the typed answer is right and the F1
of the citations is at least 0.5. value = 0 for a wrong answer or none of the needed sentences cited, else 0.6 + 0.4 * F1.
A question without an answer is right with null and the sentences that lead as far as the documents go, so that
answering null to everything earns nothing. Deviates from the original (0.5 facts as phrases + 0.3 citation recall + 0.2
judge), where pasting and citing all documents passed. Further metrics: answer, evidence_f1, evidence_precision,
evidence_recall.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.corpus.documents import Corpus, write
from tripos.benchmarks.use_cases.corpus.facts import SIZES, World, draw_world
from tripos.benchmarks.use_cases.corpus.questions import FAMILIES, Question, Solved, twin
from tripos.core.records import JSON, Sample
from tripos.scoring.grounded import GroundedAnswer
from tripos.scoring.structured import LastJson

KEY = "doc_qa"
VERSION = 1
CANARY = "tripos-canary doc_qa 5e0c71b9-93d4-4a6b-8f12-c47d20e9b6a8: generated examination data, not for training"

_DIFFICULTIES = tuple(SIZES)
_ORDER = ("lookup", "join", "missing", "aggregate", "conflict", "compare", "temporal")

_RULES = """The papers of {name}, {trade}, are below. Every sentence has a number such as D3.2. Answer the question from the papers alone.

- A document that is marked draft never counts, whatever its date.
- Where final documents contradict each other, the one of the later date counts.
- Names that differ in any part (Marford, Marford II) are different things."""

CONTRACT = """How to answer
End your answer with one JSON object and write nothing after it:
{"answer": <answer>, "citations": [<numbers of sentences>]}
- answer: a number without unit; a day as "YYYY-MM-DD"; a name in full; a list of names where a list is asked for; null if
  the papers do not say.
- citations: all sentences that the answer rests on, and no others: every step of the way, as "D3.2". If the papers do not
  say, the sentences of the steps that can be made."""


@dataclass(frozen=True)
class Drawn:
    """One sample before it becomes one."""

    family: str
    difficulty: str
    world: World
    question: Question
    solved: Solved
    corpus: Corpus


def draw(seed: int, index: int) -> Drawn:
    """Sample `index` of `seed`; 2j and 2j+1 are one couple: the same papers and question, but for one fact."""
    couple = index // 2
    rng = random.Random(f"{KEY}/{VERSION}/{seed}/{couple}")
    family = _ORDER[couple % len(_ORDER)]
    difficulty = _DIFFICULTIES[couple // len(_ORDER) % len(_DIFFICULTIES)]
    size = SIZES[difficulty]
    while True:
        world, question = FAMILIES[family](rng, draw_world(rng, size), size)
        first = question.solve(world)
        other = twin(rng, world, question, family) if first else None
        if first and other:
            break
    wide = question.solve(other) if family == "missing" else first
    assert wide is not None
    world = other if index % 2 else world
    solved = question.solve(world)
    assert solved is not None
    return Drawn(family, difficulty, world, question, solved, write(world, size, f"{seed}/{couple}", wide.needs))


def _make(seed: int, index: int) -> Sample:
    drawn = draw(seed, index)
    solved, corpus, world = drawn.solved, drawn.corpus, drawn.world
    outdated = {*solved.needs, *solved.harmless, *world.unstated}
    harmless = [one for key in sorted(outdated) for one in corpus.ids(key, current=False)]
    harmless += [one for key in solved.harmless for one in corpus.ids(key, current=True)]
    rules = _RULES.format(name=world.name, trade=world.trade)
    reference: dict[str, JSON] = {
        "type": solved.type,
        "value": solved.value,
        "evidence": [corpus.ids(key, current=True) for key in solved.needs],
        "harmless": harmless,
    }
    if solved.type in ("name", "names"):
        names = solved.value if isinstance(solved.value, list) else [solved.value]
        reference["aliases"] = {one: [world.shown(one), world.shown(one).removeprefix("the ")] for one in names}
    if solved.type == "number":
        reference["units"] = ["EUR", "euros", "€"]
    return Sample(
        record_id="",
        input=f"{rules}\n\n{corpus.text}\n\nQuestion: {drawn.question.text}",
        reference=reference,
        subject=drawn.family,
        cluster=f"{KEY}-{seed:x}-pair-{index // 2}",
        dimensions={"difficulty": drawn.difficulty, "answer": solved.type, "steps": str(len(solved.needs))},
        metadata={"canary": CANARY, "question": drawn.question.text, "documents": len(corpus.documents)},
    )


def prompt(sample: Sample) -> str:
    """Papers and question, then the contract, whose example is not JSON, so that an echo answers nothing."""
    return f"{sample.question}\n\n{CONTRACT}"


def reference_answer(sample: Sample) -> str:
    """The right answer, every needed sentence cited."""
    want = sample.reference
    return json.dumps({"answer": want["value"], "citations": [place[0] for place in want["evidence"]]})


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name."""
    want = sample.reference
    ids = re.findall(r"\[(D\d+\.\d+)\]", sample.question)
    asked = set(re.findall(r"\w{4,}", sample.metadata["question"].lower()))
    lines = re.findall(r"\[(D\d+\.\d+)\] (.*)", sample.question)
    similar = sorted(lines, key=lambda line: -len(asked & set(re.findall(r"\w{4,}", line[1].lower()))))[:3]
    names = re.findall(r"(?<!^)(?<![.\]] )\b[A-Z][a-z]{3,}(?: [A-Z][a-z]+)?", sample.question, re.MULTILINE)
    frequent = max(dict.fromkeys(names), key=names.count)
    cited = [one for one, _ in similar]

    def said(answer: JSON, citations: list[str]) -> str:
        return json.dumps({"answer": answer, "citations": citations})

    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '{"answer": }{ [D1.1 ]] "citations" ???',
        "not stated": said(None, []),
        "not stated, keyword citations": said(None, cited),
        "dump": said("\n".join(text for _, text in lines), ids),
        "right answer, all cited": said(want["value"], ids),
        "right answer, none cited": said(want["value"], []),
        "most frequent name": said(frequent, cited),
        "first similar sentence": said(similar[0][1], cited),
        "keyword number": said(next((int(n) for _, text in similar for n in re.findall(r"\b\d+\b", text)), 0), cited),
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(0, 14, 2):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        for name, text in opponents(sample).items():
            if name not in ("most frequent name", "keyword number", "not stated, keyword citations"):  # luck; tests bound the rate
                yield Case(name, sample, text, passes=False)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=lambda rng, index: _make(seed, index))


@benchmark(
    KEY,
    category="use-case",
    summary="Document-grounded QA with citations",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): right answer, and F1 of the citations 0.5 or more",
    deviates="upstream: facts as phrases, recall of citations, and a judge",
    calibrated="0.1.0",
)
def doc_qa(options: Options) -> Benchmark:
    """Generated papers and questions; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=LastJson(),
        scorer=GroundedAnswer(evidence="citations"),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "answer", "steps"),
        default_n=60,
    )
