"""Grading a PinchBench task: the repository's own check in the sandbox, its rubric by a judge, both by their weights."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from tripos.benchmarks.agentic.pinch_task import is_inside
from tripos.benchmarks.agentic.trajectory import Call, Trajectory, is_recorded, trajectory
from tripos.core.errors import ScorerError
from tripos.core.records import JSON, Extraction, JudgeAudit, Outcome, Sample, Verdict
from tripos.sandbox.sandbox import Completed, Limits
from tripos.scoring.judge import Exhibit, blank, brief
from tripos.scoring.judged import judge_of, replies
from tripos.scoring.numbered import per_item, weighted
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.structured import graded, unreadable

PASS = 0.5
_DRIVER = Path(__file__).with_name("pinch_driver.py").read_bytes()
LIMITS = Limits(wall_seconds=30.0, cpu_seconds=15.0, memory_bytes=1 << 30)
BEGIN, END = "=== file: {name} ===", "=== end of file ==="
MOST_FILES = 200
_FILE = re.compile(r"^=== file:[ \t]*(?P<name>[^\n]+?)[ \t]*===[ \t]*\n(?P<body>.*?)^=== end of file ===[ \t]*$", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"\A\s*(`{3,})[\w+-]*[ \t]*\n(.*?)^\1[ \t]*\s*\Z", re.DOTALL | re.MULTILINE)
_LOOKING = frozenset({"file_read", "think", "calculator", "web_search", "http_request", "pdf_extract"})
_UPSTREAM = {"file_read": "read_file", "file_write": "write_file", "shell_exec": "execute_command"}

EXAMINE = """You are an examiner. An assistant was given a task in a working directory. Laid before you are the task, what was expected,
a rubric, the record of what the assistant did and said, and the files that it wrote. Score every criterion of the rubric.

