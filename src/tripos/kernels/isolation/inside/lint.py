"""Is the examination itself sound, and what should a reader know about a solution before its numbers?

`task_findings`: can wrong answers pass this case? A finding of severity `error` means that its verdicts would be worth nothing.
`static_findings`: a solution's source read as a syntax tree, never executed. Only what cannot run is an `error`; everything else is
a remark beside the verdict, because a word does not make a cheat and honest code must not be refused for one.

Runs inside the box, and its static part also outside: torch is imported when a task is examined.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compare import Calibration, Leaf, Rule


@dataclass(frozen=True)
class Finding:
    """One sentence about a case or a solution; `severity` is error or warning, `code` a short stable name, `line` of the source."""

    severity: str
    code: str
    sentence: str
    line: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_WORDS = {"zeros": "zeros", "ones": "ones", "mean": "the mean of other outputs"}


# -- the case --------------------------------------------------------------------------------------------------------


def task_findings(
    base: Sequence[Leaf],
    exact: Sequence[Leaf] | None,
    again: Sequence[Leaf],
    other_inputs: Sequence[Sequence[Leaf]],
    other_weights: Sequence[Sequence[Leaf]] | None = None,
    rule: Rule | None = None,
    exact_again: Sequence[Leaf] | None = None,
) -> list[Finding]:
    """Examines a case by its reference's flat outputs.

    Args:
        base: of one input set. exact: the same in double. again: the same once more, all seeds equal.
        other_inputs: the same weights, inputs of other seeds, one list each.
        other_weights: the same inputs, weights of other seeds; None for a model without weights.
        rule: the case's own.
        exact_again: `exact` once more.
    """
    from . import compare as c

    rule = rule or c.Rule()
    if not any(hasattr(leaf, "numel") and leaf.numel() for leaf in base):
        return [Finding("error", "no_output", "the reference returns no tensor with elements, so there is nothing to compare")]
    calibration = c.calibrate(base, exact)
    sound = c.compare(base, calibration, base, rule)
    if not sound:
        return [
            Finding(
                "error", "not_finite" if sound.kind == "case" else "refuses_itself", f"the reference fails its own rule: {sound.detail}"
            )
        ]
    findings = list(_repeats(base, again, calibration, rule, exact, exact_again))
    other = next((run for run in other_inputs if _same_layout(base, run)), base)
    for name, wrong in _constants(base, other).items():
        findings += _accepted(base, wrong, calibration, rule, (f"accepts_{name}", f"{_WORDS[name]} everywhere"))
    for code, phrase, runs in (
        ("ignores_inputs", "the outputs of other inputs", other_inputs),
        ("ignores_seed", "the outputs of other weights", other_weights or []),
    ):
        accepted = (list(_accepted(base, run, calibration, rule, (code, phrase))) for run in runs if _same_layout(base, run))
        findings += next((found for found in accepted if found), [])
    return findings + list(_yardstick(base, calibration, rule))


def _repeats(
    base: Sequence[Leaf],
    again: Sequence[Leaf],
    calibration: Calibration,
    rule: Rule,
    exact: Sequence[Leaf] | None,
    exact_again: Sequence[Leaf] | None,
) -> Iterator[Finding]:
    """The bound of a reference that answers by chance is wide, for its double run is far off: so the double runs are compared too."""
    from . import compare as c

    report = c.compare(base, calibration, again, rule)
    if report and exact and exact_again:
        report = c.compare(exact, c.calibrate(exact, None), exact_again, c.Rule())
    if not report:
        sentence = f"the reference gives another result when run again with the same seeds: {report.detail}"
        yield Finding("error", "nondeterministic", sentence)
    elif c.first_difference(base, again) is not None:
        yield Finding("warning", "not_bitwise", "the reference repeats itself within the bound, not bit for bit")


def _constants(base: Sequence[Leaf], other: Sequence[Leaf]) -> dict[str, list[Leaf]]:
    """Answers that take no work; the mean is that of other inputs, where there are some, for no one knows these."""
    import torch

    from .calibration import is_float, wide

    def mean(leaf: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        values = wide(known)
        finite = values[torch.isfinite(values)]
        middle = finite.mean().item() if finite.numel() else 0.0
        return torch.full_like(leaf, middle if is_float(leaf) else round(middle))

    def fill(make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> list[Leaf]:
        pairs = zip(base, other, strict=True)
        return [make(leaf, known) if isinstance(leaf, torch.Tensor) and leaf.numel() else leaf for leaf, known in pairs]

    return {"zeros": fill(lambda leaf, _: torch.zeros_like(leaf)), "ones": fill(lambda leaf, _: torch.ones_like(leaf)), "mean": fill(mean)}


def _accepted(
    base: Sequence[Leaf], wrong: Sequence[Leaf], calibration: Calibration, rule: Rule, words: tuple[str, str]
) -> Iterator[Finding]:
    """An error where a wrong answer passes as a whole, a remark for each output that would pass on its own."""
    from . import compare as c

    code, phrase = words
    if c.compare(base, calibration, wrong, rule):
        yield Finding("error", code, f"the rule accepts {phrase} as right")
        return
    if len(base) == 1:
        return
    for index, leaf in enumerate(wrong):
        if c.compare(base, calibration, [*base[:index], leaf, *base[index + 1 :]], rule):
            yield Finding("warning", code, f"for output {index} alone the rule accepts {phrase} as right")


def _same_layout(base: Sequence[Leaf], other: Sequence[Leaf]) -> bool:
    shapes = [[getattr(leaf, "shape", None) for leaf in leaves] for leaves in (base, other)]
    return shapes[0] == shapes[1]


def _yardstick(base: Sequence[Leaf], calibration: Calibration, rule: Rule) -> Iterator[Finding]:
    from .calibration import WIDEST, is_float

    if rule.name != "calibrated":
        return
    for index, (leaf, scale) in enumerate(zip(base, calibration.outputs, strict=True)):
        if is_float(leaf) and not scale.calibrated:
            yield Finding("warning", "uncalibrated", f"output {index} has no yardstick in double; its bound is twice the floor of its type")
        elif is_float(leaf) and scale.widening >= WIDEST:
            yield Finding(
                "warning", "loose", f"output {index}: the reference itself is so inexact that the bound reached its limit of {WIDEST:g}"
            )
        elif scale.jump_share and is_float(leaf):
            share = f"{scale.jump_share:.2g} of the elements"
            yield Finding(
                "warning", "jumps", f"output {index} jumps: in {share} the reference is up to {scale.jump_size:.3g} from its double run"
            )
        elif scale.jump_share and not rule.off_by_one:
            share = f"{scale.jump_share:.2g} of the elements"
            yield Finding("warning", "ties", f"output {index} is an integer that {share} decide otherwise in double; consider off_by_one")


# -- a solution's source -----------------------------------------------------------------------------------------------

_BUILDERS = ("load_inline", "load", "CDLL", "PyDLL", "LoadLibrary", "load_library", "CppExtension", "CUDAExtension")
_MODULES = {
    "threads": ("threading", "_thread", "multiprocessing", "concurrent", "asyncio"),
    "processes": ("subprocess", "pty"),
    "network": ("socket", "urllib", "requests", "http", "ftplib", "httpx"),
    "introspection": ("inspect", "gc", "traceback"),
}
_CALLS = {
    "processes": ("os.system", "os.popen", "os.fork", "os.forkpty", "os.execv", "os.execve", "os.posix_spawn", "os.kill"),
    "introspection": ("sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "sys.modules", "globals", "gc.get_objects"),
    "dynamic_code": ("exec", "eval", "compile", "__import__", "importlib.import_module"),
    "global_setting": (
        "torch.set_num_threads",
        "torch.set_default_dtype",
        "torch.set_float32_matmul_precision",
        "torch.set_flush_denormal",
        "torch.manual_seed",
        "torch.use_deterministic_algorithms",
    ),
    "streams": ("torch.cuda.Stream", "torch.cuda.stream"),
}
MOST_PARTS = 16  # of a dotted name; longer ones mean nothing to us, and each of their parts would be read again
_PLACES = ("/proc", "/dev/shm", "/sys/")
_SENTENCES = {
    "threads": "uses {} (threads of its own)",
    "processes": "uses {} (processes of its own)",
    "network": "imports {} (network)",
    "introspection": "uses {} (looks at the interpreter or its frames)",
    "dynamic_code": "uses {} (code made at run time)",
    "global_setting": "changes {} (a setting of the whole process)",
    "streams": "uses {} (work beside the current stream)",
    "replaces": "replaces {} (an attribute of a module)",
    "place": "names {} in a string",
    "try": "has a try statement: a failing kernel may fall back to something else",
    "pointer": "reads data_ptr(): results may be remembered by address",
    "subclass": "defines {}, a kind of tensor of its own: results may be computed later",
}


def static_findings(source: str, dsl: str = "pytorch") -> list[Finding]:
    """Remarks on a solution's source in the order of its lines; errors only for source without valid syntax or without `ModelNew`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a docstring is not ours to print
            tree = ast.parse(source)
    except SyntaxError as error:
        return [Finding("error", "syntax", f"is not valid Python: {error.msg}", error.lineno)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Finding("error", "syntax", f"cannot be read as Python: {type(error).__name__}: {error}".rstrip(": "))]
    try:
        return _read(tree, dsl)
    except RecursionError:
        return [Finding("warning", "too_deep", "is nested too deeply to be examined")]


