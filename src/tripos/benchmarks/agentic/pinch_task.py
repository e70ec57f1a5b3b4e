"""Tasks of PinchBench as they lie in its repository: a Markdown file with YAML front matter, and assets beside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tripos.benchmarks.local_files import checkout, digest_of
from tripos.core.errors import DatasetError
from tripos.core.records import JSON, Attachment, Sample

REPOSITORY = "https://github.com/pinchbench/skill"
COMMIT = "14b2993929d8c57197de6e364cbfa7a4fecedb7d"
KINDS = ("automated", "llm_judge", "hybrid")
_SECTIONS = (
    "Prompt",
    "Expected Behavior",
    "Grading Criteria",
    "Automated Checks",
    "LLM Judge Rubric",
    "Workspace Files",
    "Additional Notes",
)
_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", re.DOTALL)
_HEADING = re.compile(rf"^## ({'|'.join(_SECTIONS)})[ \t]*\r?$", re.MULTILINE)
_CODE = re.compile(r"^```python[ \t]*\r?\n(.*?)^```[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_WEIGHTED = re.compile(r"^### Criterion (\d+): (.+?) \(Weight: (\d+(?:\.\d+)?)%\)", re.MULTILINE)
_BULLET = re.compile(r"^- \[[ xX]?\] (.+)$", re.MULTILINE)
MOST_TEXT = 1 << 20


@dataclass(frozen=True)
class PinchTasks:
    """The tasks of one grading type (None: all), by the names of their files.

    Args:
        data: a checkout of the repository, or its directory `tasks`; None looks for `TRIPOS_DATA_DIR/pinchbench`.
    """

    kind: str | None = None
    data: Path | None = None
    endless: bool = False

    def __iter__(self) -> Iterator[Sample]:
        seen: set[str] = set()
        for path in self.files():
            sample = read_task(path.read_text(encoding="utf-8"), path.parent.parent / "assets", where=str(path))
            if sample.record_id in seen:
                raise DatasetError(f"{path}: a task with the id {sample.record_id!r} was there before")
            seen.add(sample.record_id)
            if self.kind in (None, sample.reference["kind"]):
                yield sample

    def files(self) -> list[Path]:
        """The task files.

        Raises:
            DatasetError: there are none; says how to get them.
        """
        advice = f"get them with: git clone {REPOSITORY} && git -C skill checkout {COMMIT[:12]}, then --data skill"
        pattern, places = "task_*.md", ("tasks", ".")
        folder = checkout(
            "pinchbench", self.data, places, lambda folder: any(folder.glob(pattern)), holds=f"tasks/{pattern}", advice=advice
        )
        return sorted(folder.glob(pattern))

    def fingerprint(self) -> dict[str, str | int | None]:
        """The SHA-256 of the task files; which commit they are of, a directory does not say."""
        files = self.files()
        return {"source": str(files[0].parent), "revision": None, "digest": digest_of(tuple(files)), "rows": len(files), "kind": self.kind}


def read_task(text: str, assets: Path, *, where: str) -> Sample:
    """One task.

    Raises:
        DatasetError: front matter or a section that its grading type needs is missing or unreadable.
    """
    import yaml  # type: ignore[import-untyped]

    parts = _FRONT.match(text)
    if not parts:
        raise DatasetError(f"{where}: a task begins with front matter between two lines `---`")
    try:
        front = yaml.safe_load(parts[1])
        return _sample(front, _sections(parts[2]), assets)
    except yaml.YAMLError as error:
        raise DatasetError(f"{where}: the front matter cannot be read: {' '.join(str(error).split())}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{where}: this task cannot be used: {type(error).__name__}: {error}") from error


def _sections(body: str) -> dict[str, str]:
    found = list(_HEADING.finditer(body))
    ends = [match.start() for match in found[1:]] + [len(body)]
    sections: dict[str, str] = {}
    for match, end in zip(found, ends, strict=True):
        sections.setdefault(match[1], body[match.end() : end].strip().removesuffix("\n---").rstrip())
    return sections


def _sample(front: Mapping[str, Any], sections: Mapping[str, str], assets: Path) -> Sample:
    kind = front["grading_type"]
    if kind not in KINDS:
        raise ValueError(f"grading_type {kind!r} is none of {', '.join(KINDS)}")
    code = _CODE.search(sections.get("Automated Checks", ""))
    if kind != "llm_judge" and code is None:
        raise ValueError(f"the grading type {kind} needs a python block under `## Automated Checks`")
    sessions = [str(session["prompt"]).strip() for session in front.get("sessions") or ()]
    prompt = _joined(sessions) if sessions else sections["Prompt"]
    if not prompt.strip():
        raise ValueError("the prompt is empty")
    files, sources = _files(front.get("workspace_files") or [])
    shown, missing = _texts(sources, assets)
    attached = tuple(Attachment(name=name, path=str(assets / source)) for name, source in sources.items() if name not in missing)
    kept = {name: str(assets / source) for name, source in sources.items() if name not in shown and name not in missing}
    reference: dict[str, JSON] = {
        "kind": kind,
        "checks": code[1] if code else None,
        "weights": _weights(front.get("grading_weights")),
        "expected": sections.get("Expected Behavior", ""),
        **(_rubric(sections) if kind != "automated" else {}),
    }
    return Sample(
        record_id=str(front["id"]),
        input=prompt,
        reference=reference,
        subject=str(front["category"]),
        dimensions={"grading": kind, "files": "missing" if missing else "binary" if kept else "text" if files or shown else "none"},
        attachments=attached,
        metadata={
            "name": str(front["name"]),
            "files": {**files, **shown},
            "binary": kept,
            "missing": missing,
            "timeout_seconds": front.get("timeout_seconds"),
        },
    )


def _joined(sessions: list[str]) -> str:
    return "\n\n".join(f"Message {number} of {len(sessions)}:\n{said}" for number, said in enumerate(sessions, 1))


def _weights(given: Mapping[str, Any] | None) -> dict[str, float]:
    """The official default is half and half; weights without a positive sum count as half and half, too."""
    weights = {name: float((given or {}).get(name, 0.5)) for name in ("automated", "llm_judge")}
    return weights if sum(weights.values()) > 0 else {"automated": 0.5, "llm_judge": 0.5}


def _rubric(sections: Mapping[str, str]) -> dict[str, JSON]:
    """The judge's rubric and the weight of each criterion; without one the grading criteria, all alike."""
    rubric = sections.get("LLM Judge Rubric", "")
    weighted = _WEIGHTED.findall(rubric)
    if weighted and [int(number) for number, _, _ in weighted] == list(range(1, len(weighted) + 1)):
        return {"rubric": rubric, "criteria": [name for _, name, _ in weighted], "shares": [float(share) for _, _, share in weighted]}
    bullets = _BULLET.findall(sections.get("Grading Criteria", ""))
    if not bullets:
        raise ValueError("a judged task needs `### Criterion N: … (Weight: X%)` under `## LLM Judge Rubric`, or grading criteria")
    listed = "\n".join(f"Criterion {number}: {line}" for number, line in enumerate(bullets, 1))
    return {"rubric": f"{rubric}\n\n{listed}".strip(), "criteria": bullets, "shares": [1.0] * len(bullets)}


