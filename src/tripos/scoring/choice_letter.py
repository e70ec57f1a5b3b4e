r"""The letter of an option, read out of free text.

`ChoiceLetter` is deterministic and prefers "no letter" to a guess. What it accepts, in this order:

1. the last *declaration*: a box with a letter in it (`\boxed{\text{C}}`) or a statement ("the answer is **(C)**",
   "Answer: C."), whichever comes later; statements that are negated, asked or supposed do not count;
   a statement may name the full text of one option instead of its letter;
2. a last box that holds the full text of exactly one option;
3. a first or last line that is nothing but a letter, or a letter with its own option's text;
4. the one letter of which a sentence says that it is the answer ("Option C is correct.", "(C) is the right choice"), or
   with which the text closes ("Hence C.");
5. the full text of exactly one option in the last paragraph.

Several letters ("A and C", every option declared in turn, two declarations side by side that disagree) are ambiguous, as
is no letter at all: there a judge may decide, and without a judge the answer counts as wrong.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import ClassVar

import msgspec

from tripos.core.records import Extraction, Sample
from tripos.scoring.judge import seen
from tripos.scoring.math import boxes
from tripos.scoring.scorer import transform

_LINE = 500  # characters of a statement that are looked at
_NO_LETTER = "declared something that is not a letter"
OPTION_TEXT = "option text in the last paragraph"

_STYLE = re.compile(r"\\(?:text|textbf|textrm|textit|mathrm|mathbf|mathit|bf|rm)\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"[*`$#]|__|\\[()\[\]]|\\(?:left|right)(?![a-zA-Z])")
_STATEMENT = re.compile(
    r"""(?:\b(?:final|correct|best|right|my)\s+)?
        (?:\banswer(?:\s+(?:choice|option|letter))?|(?<=correct\s)(?:option|choice)|(?<=best\s)(?:option|choice)|(?<=right\s)(?:option|choice)
          |(?<=final\s)choice|(?<=my\s)choice)
        (?:\s+(?:to|for)\s+(?:this|the|your)(?:\s+\w+){1,2}|["'])?
        \s*(?:(?::|=|→|-+>|[–—]|-(?=\s)|\b(?:is|(?:would|should|must|will)\s+(?:(?:therefore|thus|hence|then)\s+)?be)\b)\s*)+
        (?:(?:therefore|thus|hence|then|clearly|indeed|definitely|most\s+likely|likely|probably)\b,?\s*)?
        (?:(?:the\s+)?(?:option|choice|letter)\b\s*:?\s*)?(?P<several>(?:both|either)\s+)?""",
    re.IGNORECASE | re.VERBOSE,
)
_HEADING = re.compile(r"^[ \t]*(?:the\s+)?(?:(?:final|correct|best|my)\s+)?answer[ \t]*\n\s*", re.IGNORECASE | re.MULTILINE)
_FORMAL = re.compile(r"^[\W_]*(?:the\s+)?(?:final\s+|correct\s+|best\s+|my\s+)?answer\s*(?:is\s*)?:", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:not|never|if|whether|suppose|supposing|assum(?:e|es|ed|ing)|doubt|unless|incorrect|wrong)\b|n['’]t\b", re.IGNORECASE
)
_PASSED_OVER = re.compile(
    r"\b(?:rul\w+ out|unlike|exclud\w+|eliminat\w+|rather than|instead of|except|neither|nor|without)\b", re.IGNORECASE
)
_DENIED_AFTER = re.compile(
    r"\W*(?:(?:is|are|was|were|seems|(?:would|can|could|must|may) be)\s+)?"
    r"(?:not|n['’]t|wrong|incorrect|false|(?:ruled|left) out|excluded|eliminated|rejected|dismissed)\b",
    re.IGNORECASE,
)
_BY_OTHERS = re.compile(
    r"\b(?:(?:might|may|could|would|often|mistakenly|wrongly)\s+(?:think|say|believe|argue|assume|guess)|(?:some|many|most)\s+(?:\w+\s+)?(?:say|claim|think|argue)"
    r"|claims?|claimed|tempt\w*|mistakes?|at first|initially|originally)\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"\b(?:if|had|were|should)\b", re.IGNORECASE)
_NOT_THE_FIRST = re.compile(
    r"\b(?:second|third|next|other|another|alternative|alternate|runner-up)[\s-]+(?:most\s+likely\s+)?$", re.IGNORECASE
)
_LETTER = re.compile(r"[\s\"'“‘]*(?P<open>[(\[{⟨<]*)\s*(?P<letter>[A-Za-z])(?!\w|['’]\w|-\w|\+)(?:\s*(?P<close>[)\]}⟩>]+))?")
_ANOTHER = re.compile(
    r"[\s,;/&|]*(?:\b(?:and|or|und)\b)?[\s,;/&|]*[(\[⟨]?(?P<letter>[A-Z])[)\]⟩]?(?=\s*(?:[.,;:!?/&|)\]]|$|and\b|or\b|[A-Z]\b))"
)
_ENDS = re.compile(  # the symbols are ✅ and its kin
    r"\s*(?:$|[,;:!)\]}⟩。\"'”’]|<[|/]|[—–]|-\s|\.(?!\s*[a-z])|\n|\s[(\[]|[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
    r"|\s(?:because|since|as|which|due\s+to|given|based\s+on|for|with|in|so|rather\s+than|(?:and\s+|but\s+)?not)\b)"
)
_ONLY_LETTER = re.compile(r"[\s>•-]*(?:option|choice)?\s*[(\[⟨<]*\s*([A-Za-z])\s*[)\]⟩>]*\s*[.:]?\s*", re.IGNORECASE)
_LETTERED = re.compile(r"[\s>•-]*[(\[⟨]?([A-Z])[)\]⟩]?\s*[.:)]\s*(\S.*)")
_BACKWARDS = re.compile(
    r"""(?:(?P<named>\b(?i:option|choice|letter)\s+)|(?:^|[\n.,;:!?]|\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|that|think|believe)\b)\s*)[(\[]?(?P<letter>[A-Z])[)\]]?\s+(?:is|must\s+be)\s+
        (?:(?:therefore|thus|hence|clearly|indeed)\s+)?
        (?:the\s+(?:(?:only|one|single|most\s+likely)\s+)?(?:(?:correct|right|best)\s+(?:one|answer|option|choice)|answer)|(?P<bare>correct|right))
        (?=\s*(?:[.,;:!)\]]|$|\n|because\b|since\b|as\b))""",
    re.VERBOSE,
)
_AND_LETTER = re.compile(r"(.+?)\s*[(\[]\s*(?:(?i:option|choice)\s+)?([A-Z])\s*[)\]][\s.]*")
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
_NAMED = re.compile(r"\s*(?:(?:the\s+)?(?:final\s+)?(?:answer(?:\s+is)?|option|choice|letter)\b\s*:?\s*)+", re.IGNORECASE)
_CLOSING = re.compile(
    r"\b(?:hence|thus|so|therefore)\b[,:]?\s+(?:it\s+(?:is|must\s+be)\s+)?(?:(?:option|choice)\s+)?[(\[]?(?P<letter>[A-Z])[)\]]?\s*[.!]?\s*\Z",
    re.IGNORECASE,
)
_ANSWER_TAG = re.compile(r"<answer>\s*([^<>]{1,200}?)\s*</answer>", re.IGNORECASE)


def letters(n: int) -> str:
    """The first `n` option letters, "ABCD" for 4.

    Raises:
        ValueError: more than 26 options.
    """
    if not 0 <= n <= 26:
        raise ValueError(f"{n} options cannot be lettered A to Z")
    return string.ascii_uppercase[:n]


def valid_letters(sample: Sample) -> str:
    """The letters that a candidate may choose: one an option, positions of empty options left out."""
    return "".join(letter for letter, text in zip(letters(len(sample.choices)), sample.choices, strict=True) if text.strip())


@transform("choice_letter")
@dataclass(frozen=True)
class ChoiceLetter:
    """Reads the letter that a candidate settled on; see the module for the rules.

    Attributes:
        stop: text from its first occurrence on is not the candidate's answer any more (few-shot prompts make base models
            run on into a next question); None reads everything.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "3"
    stop: str | None = None

    def __call__(self, sample: Sample, text: str) -> Extraction:
        if self.stop is not None:
            text = text.partition(self.stop)[0]
        text = _plain(text)
        if not text.strip():
            return Extraction(how="nothing to read", ambiguous=False)
        options = _Options(sample)
        for rule in (_declared, _boxed_text, _line, _said_backwards, _closing, _option_text):
            found = rule(text, options)
            if found is not None:
                return found
        return Extraction(how="no letter found", ambiguous=True)


