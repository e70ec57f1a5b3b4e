"""Judges that say one thing for each item of a list: scores of a rubric, yes or no for assertions.

form = per_item("criterion", 4, "score")    # criterion 1: 0.75, … one line each
form = per_item("assertion", 3, "yes-no")   # assertion 1: yes, …

The verdict is complete or it is none: an item that is missing, doubtful or said twice with different values is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from tripos.scoring.verdicts import Form

Kind = Literal["score", "yes-no"]
_SAID: dict[str, float] = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_NUMBER = re.compile(r"\A(\d{1,3}(?:\.\d{1,4})?)(?:\s*/\s*1(?:\.0)?)?\.?\Z")
_DECORATION = "*_`\"'[]() \t"


def per_item(item: str, count: int, kind: Kind) -> Form[tuple[float, ...]]:
    """A form of `count` lines `{item} N: value`; read as values in 0..1, in order.

    Args:
        item: one lower-case word, "criterion".
        kind: "score" is a number from 0 to 1; "yes-no" becomes 1 and 0.
    """
    what = "a number from 0 to 1" if kind == "score" else "yes or no"
    lines = "\n".join(f"{item} {number}: <{what}>" for number in range(1, count + 1))
    good = "0.75" if kind == "score" else "yes"
    example = "reasoning: looked at each\n" + "\n".join(f"{item} {number}: {good}" for number in range(1, count + 1))
    return Form(
        name=f"{item}-{kind}-{count}",
        instruction=(
            "Reply in exactly this format, each field beginning on a line of its own, and nothing after the last:\n"
            f"reasoning: <in a few sentences, what decides>\n{lines}"
        ),
        reminder=f"Your last reply could not be read. Reply again in that format, one line for each of the {count}, as `{item} 1: {good}`.",
        parse=_parser(item, count, _score if kind == "score" else _yes_no),
        examples=((example, tuple([0.75 if kind == "score" else 1.0] * count)),),
    )


def weighted(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The mean of the values by weight; the weights need not sum to one.

    Raises:
        ValueError: no weight is positive.
    """
    total = sum(weights.values())
    if total <= 0:
        raise ValueError(f"the weights {dict(weights)} have no positive sum")
    return sum(values[name] * weight for name, weight in weights.items()) / total


def _parser(item: str, count: int, read: Callable[[str], float | None]) -> Callable[[str], tuple[float, ...] | None]:
    line = re.compile(rf"\A[\s*_`#.()-]*{re.escape(item)}[\s*_]*#?(\d{{1,3}})[\s*_`)]*[:=](.*)\Z", re.IGNORECASE)

    def parse(reply: str) -> tuple[float, ...] | None:
        said: dict[int, float] = {}
        for text in reply.replace("：", ":").splitlines():
            found = line.match(text[:500])
            if not found:
                continue
            number, value = int(found[1]), read(found[2].strip(_DECORATION))
            if value is None or not 1 <= number <= count or said.setdefault(number, value) != value:
                return None
        return tuple(said[number] for number in range(1, count + 1)) if len(said) == count else None

    return parse


def _score(text: str) -> float | None:
    found = _NUMBER.match(text)
    value = float(found[1]) if found else None
    return value if value is not None and value <= 1 else None


def _yes_no(text: str) -> float | None:
    return _SAID.get(text.strip(".").lower())
