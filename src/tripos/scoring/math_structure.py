r"""Equality of mathematical answers by structure: LaTeX in, yes / no / undecided out. Nothing is evaluated.

"No" is only said where two readings are certain and differ ("12" and "(1,2)", "(0,1]" and "[0,1)", "4343_6" and
"4343_7"); everything else is undecided and left to the caller. Numbers are exact rationals: 0.5 is 1/2, 0.333 is not 1/3.
Conventions of the MATH graders: a degree sign or a unit on one side only is ignored, 10\% equals 10 as well as 0.1,
`x = 5` equals `5` where the reference names no variable, `1 < x \le 2` equals `(1,2]`, a list without brackets has no order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_SYMBOLS = {
    "−": "-", "–": "-", "π": r"\pi ", "∞": r"\infty ", "°": "°", "×": r"\times ", "·": r"\cdot ", "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ",
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\%": "%", r"\$": "", "$": "", r"\degree": "°", "{,}": ",",
    r"\leq": r"\le", r"\geq": r"\ge", r"\lt": "<", r"\gt": ">", r"\lbrace": r"\{", r"\rbrace": r"\}",
    r"\displaystyle": "", r"\infin ": r"\infty ",
}  # fmt: skip
_SPACING = re.compile(r"(?<!\\)\\[!,;:> ]|\\q?quad\b|~|\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])\.?|\\[()\[\]](?=\s*$)|^\s*\\[(\[]")
_DEGREE = re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\}|°)")
_STYLE = re.compile(r"\\(?:text|mbox|textbf|textit|textrm|mathrm|mathbf|mathit|bm|boldsymbol|operatorname|hbox)\s*\{([^{}]*)\}")
_ARGUMENT = r"(\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-zA-Z]+|[0-9a-zA-Z])"
_FRACTION = re.compile(rf"\\frac\s*{_ARGUMENT}\s*{_ARGUMENT}")
_ROOT = re.compile(r"\\sqrt\s*([0-9a-zA-Z])")
_AND = re.compile(r"(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])")
_DECIMAL = r"(?:\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})"
_NUMBER = re.compile(
    rf"""(?P<sign>[-+]?)\s*(?:
        (?P<whole>\d{{1,400}}\s*)?\\frac\{{\s*(?P<top>-?\s*{_DECIMAL})\s*\}}\{{\s*(?P<bottom>-?\s*{_DECIMAL})\s*\}}
      | (?P<mixed>\d{{1,400}})\s+(?P<a>\d{{1,400}})\s*/\s*(?P<b>\d{{1,400}})
      | (?P<num>{_DECIMAL})\s*/\s*(?P<den>{_DECIMAL})
      | (?P<decimal>{_DECIMAL})(?:\s*(?:\\times|\\cdot|\*)\s*10\s*\^\s*\{{?\s*(?P<power>[-+]?\d{{1,3}})\s*\}}?)?
    )\s*(?:_\s*\{{?(?P<base>\d{{1,2}})\}}?)?\s*(?P<unit>.*)""",
    re.VERBOSE | re.DOTALL,
)
_UNIT = re.compile(r"%|°|[A-Za-z. ]+(?:\s*\^\s*\{?[23]\}?)?|(?:[A-Za-z]+/[A-Za-z]+)")
_ASSIGNED = re.compile(r"\s*(?:[a-zA-Z](?:_\{?\w\}?)?|[a-zA-Z]\([a-z]\))\s*(?:=|\\in(?![a-z]))\s*(?P<value>[^=]+)")
_CHAIN = re.compile(r"(?P<low>[^<>=]+?)\s*(?P<from><|\\le(?![a-z]))\s*[a-zA-Z]\s*(?P<to><|\\le(?![a-z]))\s*(?P<high>[^<>=]+)")
_INEQUALITY = re.compile(r"\s*(?:[a-zA-Z]\s*)?(?:[<>]|\\(?:le|ge|neq?)(?![A-Za-z]))")
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NO_UNIT = re.compile(
    r"\b(?:half|halves|(?:third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth|hundredth|thousandth)s?|squared|cubed|factorial"
    r"|times|plus|minus|over|least|most|more|less|fewer|not|mod|modulo|root)\b",
    re.IGNORECASE,
)  # what makes another number, or none, out of the number before it
_UNIT_NAMES = {
    name: names[0]
    for names in (
        ("cm", "centimeter", "centimetre"), ("mm", "millimeter", "millimetre"), ("m", "meter", "metre"), ("km", "kilometer", "kilometre"),
        ("in", "inch", "inche"), ("ft", "foot", "feet"), ("yd", "yard"), ("mi", "mile"), ("g", "gram"), ("kg", "kilogram"),
        ("s", "sec", "second"), ("min", "minute"), ("h", "hr", "hour"), ("day",), ("week",), ("month",), ("year",),
        ("cent", "¢"), ("dollar",), ("°", "degree", "deg"), ("rad", "radian"), ("%", "percent"),
    )
    for name in names
}  # fmt: skip
_ROUNDING = Fraction(1, 10_000)  # decimals closer than this may be a rounding: not ours to decide


@dataclass(frozen=True)
class Number:
    """A rational as it was written: `5\\%` has the value 5 and the unit "%"; "5 million" is 5,000,000, by a word."""

    value: Fraction
    unit: str = ""
    base: str = ""
    by_word: bool = False


@dataclass(frozen=True)
class Group:
    """A point or an interval: brackets and order count."""

    brackets: str
    items: tuple[Value, ...]


@dataclass(frozen=True)
class Bag:
    """A set, or a list without brackets: order does not count."""

    items: tuple[Value, ...]


@dataclass(frozen=True)
class Other:
    """Anything else, as normalised text without blanks; `words` where it was plain words."""

    text: str
    words: bool = False


Value = Number | Group | Bag | Other


def compare(gold: str, said: str) -> tuple[str, bool | None]:
    """The level that decided and whether the two are equal; None where this level cannot say."""
    left, right = normalise(gold), normalise(said)
    if "=" not in left and (assigned := _ASSIGNED.fullmatch(right)):
        right = assigned["value"].strip()
    if left[:1] in "([" and (chain := _CHAIN.fullmatch(right)):
        right = f"{'(['[chain['from'] != '<']}{chain['low']}, {chain['high']}{')]'[chain['to'] != '<']}"
    if _tight(left) == _tight(right) != "":
        return "text", True
    quoted = _STYLE.fullmatch(gold.strip()) is not None
    a, b = parse(left), parse(right)
    if isinstance(a, Other) and a.words:
        same = _word(left) == _word(right)
        return "text", True if same else (False if quoted and isinstance(b, Other) and b.words else None)
    if isinstance(a, Number) and _INEQUALITY.match(right):
        return "structure", False
    return "structure", _equal(a, b)


def _tight(text: str) -> str:
    """Without blanks, except where one parts two digits: "3 1/2" is not "31/2"."""
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)


def normalise(latex: str) -> str:
    """One spelling for what LaTeX can spell in several ways; single blanks are kept where they may separate."""
    text = latex.strip()
    for symbol, plain in _SYMBOLS.items():
        if symbol[-1].isalpha() and symbol.startswith("\\"):
            text = re.sub(re.escape(symbol) + r"(?![A-Za-z])", lambda _, plain=plain: plain, text)  # type: ignore[misc]
        else:
            text = text.replace(symbol, plain)
    text = _DEGREE.sub("°", text)
    text = re.sub(r"(?<=\d)\\[,!](?=\d{3})", "", text)
    text = _SPACING.sub(" ", text)
    for _ in range(3):
        text = _STYLE.sub(r" \1 ", text)
        text = _FRACTION.sub(_braced_fraction, text)
    text = _ROOT.sub(r"\\sqrt{\1}", text)
    text = _AND.sub(",", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?<=[^.])[.,;]$", "", text).strip()
    while text.startswith("{") and _closes(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def parse(text: str) -> Value:
    """The structure of a normalised text."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        return number
    if text.startswith(r"\{") and text.endswith(r"\}") and _closes(text, 0) == len(text) - 1:
        return Bag(tuple(parse(item) for item in _split(text[2:-2])))
    if text[:1] in "([" and text[-1:] in ")]" and text[:1] and _closes(text, 0) == len(text) - 1:
        items = _split(text[1:-1])
        if len(items) > 1:
            return Group(text[0] + text[-1], tuple(parse(item) for item in items))
        if text[0] + text[-1] == "()" and items:
            return parse(items[0])
    items = _split(text)
    if len(items) > 1:
        return Bag(tuple(parse(item) for item in items))
    return Other(_tight(text), words=re.fullmatch(r"\(?[A-Za-z]\)?|[A-Za-z]{3,}(?: [A-Za-z]+)*", text) is not None)