class _Options:
    """A sample's options as the rules need them: letters in use and plain texts that belong to one letter only."""

    def __init__(self, sample: Sample) -> None:
        self.valid = valid_letters(sample)
        self.choices = sample.choices

    @cached_property
    def own(self) -> dict[str, str]:
        return {letter: text for letter, choice in zip(letters(len(self.choices)), self.choices, strict=True) if (text := _norm(choice))}

    @cached_property
    def letter_of(self) -> dict[str, str]:
        every = list(self.own.values())
        # a bare "b" is always the letter, also where an option happens to read "B"
        return {text: letter for letter, text in self.own.items() if every.count(text) == 1 and not (len(text) == 1 and text.isalpha())}


class _Declaration(msgspec.Struct, frozen=True):
    start: int
    end: int
    letter: str | None  # None: something was declared, but not one valid letter
    how: str
    weak: bool = False  # what others would say, or what would be so otherwise


def _declared(text: str, options: _Options) -> Extraction | None:
    found = sorted([*_boxed(text, options), *_stated(text, options)], key=lambda d: (d.end, d.start))
    # "Final Answer: The final answer is C." declares once
    found = [d for d in found if d.how != _NO_LETTER or not any(d.start < other.start and other.end <= d.end for other in found)]
    if not found:
        return None
    found = [d for d in found if not d.weak] or found
    last = found[-1]
    if last.letter is None:
        return Extraction(how=last.how, ambiguous=True)
    said = {d.letter for d in found if d.letter}
    if len(options.valid) > 2 and said >= set(options.valid):
        return Extraction(how="every option was declared to be the answer", ambiguous=True)
    for earlier in found[:-1]:
        if earlier.letter == last.letter or last.start - earlier.end > 60:
            continue
        between = text[earlier.end : last.start]
        if re.fullmatch(r"(?:[\W_]|\b(?:and|or|the|final|correct)\b)*", between, re.IGNORECASE):
            return Extraction(how=f"declared both {earlier.letter} and {last.letter}", ambiguous=True)
    return Extraction(answer=last.letter, how=last.how)


