"""A small benchmark in a file of its own, which tests edit between runs of it."""

from __future__ import annotations

from pathlib import Path

BENCHMARK = """
import re
from dataclasses import dataclass
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, benchmark
from tripos.core.records import Extraction, Sample, Verdict


@dataclass(frozen=True)
class Rows:
    slices: int
    endless: bool = False

    def __iter__(self):
        for i in range(40):
            dimensions = {"source": "book" if i % 4 else "web"}
            place = f"part-{i % self.slices}"
            yield Sample(record_id=f"q{i:02}", input=f"QID-{i}?", reference="ABCD"[i % 4], slice_id=place, dimensions=dimensions)

    def fingerprint(self):
        return {"source": "made"}


@dataclass(frozen=True)
class Letter:
    name: ClassVar[str] = "letter"
    version: ClassVar[str] = "1"

    def __call__(self, sample, text):
        found = re.search("ANSWER: ([A-D])", text)
        return Extraction(answer=found[1] if found else None, how="pattern")


@dataclass(frozen=True)
class Same:
    name: ClassVar[str] = "same"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample, answer, instruments):
        right = answer.extraction.answer == sample.reference
        return Verdict(value=float(right), is_correct=right)


@benchmark("quiz40", category="test", summary="Forty questions", settings=("slices",))
def quiz40(options):
    case = Sample(record_id="one", input="?", reference="A")
    return Benchmark(
        samples=Rows(options.setting("slices", 1)),
        prompt=lambda sample: sample.question,
        variants={"terse": lambda sample: f"Be terse. {sample.question}", "polite": lambda sample: f"Please: {sample.question}"},
        transform=Letter(),
        scorer=Same(),
        perfect=lambda sample: f"ANSWER: {sample.reference}",
        calibration=lambda: [Case("reference", case, "ANSWER: A", True)],
    )
"""


class Edited:
    """A directory with the benchmark in `quiz40.py`; one that is there already stays as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "quiz40.py"
        if not self.file.exists():
            self.file.write_text(BENCHMARK)

    def edit(self, old: str, new: str) -> None:
        """Changes the benchmark; `old` must stand in it once."""
        text = self.file.read_text()
        assert text.count(old) == 1, old
        self.file.write_text(text.replace(old, new))
