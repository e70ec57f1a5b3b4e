"""Security vulnerability scanner: find the planted weaknesses of a small service and nothing else.

Every sample is a fresh project of two to six files with 0 to 4 planted weaknesses of sixteen CWE kinds, each with a safe
twin. A finding is right if it names the file, a line of the planted span (two lines more or less are allowed) and the CWE
or one that means the same; findings and weaknesses are matched one to one.

Scoring (deviates from the original, whose mark could be had in full by listing every name): value =
F1 of the findings. `is_correct`: F1 = 1 at difficulty easy, F1 >= 0.8 at middle and hard; where nothing is planted, only an
empty list is correct. Precision and recall are reported beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.flawed_project import draw_project
from tripos.benchmarks.use_cases.flawed_services import SERVICES
from tripos.benchmarks.use_cases.planted_flaws import KINDS
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, scorer
from tripos.scoring.structured import LastJson, StructuredScorer, WrongForm, f1, fault, graded, matching

KEY = "security_scanner"
VERSION = 1
CANARY = "tripos-canary security_scanner 2c9f6d18-0b7e-4e53-8d94-a6f10c7b3e25: generated examination data, not for training"
TOLERANCE_LINES = 2

_PLANTED = {"easy": (1, 2), "middle": (1, 3), "hard": (2, 4)}
_DIFFICULTIES = tuple(_PLANTED)
_BAR = {"easy": 1.0, "middle": 0.8, "hard": 0.8}
_SHAPE: dict[str, tuple[type, ...]] = {"file": (str,), "line": (int, str), "cwe": (str, int)}
_CWE = re.compile(r"\s*(?:CWE)?[\s_-]*0*(\d{1,5})(?!\d).*", re.IGNORECASE | re.DOTALL)

_TASK = """Review the service below for security weaknesses. Its files are shown whole, with line numbers. It may have several
weaknesses or none.

Only these kinds count:
{kinds}

Outside data are everything that arrives in a request, also when it is handed on to a function in another file. Code that only
looks like one of these is not a weakness. The module {guard} is not shown and is sound: require(permission) ends the
request unless the caller holds the permission; @public marks handlers that are meant for everybody."""

_CONTRACT = """
How to answer
End your answer with one JSON list and write nothing after it. It has one object for each weakness, each weakness once, and
is an empty list if there are none:
[{"file": "<path as shown>", "line": <line number>, "cwe": "CWE-<number from the list above>"}]
The line is the one where the weakness takes effect: the call, comparison, assignment or value that would have to change; for
a missing check, the line of the handler's def. Every finding that is not a weakness of these kinds costs as much as one missed."""


def _planted(rng: random.Random, index: int, difficulty: str) -> int:
    """One sample in thirteen has nothing planted, at every difficulty in turn."""
    return 0 if index % 13 == 4 else rng.randint(*_PLANTED[difficulty])


def _make(rng: random.Random, index: int) -> Sample:
    difficulty = _DIFFICULTIES[index % len(_DIFFICULTIES)]
    kind = tuple(SERVICES)[index % len(SERVICES)]
    project = draw_project(rng, SERVICES[kind], difficulty, _planted(rng, index, difficulty))
    guard = next(m[1] for lines in project.files.values() for line in lines if (m := re.match(r"from (\w+_guard) import", line)))
    kinds = "\n".join(f"- CWE-{k.cwe} {k.title}: {k.definition}" for k in KINDS.values())
    return Sample(
        record_id="",
        input=f"{_TASK.format(kinds=kinds, guard=guard)}\n\n{project.listing}",
        reference=[asdict(finding) for finding in project.findings],
        subject=difficulty,
        dimensions={"difficulty": difficulty, "service": kind, "planted": str(len(project.findings))},
        metadata={
            "canary": CANARY,
            "files": {path: len(lines) for path, lines in project.files.items()},
            "cwes": sorted(finding.cwe for finding in project.findings),
        },
    )


def prompt(sample: Sample) -> str:
    """Task and files, then the contract, whose example is not JSON, so that an echo answers nothing."""
    return f"{sample.question}\n{_CONTRACT}"