def _boxed(text: str, options: _Options) -> Iterator[_Declaration]:
    for match in re.finditer(r"⟨([^⟨⟩]*)⟩", text):
        content = _NAMED.sub("", match[1], count=1).strip() if _NAMED.match(match[1]) else match[1].strip()
        letter, how = (None, "") if len(content) > 1 and _norm(content) in options.letter_of else _read(content, options)
        if letter is not None or how.startswith("several"):
            yield _Declaration(match.start(), match.end(), letter, "last box" if letter else how)


def _stated(text: str, options: _Options) -> Iterator[_Declaration]:
    for match in _STATEMENT.finditer(text):
        start = _blank_end(text, match.end())
        line = text[start : start + _LINE].partition("\n")[0]
        head = text[max(0, match.start() - 40) : match.end()].rpartition("\n")
        formal = (bool(head[1]) or match.start() <= 40) and _FORMAL.match(head[2]) is not None
        if _is_denied(text, match.start()) or _NOT_THE_FIRST.search(text, max(0, match.start() - 40), match.start()):
            continue
        letter, how = _read(line, options)
        if match["several"]:
            letter, how = options.letter_of.get(_norm(match["several"] + line)), "several letters"
        if letter is None and not formal and not how.startswith("several"):
            continue  # prose: "the answer is the one that …"
        token = _LETTER.match(line)
        end = start + (token.end() if token is not None else len(line))
        yield _Declaration(match.start(), end, letter, "last statement" if letter else how, not formal and _is_aside(text, match))

    for heading in _HEADING.finditer(text):
        letter, how = _read(text[heading.end() : heading.end() + _LINE].partition("\n")[0], options)
        if letter is not None:  # else an explanation follows
            yield _Declaration(heading.start(), heading.end() + 1, letter, "below a heading")


