"""Reading answers out of raw output: reasoning removed, last fence, last JSON object, last box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_MARK = re.compile(
    r"<(?P<xml>/?)(?:think|thinking|reasoning|thoughts?|seed:think)>|\[(?P<bracket>/?)THINK\]|◁(?P<triangle>/?)think▷"
    r"|<\|(?P<token>begin|end)_of_thought\|>",
    re.IGNORECASE,
)
_QUOTES = ("`", "'", '"')


def visible(text: str) -> str:
    """The text without reasoning blocks: closed, opened but cut off, or opened by the chat template and only closed.

    Known are the marks of several families of models. One in quotes is spoken about and hides nothing.
    """
    shown: list[str] = []
    at, hidden = 0, False
    for mark in _MARK.finditer(text):
        if text[mark.start() - 1 : mark.start()] in _QUOTES and text[mark.end() : mark.end() + 1] in _QUOTES:
            continue
        if mark.group(mark.lastgroup or 0) in ("/", "end"):
            shown = shown if hidden else []  # what was never opened began with the text
            at, hidden = mark.end(), False
        elif not hidden:
            shown.append(text[at : mark.start()])
            hidden = True
    return "".join(shown if hidden else [*shown, text[at:]]).strip()


@transform("visible_text")
@dataclass(frozen=True)
class VisibleText:
    """The whole visible text is the answer; empty text is no answer."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        return Extraction(answer=text or None, how="whole text")