def _equal(a: Value, b: Value) -> bool | None:
    if isinstance(a, Number) and isinstance(b, Number):
        return _equal_numbers(a, b)
    if isinstance(a, Bag) and len(a.items) == 1 and not isinstance(b, Bag):
        return _equal(a.items[0], b)
    if isinstance(b, Bag) and len(b.items) == 1 and not isinstance(a, Bag):
        return _equal(a, b.items[0])
    for one, several in ((a, b), (b, a)):
        if isinstance(one, Number) and isinstance(several, Group | Bag):
            return False if all(isinstance(item, Number) for item in several.items) else None
    if isinstance(a, Group) and isinstance(b, Group):
        return _equal_groups(a, b)
    if isinstance(a, Bag) and isinstance(b, Bag):
        return _equal_bags(a, b)
    if isinstance(a, Other) and isinstance(b, Other) and a.text == b.text:
        return True
    return None


def _equal_numbers(a: Number, b: Number) -> bool | None:
    if a.base and b.base and a.base != b.base:
        return False
    same = a.value == b.value
    if a.unit != b.unit and a.unit and b.unit:
        return None if same and not (a.unit in _UNIT_NAMES.values() and b.unit in _UNIT_NAMES.values()) else (False if same else None)
    if same:
        return True
    if a.by_word != b.by_word:
        return None  # the question may ask for millions
    if (a.unit == "%") != (b.unit == "%"):
        share, plain = (a.value / 100, b.value) if a.unit == "%" else (b.value / 100, a.value)
        if share == plain:
            return True
    if a.value.denominator == b.value.denominator == 1 or abs(a.value - b.value) > _ROUNDING * max(Fraction(1), abs(a.value)):
        return False
    return None


