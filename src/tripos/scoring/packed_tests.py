"""Tests of programs as LiveCodeBench publishes them: a JSON list, or that list as a string, pickled, compressed, in base64.

Nothing is unpickled. A pickle is a little program; of its instructions only those are read that hold one string, and any
other makes the tests unreadable.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 1 << 30  # of unpacked tests; a larger bundle is a bomb
_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_HARMLESS = {"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP"}


@dataclass(frozen=True, slots=True)
class ProgramTest:
    """One test as it was published: `input` is what stdin holds, or one JSON argument a line; `output` what must come out."""

    input: str
    output: str


def unpack(text: str) -> list[ProgramTest]:
    """The tests of either form, in order.

    Raises:
        ValueError: it is neither; says why.
    """
    listed = text if text.lstrip().startswith("[") else _unpacked(text)
    try:
        rows = json.loads(listed)
    except RecursionError as error:
        raise ValueError("the tests are nested too deeply") from error
    if not isinstance(rows, list):
        raise ValueError(f"the tests are no list but {type(rows).__name__}")
    return [_test(row) for row in rows]


def looks_packed(text: str) -> bool:
    """Whether it may be either form, by its first bytes: cheap enough to ask of every row."""
    head = text.lstrip()[:4]
    try:
        return head.startswith("[") or base64.b64decode(head, validate=True)[:1] == b"\x78"  # zlib with a 32 kB window
    except (binascii.Error, ValueError):
        return False


def _test(row: Any) -> ProgramTest:
    if not isinstance(row, dict) or not isinstance(row.get("input"), str) or not isinstance(row.get("output"), str):
        raise ValueError(f"a test needs the texts 'input' and 'output': {str(row)[:100]}")
    return ProgramTest(row["input"], row["output"])


def _unpacked(text: str) -> str:
    try:
        compressed = base64.b64decode(text.encode("ascii"), validate=True)
        opener = zlib.decompressobj()
        content = opener.decompress(compressed, MOST_BYTES)
    except (UnicodeEncodeError, binascii.Error, zlib.error) as error:
        raise ValueError(f"neither a JSON list nor base64 of compressed tests: {error}") from error
    if not opener.eof:
        raise ValueError("the compressed tests are cut off" if len(content) < MOST_BYTES else f"more than {MOST_BYTES} bytes of tests")
    return _pickled_string(content)


def _pickled_string(content: bytes) -> str:
    strings = []
    for code, argument, _ in pickletools.genops(content):  # reads instructions, runs none; raises ValueError
        if code.name in _STRINGS:
            strings.append(argument)
        elif code.name not in _HARMLESS:
            raise ValueError(f"refused: the pickle holds {code.name}, where one string was expected")
    if len(strings) != 1 or not isinstance(strings[0], str):
        raise ValueError(f"the pickle holds {len(strings)} strings, where one was expected")
    return strings[0]