@scorer("security_scanner")
@dataclass(frozen=True)
class SecurityScanner(StructuredScorer):
    """F1 of findings matched one to one by file, line and CWE."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    tolerance_lines: int = TOLERANCE_LINES

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """Nothing was found."""
        return {"precision": None, "recall": 0.0 if want else None}

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Matches the findings; anything but a list of {file, line, cwe} is a wrong format."""
        if not isinstance(given, list):
            raise WrongForm("a list of findings was asked for")
        found = [_read(number, one) for number, one in enumerate(given, 1)]
        pairs = matching(sample.reference, found, self._fits)
        score = f1(len(pairs), found=len(found), expected=len(sample.reference))
        precision = len(pairs) / len(found) if found else None
        recall = len(pairs) / len(sample.reference) if sample.reference else None
        details: dict[str, JSON] = {
            "matched": len(pairs),
            "found": len(found),
            "planted": len(sample.reference),
            "missed": [want for i, want in enumerate(sample.reference) if i not in {i for i, _ in pairs}],
            "false": [list(one) for j, one in enumerate(found[:50]) if j not in {j for _, j in pairs}],
        }
        right = score >= _BAR[sample.dimensions["difficulty"]]
        return graded(answer, score, right, metrics={"precision": precision, "recall": recall}, details=details)

    def _fits(self, want: dict[str, JSON], found: tuple[str, int, int]) -> bool:
        file, line, cwe = found
        near = want["start"] - self.tolerance_lines <= line <= want["end"] + self.tolerance_lines
        return file == want["file"] and near and (cwe == want["cwe"] or cwe in KINDS[want["cwe"]].same)


def _read(number: int, one: JSON) -> tuple[str, int, int]:
    """(file, line, cwe) of a finding. `CWE-89`, `89` and `CWE-89: SQL injection` are one."""
    why = fault(one, _SHAPE)
    if why is not None:
        raise WrongForm(f"finding {number}: {why}")
    line = re.fullmatch(r"\s*(\d{1,7})\s*", str(one["line"]))
    cwe = _CWE.fullmatch(str(one["cwe"]))
    if line is None or cwe is None:
        raise WrongForm(f"finding {number}: the line or the CWE is not a number")
    return one["file"].strip().replace("\\", "/").removeprefix("./"), int(line[1]), int(cwe[1])


def reference_answer(sample: Sample) -> str:
    """An answer that names every planted weakness and no other."""
    import json

    findings = [{"file": want["file"], "line": want["start"], "cwe": f"CWE-{want['cwe']}"} for want in sample.reference]
    return f"```json\n{json.dumps(findings, indent=2)}\n```"


_SUSPECT = {
    22: r"open\(|read_bytes",
    78: r"shell=True|popen",
    79: r"<h1>|Markup\(",
    89: r"SELECT.*(\+|\{)",
    95: r"eval\(",
    208: r"==|!=",
    295: r"verify=|CERT_",
    328: r"md5|sha1",
    338: r"random\.",
    489: r"debug|DEBUG",
    502: r"\.loads?\(",
    601: r"redirect\(",
    611: r"XMLParser\(|external_ges",
    798: r"password|Bearer",
    862: r"routes\.(delete|patch)",
    918: r"requests\.get\(",
}


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name; none may pass more than one time in ten."""
    import json

    files: dict[str, int] = sample.metadata["files"]
    everything = [{"file": f, "line": n, "cwe": f"CWE-{cwe}"} for f, last in files.items() for n in range(1, last + 1, 5) for cwe in KINDS]
    heads = [{"file": f, "line": 1, "cwe": f"CWE-{cwe}"} for f in files for cwe in KINDS]
    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '[{"file": ]] "line" 12 CWE }}{ [',
        "nothing found": "[]",
        "dump": json.dumps(everything),
        "keyword stuffing": " ".join(f"{k.title} CWE-{k.cwe} critical high {' '.join(files)}" for k in KINDS.values()) + json.dumps(heads),
        "suspicious words": json.dumps(_suspects(sample)),
    }


def _suspects(sample: Sample) -> list[dict[str, JSON]]:
    """What a search for dangerous words finds; the safe twins are there to mislead it."""
    found: list[dict[str, JSON]] = []
    file = ""
    for row in sample.question.splitlines():
        if row.startswith("==="):
            file = row.strip("= ")
        elif file and (numbered := re.match(r" *(\d+) \| (.*)", row)):
            found += [
                {"file": file, "line": int(numbered[1]), "cwe": f"CWE-{c}"}
                for c, words in _SUSPECT.items()
                if re.search(words, numbered[2])
            ]
    return found


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(6):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        for name, text in opponents(sample).items():
            if name != "suspicious words":  # may be lucky with one sample; a test bounds its rate
                yield Case(name, sample, text, passes=name == "nothing found" and not sample.reference)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=_make)


@benchmark(
    KEY,
    category="use-case",
    summary="Security vulnerability scanner",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): F1 of findings (file, line, CWE); correct at 1 if easy, else from 0.8 on",
    deviates="upstream: names of types, files and severities anywhere in the text, and a judge's checklist",
    calibrated="0.1.0",
)
def security_scanner(options: Options) -> Benchmark:
    """Generated services with planted weaknesses; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=LastJson(),
        scorer=SecurityScanner(),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("service", "planted"),
        default_n=60,
    )
