"""The questions of the performance bench as a benchmark file: `tripos run -b benchmarks/perf/mcq_benchmark.py --data FILE`.

Rows: {"id", "question", "choices", "answer", "prompt"}. Exact letter, no judge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import msgspec

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark
from tripos.core.records import Extraction, Sample, Verdict
from tripos.scoring.scorer import Answer, Instruments

_LETTER = re.compile(r"ANSWER: ([A-D])")


@dataclass(frozen=True)
class Rows:
    """Reads the file line by line."""

    path: Path
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        with self.path.open("rb") as file:
            for text in file:
                row = msgspec.json.decode(text)
                yield Sample(record_id=str(row["id"]), input=row["prompt"], reference=row["answer"])

    def fingerprint(self) -> dict[str, str | int | None]:
        return {"source": str(self.path)}


@dataclass(frozen=True)
class Letter:
    name: ClassVar[str] = "perf_letter"
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        found = _LETTER.search(text)
        return Extraction(answer=found[1] if found else None, how="pattern")


@dataclass(frozen=True)
class Same:
    name: ClassVar[str] = "perf_same"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        right = answer.extraction.answer == sample.reference
        return Verdict(value=float(right), is_correct=right, details={"reference_letter": sample.reference})


@benchmark("perf-mcq", category="perf", summary="Multiple choice for the performance bench")
def perf_mcq(options: Options) -> Benchmark:
    if options.data is None:
        raise SystemExit("perf-mcq needs --data")
    case = Sample(record_id="one", input="ANSWER: A?", reference="A")
    return Benchmark(
        samples=Rows(options.data),
        prompt=lambda sample: sample.question,
        transform=Letter(),
        scorer=Same(),
        calibration=lambda: [Case("reference", case, "ANSWER: A", True), Case("empty", case, "", False)],
        perfect=lambda sample: f"ANSWER: {sample.reference}",
    )