- Give each criterion a number from 0 to 1 by the levels that the rubric describes; numbers between two levels are allowed.
- Only what the record and the files show counts. What the assistant claims to have done and did not do is worth nothing.
- A file that the task asks for and that is not among the files was not written."""


@dataclass(frozen=True)
class WrittenFiles:
    """The files that a reply writes and the words around them: {"files": {name: text}, "said": ...}.

    A file stands between `=== file: NAME ===` and `=== end of file ===`; of two with one name the later counts. A code fence around
    the whole content is taken off (not for Markdown). Names that leave the workspace are refused.
    """

    name: ClassVar[str] = "written_files"
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        files: dict[str, str] = {}
        refused: list[str] = []
        for found in _FILE.finditer(text):
            name = found["name"].strip("`'\"* ")
            if not is_inside(name) or len(files) >= MOST_FILES:
                refused.append(name[:200])
                continue
            fence = None if name.endswith(".md") else _FENCED.match(found["body"])
            files[PurePosixPath(name).as_posix()] = fence[2] if fence else found["body"]
        said = _FILE.sub("", text).strip()
        if not files and not said:
            return Extraction(how="neither files nor words")
        return Extraction(answer={"files": files, "said": said, "refused": refused}, how=f"{len(files)} files")


@scorer("pinchbench")
@dataclass(frozen=True)
class PinchBench:
    """The mean of the repository's automated check, the rubric's weighted score by a judge, or both by the weights of the task.

    Args:
        kind: grade only tasks of this grading type: without judged ones no judge is needed. None: all.
    """

    kind: str | None = None

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """A sandbox for the repository's code, a judge for rubrics."""
        return {"automated": frozenset({"sandbox"}), "llm_judge": frozenset({"judge"})}.get(
            self.kind or "", frozenset({"sandbox", "judge"})
        )

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict.

        Raises:
            JudgeError: the judge could not be asked or read.
            SandboxError: there is no sandbox.
            ScorerError: the check of the repository is broken, or a trajectory ran programs whose files were not recorded.
        """
        if sample.metadata["missing"]:
            why = f"the checkout has no asset for {', '.join(sample.metadata['missing'])}"
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details={"why": why})
        kind, parts = str(sample.reference["kind"]), dict[str, float]()
        path = trajectory(answer.completion, answer.text) if is_recorded(answer.completion) else None
        if path is None and (answer.extraction.answer is None or blank(answer.text)):
            nothing = {part: 0.0 if kind in (part, "hybrid") else None for part in ("automated", "llm_judge")}
            return unreadable(answer, answer.extraction.how or "empty answer", nothing)
        written = dict((answer.extraction.answer or {}).get("files", {})) | (_rebuilt(path) if path else {})
        said = path.said if path else ((1, str(answer.extraction.answer["said"])),)
        details: dict[str, JSON] = {"files": sorted(written), "trajectory": path is not None}
        audits: tuple[JudgeAudit, ...] = ()
        if kind != "llm_judge":
            found = await self._checked(sample, answer, instruments, written, transcript(sample, path, said))
            parts["automated"] = _mean(found.get("scores", {}))
            details["automated"] = found
        if kind != "automated":
            scores, audits, shown = await self._judged(sample, instruments, written, record(path, said))
            parts["llm_judge"] = weighted(scores, dict(zip(scores, sample.reference["shares"], strict=True)))
            details |= {"llm_judge": dict(zip(sample.reference["criteria"], scores.values(), strict=False)), **shown}
        weights = sample.reference["weights"]
        value = weighted(parts, {part: weights[part] for part in parts}) if len(parts) > 1 else next(iter(parts.values()))
        metrics: dict[str, float | None] = {"automated": parts.get("automated"), "llm_judge": parts.get("llm_judge")}
        verdict = graded(answer, value, value >= PASS, metrics=metrics, details=details)
        return Verdict(**{**{field: getattr(verdict, field) for field in verdict.__struct_fields__}, "audits": audits})

    async def _checked(
        self, sample: Sample, answer: Answer, instruments: Instruments, written: Mapping[str, str], events: list[JSON]
    ) -> dict[str, Any]:
        if instruments.sandbox is None:
            raise ScorerError("pinchbench runs the repository's checks and needs a sandbox; this run has none")
        mark, began = secrets.token_hex(16), answer.completion.started_at
        request = {"mark": mark, "code": sample.reference["checks"], "transcript": events, "now": time.time() if began is None else began}
        files = {f"workspace/{name}": data for name, data in _final(sample, written).items()}
        files["driver.py"] = _DRIVER
        done = await instruments.sandbox.run(
            ["python3", "-I", "-X", "utf8", "driver.py"], files, LIMITS, stdin=json.dumps(request).encode()
        )
        return _heard(done, mark, sample.record_id)

    async def _judged(
        self, sample: Sample, instruments: Instruments, written: Mapping[str, str], said: str
    ) -> tuple[dict[str, float], tuple[JudgeAudit, ...], dict[str, JSON]]:
        reference = sample.reference
        form = per_item("criterion", len(reference["criteria"]), "score")
        files = "\n\n".join(f"{BEGIN.format(name=name)}\n{text}\n{END}" for name, text in sorted(written.items()))
        exhibits = (
            Exhibit("TASK", sample.question),
            Exhibit("EXPECTED", str(reference["expected"])),
            Exhibit("RUBRIC", str(reference["rubric"])),
            Exhibit("RECORD", said or "(nothing was said)"),
            Exhibit("FILES", files or "(no file was written)"),
        )
        put = brief(EXAMINE, exhibits, form.instruction, salt=sample.record_id)
        audits = await replies(judge_of(instruments, self.name), put, form)
        values = form.read(audits)
        if values is None:
            raise ScorerError("a judge's reply that was read once could not be read again")
        return {f"criterion {number}": value for number, value in enumerate(values, 1)}, audits, put.details


def _heard(done: Completed, mark: str, record_id: str) -> dict[str, Any]:
    """What the driver said; limits that the candidate's files led to are its fault, a broken check is not."""
    said = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith(f"{mark} ")]
    if len(said) == 1:
        found: dict[str, Any] = json.loads(said[0].removeprefix(f"{mark} "))
        if "broken" in found:
            raise ScorerError(f"the check of task {record_id} is broken: {found['broken']}")
        return found
    if done.stopped and done.stopped != "lost":
        return {"scores": {}, "raised": f"the check was stopped: {done.stopped}"}
    words = done.stderr.decode(errors="replace").strip()[-300:]
    raise ScorerError(f"the check of task {record_id} ended without a word (status {done.returncode}): {words}")


