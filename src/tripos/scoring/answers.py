"""Reading answers out of raw output: reasoning removed, last fence, last JSON object, last box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_THINK = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_UNOPENED = re.compile(r"\A.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_UNCLOSED = re.compile(r"<(?:think|thinking|reasoning)>.*\Z", re.DOTALL | re.IGNORECASE)


def visible(text: str) -> str:
    """The text without reasoning blocks: closed, opened but cut off, or opened by the chat template and only closed."""
    if "<" not in text:
        return text.strip()
    return _UNCLOSED.sub("", _UNOPENED.sub("", _THINK.sub("", text))).strip()


@transform("visible_text")
@dataclass(frozen=True)
class VisibleText:
    """The whole visible text is the answer; empty text is no answer."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        return Extraction(answer=text or None, how="whole text")