def _blank_end(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _read(content: str, options: _Options) -> tuple[str | None, str]:
    """The one letter at the head of `content`, or None and why not."""
    token = _LETTER.match(content)
    if token is None or content[token.end() :].strip(" ."):
        named = options.letter_of.get(_norm(content))
        if named is not None:
            return named, ""
        both = _AND_LETTER.fullmatch(content)  # the text of an option with its letter behind it
        if both is not None and options.letter_of.get(_norm(both[1])) == both[2]:
            return both[2], ""
    if token is None:
        return None, _NO_LETTER
    letter, after = token["letter"].upper(), content[token.end() :]
    bracketed = bool(token["open"] and token["close"])
    if re.match(r"\s*\?", after):
        return None, "asked, not declared"
    another = _ANOTHER.match(after)
    if another is not None and another["letter"] in options.valid and another["letter"] != letter:
        return None, f"several letters: {letter} and {another['letter']}"
    if token["letter"].islower() and not bracketed and after.strip(" .!\"'”’"):
        return None, _NO_LETTER
    if not bracketed and not _ENDS.match(after) and not _norm(after).startswith(options.own.get(letter, "\0")):
        return None, _NO_LETTER
    if letter not in options.valid:
        return None, f"declared {letter}, which is not an option"
    return letter, ""


_CLAUSE = re.compile(r"[.,;:!?\n]|\b(?:so|therefore|thus|hence|but|then)\b")
_SENTENCE = re.compile(r"[.!?\n]")


def _is_denied(text: str, position: int) -> bool:
    """Whether the clause before `position` negates or merely supposes what follows."""
    clause = _CLAUSE.split(text[max(0, position - 100) : position])[-1]
    return _DENIED.search(clause) is not None


def _is_aside(text: str, statement: re.Match[str]) -> bool:
    """Whether the sentence says what others think or thought, or what would be the answer if something else were so."""
    before = _SENTENCE.split(text[max(0, statement.start() - 200) : statement.start()])[-1]
    would = re.search(r"\bwould\b", statement[0], re.IGNORECASE) is not None
    return _BY_OTHERS.search(before) is not None or (would and _OTHERWISE.search(before) is not None)


def _boxed_text(text: str, options: _Options) -> Extraction | None:
    said = [_norm(match[1]) for match in re.finditer(r"⟨([^⟨⟩]*)⟩", text)]
    if not said or said[-1] not in options.letter_of:
        return None
    return Extraction(answer=options.letter_of[said[-1]], how="option text in the last box")


def _line(text: str, options: _Options) -> Extraction | None:
    lines = [line for line in text.splitlines() if line.strip()]
    read = {index: _letter_of_line(lines[index], options) for index in {0, 1, -1, -2} if -len(lines) <= index < len(lines)}
    first, last = read[0], read[-1]
    if (first or last) is None:
        return None
    neighbours = {read.get(1) if first else None, read.get(-2) if last else None, first, last} - {None}
    if len(neighbours) > 1:
        return Extraction(how=f"several letters: {', '.join(sorted(filter(None, neighbours)))}", ambiguous=True)
    return Extraction(answer=last or first, how="last line" if last else "first line")


def _letter_of_line(line: str, options: _Options) -> str | None:
    only = _ONLY_LETTER.fullmatch(line)
    if only is not None:
        return only[1].upper() if only[1].upper() in options.valid else None
    lettered = _LETTERED.fullmatch(line)
    if lettered is None or lettered[1] not in options.own:
        return None
    own, said = options.own[lettered[1]], _norm(lettered[2])
    # a candidate that copies an option may mend its spelling
    return lettered[1] if SequenceMatcher(None, own, said[:1000], autojunk=False).ratio() > 0.9 else None


def _said_backwards(text: str, options: _Options) -> Extraction | None:
    said = {
        match["letter"]
        for match in _BACKWARDS.finditer(text)
        if match["letter"] in options.valid
        and not _is_denied(text, match.start("letter"))
        and (match["named"] or not match["bare"] or text[match.start("letter") - 1] in "([")  # "A is right": who knows what A is
    }
    if len(said) > 1:
        return Extraction(how=f"several letters: {', '.join(sorted(said))}", ambiguous=True)
    return Extraction(answer=said.pop(), how="said to be the answer") if said else None


def _closing(text: str, options: _Options) -> Extraction | None:
    said = _CLOSING.search(text[-100:])
    if said is None or not said["letter"].isupper() or said["letter"] not in options.valid:
        return None
    return Extraction(answer=said["letter"], how="the text closes with it")


def _option_text(text: str, options: _Options) -> Extraction | None:
    paragraph = [block for block in re.split(r"\n\s*\n", text) if block.strip()][-1]
    plain = _norm(paragraph)
    spans: dict[str, tuple[int, int]] = {}
    for option, letter in options.letter_of.items():
        if option != plain and not re.search(r"[^\W\d]{4}", option):
            continue  # a number, a formula or "yes" is said for many reasons
        at = list(re.finditer(rf"(?<!\w){re.escape(option)}(?!\w)", plain))
        if any(_is_passed_over(plain, *m.span()) for m in at):
            return None
        if at:
            spans[letter] = at[-1].span()
    outer = {a for a, (s, e) in spans.items() if not any(b != a and t <= s and e <= u for b, (t, u) in spans.items())}
    if len(outer) != 1:
        return None
    return Extraction(answer=outer.pop(), how=OPTION_TEXT)


def _is_passed_over(text: str, start: int, end: int) -> bool:
    before = _SENTENCE.split(text[max(0, start - 100) : start])[-1]
    return bool(_DENIED.search(before) or _PASSED_OVER.search(before) or _DENIED_AFTER.match(text[end:]))


def _plain(text: str) -> str:
    """Without bold, math delimiters and text commands; a box becomes ⟨content⟩."""
    text = seen(text).translate(_WIDE)
    text = _ANSWER_TAG.sub(r"\nAnswer: \1\n", text.replace("⟨", "(").replace("⟩", ")"))
    for box in reversed(boxes(text)):
        text = f"{text[: box.start]}⟨{box.content}⟩{text[box.end :]}"
    for _ in range(3):
        text = _STYLE.sub(r"\1", text)
    return _MARKUP.sub("", text)


def _norm(text: str) -> str:
    """For comparing option texts: plain, one case, no braces or blanks that do not count, no full stop at the end."""
    bare = re.sub(r"[⟨⟩{}\\]", "", _plain(text))
    return re.sub(r"\s+", " ", bare).strip(" .\n\t\"'").casefold()