def _mean(scores: Mapping[str, float]) -> float:
    """The mean of a check's scores, each within 0..1; 0 where there is none."""
    return sum(min(1.0, max(0.0, value)) for value in scores.values()) / len(scores) if scores else 0.0


def _final(sample: Sample, written: Mapping[str, str]) -> dict[str, bytes]:
    """The files of the workspace in the end. One that was written in the place of a folder, or below a file, is left out."""
    final = {name: Path(place).read_bytes() for name, place in sample.metadata["binary"].items()}
    for name, text in {**sample.metadata["files"], **written}.items():
        above = {parent.as_posix() for parent in PurePosixPath(name).parents}
        if not above & final.keys() and not any(PurePosixPath(other).is_relative_to(name) for other in final if other != name):
            final[name] = text.encode(errors="replace")
    return final


def _rebuilt(path: Trajectory) -> dict[str, str]:
    """The files that a recorded trajectory wrote, from its calls of `file_write`.

    Raises:
        ScorerError: it called tools that may have written others.
    """
    files: dict[str, str] = {}
    for call in path.calls:
        name, text = call.arguments.get("path"), call.arguments.get("content")
        if call.name == "file_write" and isinstance(name, str) and isinstance(text, str) and not call.failed and is_inside(name):
            name = PurePosixPath(name).as_posix()
            files[name] = files.get(name, "") + text if call.arguments.get("append") is True else text
        elif call.name not in _LOOKING and call.name != "file_write" and not call.failed:
            raise ScorerError(f"the trajectory called {call.name!r}, which may have written files, and the files were not recorded")
    return files


# ------------------------------------------------------------------------------------------------------------ transcripts


def transcript(sample: Sample, path: Trajectory | None, said: tuple[tuple[int, str], ...]) -> list[JSON]:
    """The events that the repository's checks look at; tools under its names, arguments under both of its keys for them."""
    events = [_event("user", [{"type": "text", "text": sample.question}])]
    words = dict(said)
    for turn in sorted({*words, *(call.turn for call in path.calls)} if path else words):
        calls = [call for call in path.calls if call.turn == turn] if path else []
        text = [{"type": "text", "text": words[turn]}] if words.get(turn) else []
        events.append(_event("assistant", [*text, *map(_tool_call, calls)]))
        events += [_event("toolResult", [{"type": "text", "text": call.result}]) for call in calls if call.result is not None]
    return events


def _event(role: str, content: list[JSON]) -> JSON:
    return {"type": "message", "message": {"role": role, "content": content}}


def _tool_call(call: Call) -> JSON:
    given = dict(call.arguments)
    if call.name == "file_read" and "path" in given:
        given["files"] = [given["path"]]
    return {"type": "toolCall", "name": _UPSTREAM.get(call.name, call.name), "arguments": given, "params": given}


def record(path: Trajectory | None, said: tuple[tuple[int, str], ...]) -> str:
    """What the judge reads of the conversation: words whole, arguments and results by their beginnings."""
    lines = [(turn, 0, f"Assistant: {text}") for turn, text in said if text]
    for call in path.calls if path else ():
        lines.append((call.turn, 1, f"Tool call: {call.name} {json.dumps(dict(call.arguments), ensure_ascii=False)[:600]}"))
        if call.result is not None:
            lines.append((call.turn, 1, f"Result: {call.result[:400]}"))
    return "\n\n".join(text for _, _, text in sorted(lines, key=lambda line: line[:2]))