def _equal_groups(a: Group, b: Group) -> bool | None:
    if len(a.items) != len(b.items):
        return False
    if a.brackets != b.brackets:
        half_open = {"(]", "[)"} & {a.brackets, b.brackets}
        return False if half_open else None
    return _all([_equal(x, y) for x, y in zip(a.items, b.items, strict=True)])


def _equal_bags(a: Bag, b: Bag) -> bool | None:
    left, right = list(dict.fromkeys(a.items)), list(dict.fromkeys(b.items))
    certain = all(isinstance(item, Number) for item in left + right)
    if len(left) != len(right):
        return False if certain else None
    found = [_any([_equal(x, y) for y in right]) for x in left] + [_any([_equal(x, y) for x in left]) for y in right]
    return _all(found)


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _any(parts: list[bool | None]) -> bool | None:
    if True in parts:
        return True
    return None if None in parts else False


def _number(text: str) -> Number | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    first, _, rest = match["unit"].strip().partition(" ")
    scale = _SCALES.get(first.lower().removesuffix("s"))
    unit, value = _unit(rest if scale else match["unit"]), _value(match)
    if unit is None or value is None:
        return None
    return Number((-value if match["sign"] == "-" else value) * (scale or 1), unit, match["base"] or "", by_word=scale is not None)


def _value(match: re.Match[str]) -> Fraction | None:
    try:
        if match["top"] is not None:
            part = _rational(match["top"]) / _rational(match["bottom"])
            return part if match["whole"] is None else int(match["whole"]) + part
        if match["mixed"] is not None:
            return int(match["mixed"]) + Fraction(int(match["a"]), int(match["b"]))
        if match["num"] is not None:
            return _rational(match["num"]) / _rational(match["den"])
        return _rational(match["decimal"]) * Fraction(10) ** int(match["power"] or 0)
    except ZeroDivisionError:
        return None


def _rational(text: str) -> Fraction:
    return Fraction(re.sub(r"[, ]", "", text).rstrip("."))


def _unit(text: str) -> str | None:
    """A canonical unit, "" for none; None where the rest of a number is no unit (a variable, a root, an operator)."""
    text = text.strip()
    if not text:
        return ""
    if _UNIT.fullmatch(text) is None or _NO_UNIT.search(text):
        return None
    name, _, power = text.lower().replace(" ", "").partition("^")
    square = re.match(r"(?:square|sq\.?|cubic|cu\.?)(?=[a-z])", name)
    if square:
        name, power = name[square.end() :], "3" if square[0].startswith("cu") else "2"
    name = name.strip(".{}")
    known = _UNIT_NAMES.get(name) or _UNIT_NAMES.get(name.removesuffix("s")) or _UNIT_NAMES.get(name.removesuffix("es"))
    if known is None and len(name) < 3:
        return None  # 2x, 3ab: variables, not units
    return (known or name) + (power.strip("{}") if power else "")


def _word(text: str) -> str:
    return re.sub(r"[\s()]", "", text).casefold()


def _braced_fraction(match: re.Match[str]) -> str:
    top, bottom = (part if part.startswith("{") else f"{{{part}}}" for part in match.groups())
    return rf"\frac{top}{bottom}"


def _closes(text: str, start: int) -> int:
    r"""Where the bracket at `start` closes ((, [, { and \{ alike, so that half-open intervals match); -1 if nowhere."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] in "([{":
            depth += 1
        elif text[index] in ")]}":
            depth -= 1
            if depth == 0:
                return index
    return -1


def _split(text: str) -> list[str]:
    """At commas and semicolons outside of brackets."""
    parts, depth, last = [], 0, 0
    for index, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character in ",;" and depth == 0:
            parts.append(text[last:index])
            last = index + 1
    parts.append(text[last:])
    return [part.strip() for part in parts if part.strip()]
