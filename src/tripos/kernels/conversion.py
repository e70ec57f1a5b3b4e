"""A case written for the CPU, rewritten for another device.

Only code that names a device is touched: the text is parsed, and the places found are replaced where they stand. Strings that merely
mention a device, comments and layout stay as they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tripos.core.errors import ConfigError, unknown

TORCH_DEVICE = {"cpu": "cpu", "gpu": "cuda", "npu": "npu"}
"""The device type that torch knows a backend by."""

_LITERAL = re.compile(r"""[uUrR]?('''|\"\"\"|'|")cpu(:\d+)?\1""")
_TAKES_DEVICE = frozenset({"device", "to", "set_default_device"})  # functions whose first argument may be a device
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")  # as Python's parser counts lines


def convert_source(source: str, backend: str) -> str:
    """The case's text with its devices replaced: `device="cpu"` in any layout, `torch.device("cpu")`, `.to("cpu")`, `.cpu()`.

    Left alone: a device in a conditional expression or comparison (the author chose there), `.cpu().numpy()` and its like (they need
    host memory), and text that does not parse. `cpu:0` keeps its index.

    Raises:
        ConfigError: `backend` is none of cpu, gpu, npu.
    """
    if backend not in TORCH_DEVICE:
        raise ConfigError(unknown("backend", backend, TORCH_DEVICE))
    if backend == "cpu" or "cpu" not in source:
        return source
    tree = parsed(source)
    if tree is None:
        return source
    lines = [line.encode() for line in _LINE.findall(source)]
    for line, start, end in sorted(set(_places(tree)), reverse=True):
        text = lines[line - 1]
        inside = text[start:end].decode()
        if inside == "cpu" or _LITERAL.fullmatch(inside):
            lines[line - 1] = text[:start] + inside.replace("cpu", TORCH_DEVICE[backend]).encode() + text[end:]
    return b"".join(lines).decode()


def parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None for text that is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a NUL byte is a ValueError, deep nesting one of the last two
        return None


_Place = tuple[int, int, int]  # line from 1, first and last byte within it


def _places(tree: ast.Module) -> Iterator[_Place]:
    kept_on_host = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in {"numpy", "tolist", "item"}
    }
    for node in _outside_formatted_strings(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "cpu":
            if not node.args and not node.keywords and id(node) not in kept_on_host and node.func.end_col_offset is not None:
                yield node.func.end_lineno or 0, node.func.end_col_offset - len("cpu"), node.func.end_col_offset
        else:
            for value in _device_values(node):
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.lineno == value.end_lineno:
                    yield value.lineno, value.col_offset, value.end_col_offset or 0


def _outside_formatted_strings(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those within f-strings, whose positions Python 3.11 does not tell."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.JoinedStr)]


def _device_values(node: ast.AST) -> Iterator[ast.expr | None]:
    """Expressions that stand where a device is expected."""
    if isinstance(node, ast.keyword):
        if node.arg == "device":
            yield node.value
    elif isinstance(node, ast.Assign):
        if any(_is_device(target) for target in node.targets):
            yield node.value
    elif isinstance(node, ast.AnnAssign):
        if _is_device(node.target):
            yield node.value
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if called in _TAKES_DEVICE and node.args and (called != "to" or isinstance(node.func, ast.Attribute)):
            yield node.args[0]
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        defaults = zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
        for argument, default in [*defaults, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
            if argument.arg.lower() == "device":
                yield default
    elif isinstance(node, ast.Dict):
        yield from (
            value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant) and key.value == "device"
        )


def _is_device(target: ast.expr) -> bool:
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return str(name).lower() == "device"
