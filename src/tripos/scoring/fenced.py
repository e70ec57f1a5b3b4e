"""Fenced blocks: the last one of an answer that carries one of some labels, and how one is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_FENCE = re.compile(
    r"^(?P<marks>`{3,}|~{3,})[ \t]*(?P<label>[\w+-]*)[^\n`]*\n(?P<body>.*?)(?:^(?P=marks)[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)


def blocks(text: str) -> list[tuple[str, str]]:
    """(label in lower case, content) of every fenced block that is not blank; one that is cut off reaches to the end of the text."""
    return [(match["label"].lower(), match["body"]) for match in _FENCE.finditer(text) if match["body"].strip()]


def fenced(code: str) -> str:
    """Python code as an answer."""
    return f"```python\n{code}```\n"


@transform("last_block")
@dataclass(frozen=True)
class LastBlock:
    """The last fenced block with one of the labels that is not blank, else the last without a label. Never raises.

    Args:
        labels: in lower case.
    """

    labels: tuple[str, ...]

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        found = blocks(text)
        for labels, how in ((self.labels, f"last {self.labels[0]} block"), (("",), "last block without a label")):
            bodies = [body for label, body in found if label in labels]
            if bodies:
                return Extraction(answer=bodies[-1], how=how)
        return Extraction(how=f"no fenced {self.labels[0]} block")
