"""Reading answers out of raw output: reasoning removed, last fence, last JSON object, last box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tripos.core.records import Extraction, Sample
from tripos.scoring.scorer import transform

_OPENS = r"(?:<(?:think|thinking|reasoning|thoughts?|seed:think)>|\[THINK\]|◁think▷|<\|begin_of_thought\|>)"
_CLOSES = r"(?:</(?:think|thinking|reasoning|thoughts?|seed:think)>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>)"


def _unquoted(mark: str) -> str:
    """The mark, unless it stands in quotes: then it is spoken about."""
    return rf"(?:(?<![`'\"]){mark}|{mark}(?![`'\"]))"


_THINK = re.compile(rf"{_unquoted(_OPENS)}.*?{_unquoted(_CLOSES)}", re.DOTALL | re.IGNORECASE)
_UNOPENED = re.compile(rf"\A.*{_unquoted(_CLOSES)}", re.DOTALL | re.IGNORECASE)
_UNCLOSED = re.compile(rf"{_unquoted(_OPENS)}.*\Z", re.DOTALL | re.IGNORECASE)


def visible(text: str) -> str:
    """The text without reasoning blocks: closed, opened but cut off, or opened by the chat template and only closed.

    Known are the marks of several families of models. One in quotes is spoken about and hides nothing.
    """
    if not any(first in text for first in "<[◁"):
        return text.strip()
    return _UNCLOSED.sub("", _UNOPENED.sub("", _THINK.sub("", text))).strip()


@transform("visible_text")
@dataclass(frozen=True)
class VisibleText:
    """The whole visible text is the answer; empty text is no answer."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        return Extraction(answer=text or None, how="whole text")
