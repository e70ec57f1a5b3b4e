"""Cases: which there are in a directory, which of them can run on a backend, and why the others cannot.

A case is one Python file `{tier}/{case}.py` that defines `Model`, `get_inputs()` and `get_init_inputs()`. Tiers are directories
called t1, t2, … (ours, AKG's) or level1, level2, … (KernelBench's). Nothing here imports or runs a case.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tripos.core.errors import ConfigError, nearest, unknown
from tripos.kernels.conversion import convert_source, parsed

TIER = re.compile(r"(t|level)(\d+)")
_NPU_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+torch_npu\b", re.MULTILINE)
_SEARCHED = 4  # directories below a wrong one in which the right one is looked for


@dataclass(frozen=True, slots=True)
class Case:
    """One kernel problem. `skip_reason` is set where it was found but is not run."""

    tier: str
    case_name: str
    file_path: Path
    requires_npu: bool = False
    skip_reason: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What a result is filed under."""
        return self.tier, self.case_name

    @property
    def label(self) -> str:
        return f"{self.tier}/{self.case_name}"

    def row(self) -> dict[str, Any]:
        """As it stands in `skipped_cases` of a payload."""
        return {
            "tier": self.tier,
            "case_name": self.case_name,
            "file_path": str(self.file_path),
            "requires_npu": self.requires_npu,
            "skip_reason": self.skip_reason,
        }


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a directory holds for one selection, in order of tiers and names; every skipped case says why."""

    cases: tuple[Case, ...]
    skipped: tuple[Case, ...]


def own_cases() -> Path:
    """The directory of the cases that come with Tripos."""
    return Path(__file__).parent / "cases"


def discover(
    root: Path,
    *,
    tiers: Sequence[str] | None = None,
    cases: Sequence[str] | None = None,
    substring: str | None = None,
    skip_npu: bool = True,
) -> Discovery:
    """The cases below `root`.

    Args:
        tiers: only these, in this order, each once; None means all, in the order of their numbers.
        cases: only these exact names, plain (`gelu`) or with the tier (`t1/gelu`).
        substring: only names that contain this text, in any case of letters.
        skip_npu: whether a case that imports torch_npu is skipped.

    A case that cannot be read, or that needs torch_npu where there is none, is skipped with a reason. Hidden files and `__init__.py`
    are no cases.

    Raises:
        ConfigError: the directory is not there or holds no tiers, or a tier, case or substring selects nothing.
    """
    chosen = _tiers(root, tiers)
    found = [case for tier in chosen for case in _cases_of(root / tier, skip_npu)]
    if not found:
        raise ConfigError(f"{root}: no cases in {', '.join(chosen)}; a case is a file {{tier}}/{{case}}.py")
    if cases:
        found = _named(found, cases)
    if substring:
        wanted = [case for case in found if substring.lower() in case.case_name.lower()]
        if not wanted:
            raise ConfigError(f"--filter {substring!r} fits none of {len(found)} case names, e.g. {_some(found)}")
        found = wanted
    return Discovery(tuple(c for c in found if c.skip_reason is None), tuple(c for c in found if c.skip_reason is not None))


def read_source(case: Case, backend: str) -> str:
    """The text of a case with its devices written for a backend; this is what a model is shown, not what is run.

    Raises:
        ConfigError: unknown backend, or the file cannot be read (any more).
    """
    try:
        return convert_source(case.file_path.read_text(encoding="utf-8-sig"), backend)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read case {case.label}: {_cause(error)}") from error


def tier_order(tier: str) -> tuple[str, int, str]:
    """Sorts t2 before t10, levels apart from tiers, and anything else last."""
    match = TIER.fullmatch(tier)
    return ({"t": "0", "level": "1"}[match[1]], int(match[2]), tier) if match else ("2", 0, tier)


def name_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts 2_relu before 10_gelu."""
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part)


def _tiers(root: Path, wanted: Sequence[str] | None) -> list[str]:
    if not root.is_dir():
        raise ConfigError(f"{root}: there is no such directory of cases")
    present = sorted((d.name for d in root.iterdir() if d.is_dir() and TIER.fullmatch(d.name)), key=tier_order)
    if not wanted and not present:
        raise ConfigError(f"{root} holds no tiers (directories t1, t2, … or level1, level2, …){_hint(root)}")
    for tier in wanted or ():
        if not _plain(tier) or not (root / tier).is_dir():
            raise ConfigError(f"{root}: {unknown('tier', tier, present)}")
    return list(dict.fromkeys(wanted)) if wanted else present


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name and "\0" not in name


def _hint(root: Path) -> str:
    if TIER.fullmatch(root.name):
        return f"; it looks like a tier itself: give {root.parent} and choose the tier by --tiers {root.name}"
    level, below = [root], []
    for _ in range(_SEARCHED):
        level = sorted(d for parent in level for d in parent.iterdir() if d.is_dir() and not d.name.startswith(".") and not d.is_symlink())
        below += sorted({d.parent for d in level if TIER.fullmatch(d.name) and any(d.glob("*.py"))})
        if below or len(level) > 1_000:
            break
    return f"; did you mean {' or '.join(map(str, below[:3]))}?" if below else ""


def _cases_of(directory: Path, skip_npu: bool) -> list[Case]:
    files = (f for f in directory.glob("*.py") if f.name != "__init__.py" and not f.name.startswith("."))
    return [_case(file, skip_npu) for file in sorted(files, key=lambda f: name_order(f.stem))]


def _case(file: Path, skip_npu: bool) -> Case:
    tier, name = file.parent.name, file.stem
    try:
        source = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return Case(tier, name, file, skip_reason=f"read_error: {_cause(error)}")
    needs = _imports_npu(source)
    return Case(tier, name, file, needs, "requires torch_npu" if needs and skip_npu else None)


def _imports_npu(source: str) -> bool:
    """Whether torch_npu is imported, not merely mentioned. A case that does not parse is judged by its lines."""
    if "torch_npu" not in source:
        return False
    tree = parsed(source)
    if tree is None:
        return bool(_NPU_IMPORT.search(source))
    return any("torch_npu" in _imported(node) for node in ast.walk(tree))


def _imported(node: ast.AST) -> set[str]:
    """Top-level packages that a node imports, by a statement or by `importlib.import_module` and `__import__`."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        names = [str(node.args[0].value)] if called in ("import_module", "__import__") else []
    return {name.partition(".")[0] for name in names}


def _named(found: Sequence[Case], names: Sequence[str]) -> list[Case]:
    known = {c.case_name for c in found} | {c.label for c in found}
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            listed = f"did you mean {guess!r}?" if guess else f"there are {len(found)}, e.g. {_some(found)}"
            raise ConfigError(f"unknown case {name!r} in {', '.join(dict.fromkeys(c.tier for c in found))}; {listed}")
    wanted = set(names)
    return [c for c in found if c.case_name in wanted or c.label in wanted]


def _some(found: Sequence[Case]) -> str:
    return ", ".join(c.case_name for c in found[:5])


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else f"not UTF-8 at byte {error.start}"