def _read(tree: ast.Module, dsl: str) -> list[Finding]:
    names = _imported(tree)
    first: dict[tuple[str, str], Finding] = {}
    for finding in sorted(_remarks(tree, names), key=lambda f: (f.line or 0, f.code)):
        first.setdefault((finding.code, finding.sentence), finding)  # once each, where it first stands
    return [*_entry(tree), *_language(tree, names, dsl), *first.values()]


def _entry(tree: ast.Module) -> Iterator[Finding]:
    """Whether `ModelNew` is bound at the top level, in whatever way."""
    top = list(_outside_definitions(tree))
    bound = {node.name for node in top if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    bound |= {node.id for node in top if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.asname or node.name for node in top if isinstance(node, ast.alias)}
    if "ModelNew" in bound:
        return
    called = {node.func.id for node in top if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if "*" in bound or called & {"exec", "globals", "setattr"}:
        yield Finding("warning", "no_model", "binds no ModelNew that can be seen without running it")
    else:
        yield Finding("error", "no_model", "defines no class ModelNew")


def _outside_definitions(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, without what stands inside classes and functions."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop()
        yield child
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(child)


def _imported(tree: ast.Module) -> dict[str, str]:
    """Local names of imported things, with their full names."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`torch.cuda.Stream` of an expression, by what its first name was imported as; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < MOST_PARTS:
        parts.append(node.attr)
        node = node.value
    return ".".join([names.get(node.id, node.id), *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _language(tree: ast.Module, names: dict[str, str], dsl: str) -> Iterator[Finding]:
    """What a solution in this language must have for its numbers to say anything about the language."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if dsl.startswith("triton"):
        kernels = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and any(_is_jit(d, names) for d in node.decorator_list)
        }
        launched = any(isinstance(call.func, ast.Subscript) or getattr(call.func, "attr", "") in ("run", "warmup") for call in calls)
        if not kernels:
            yield Finding("warning", "no_kernel", f"defines no @triton.jit kernel, though its language is {dsl}")
        elif not launched:
            yield Finding("warning", "no_launch", f"launches no Triton kernel; it defines {', '.join(sorted(kernels))}")
    elif dsl in ("cpp", "cuda", "cuda_c", "hip", "ascendc"):
        full = [_dotted(call.func, names) for call in calls]
        built = any(name.rsplit(".", 1)[-1] in _BUILDERS and name not in ("torch.load", "json.load", "pickle.load") for name in full)
        if not built:
            yield Finding("warning", "no_kernel", f"builds and loads no extension, though its language is {dsl}")


def _is_jit(decorator: ast.expr, names: dict[str, str]) -> bool:
    name = _dotted(decorator.func if isinstance(decorator, ast.Call) else decorator, names)
    return name.startswith("triton") and name.rsplit(".", 1)[-1] == "jit"


def _remarks(tree: ast.Module, names: dict[str, str]) -> Iterator[Finding]:
    told = _docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", None)
        for code, what in _of_node(node, names, told):
            yield Finding("warning", code, _SENTENCES[code].format(what), line)


def _of_node(node: ast.AST, names: dict[str, str], told: set[int]) -> Iterator[tuple[str, str]]:
    """(code, what) of a single node."""
    if isinstance(node, ast.Try | ast.TryStar):
        yield "try", ""
    elif isinstance(node, ast.Import | ast.ImportFrom):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for module in modules:
            yield from ((code, module) for code, roots in _MODULES.items() if module.split(".")[0] in roots)
    elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        full = _dotted(node, names)
        if isinstance(node, ast.Attribute) and node.attr == "data_ptr":
            yield "pointer", ""
        yield from ((code, full) for code, calls in _CALLS.items() if full in calls)
    elif isinstance(node, ast.Attribute):  # assigned to or deleted
        full = _dotted(node, names)
        if full.split(".")[0] in {name.split(".")[0] for name in names.values()}:
            yield ("global_setting" if full.startswith("torch.backends.") else "replaces"), full
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
        full = _dotted(node.args[0], names)
        if full.split(".")[0] in {name.split(".")[0] for name in names.values()}:
            yield "replaces", full
    elif isinstance(node, ast.ClassDef):
        own = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        if own & {"__torch_function__", "__torch_dispatch__"} or any(_dotted(base, names) == "torch.Tensor" for base in node.bases):
            yield "subclass", node.name
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
        yield from (("place", place) for place in _PLACES if place in node.value)


def _docstrings(tree: ast.Module) -> set[int]:
    """Identities of the string nodes that stand alone as statements."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