def _files(entries: list[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """(text by name, asset by name)."""
    texts = {_inside(str(entry["path"])): str(entry["content"]) for entry in entries if "source" not in entry}
    sources = {_inside(str(entry["dest"])): _inside(str(entry["source"])) for entry in entries if "source" in entry}
    return texts, sources


def _texts(sources: Mapping[str, str], assets: Path) -> tuple[dict[str, str], list[str]]:
    """(assets that are text, by their name in the workspace; names of those that are not there)."""
    shown, missing = {}, []
    for name, source in sources.items():
        path = assets / source
        if not path.is_file():
            missing.append(name)
        elif path.stat().st_size <= MOST_TEXT:
            data = path.read_bytes()
            try:
                text = data.decode()
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                shown[name] = text
    return shown, missing


def _inside(name: str) -> str:
    if not is_inside(name):
        raise ValueError(f"the file name {name!r} leaves the workspace")
    return PurePosixPath(name).as_posix()


def is_inside(name: str) -> bool:
    """Whether a file name is relative and stays below the workspace."""
    path = PurePosixPath(name)
    size = max((len(part.encode(errors="surrogatepass")) for part in path.parts), default=0)
    fits = name.strip() != "" and "\0" not in name and len(name) <= 500 and 0 < size <= 255 and name.isprintable()
    return fits and not path.is_absolute() and ".." not in path.parts
