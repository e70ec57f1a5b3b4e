r"""Multiple choice: the prompt, the letter read out of free text, and the verdict.

`ChoiceLetter` is deterministic and prefers "no letter" to a guess. What it accepts, in this order:

1. the last *declaration*: a box with a letter in it (`\boxed{\text{C}}`) or a statement ("the answer is **(C)**",
   "Answer: C."), whichever comes later; statements that are negated, asked or supposed do not count;
   a statement may name the full text of one option instead of its letter;
2. a last box that holds the full text of exactly one option;
3. a first or last line that is nothing but a letter, or a letter with its own option's text;
4. the one letter of which a sentence says that it is the answer ("Option C is correct.", "(C) is the right choice");
5. the full text of exactly one option in the last paragraph.

Several letters ("A and C", every option declared in turn, two declarations side by side that disagree) are ambiguous, as
is no letter at all: there a judge may decide, and without a judge the answer counts as wrong.
"""

from __future__ import annotations

import re
import string
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import ClassVar, Literal

import msgspec

from tripos.core.errors import JudgeError, ScorerError
from tripos.core.records import JSON, Extraction, JudgeAudit, Outcome, Sample, Verdict
from tripos.scoring.judge import Exhibit, Judge, blank, brief
from tripos.scoring.math import boxes
from tripos.scoring.scorer import Answer, Instruments, scorer, transform
from tripos.scoring.verdicts import Form

JudgeUse = Literal["never", "fallback", "always"]
_LINE = 500  # characters of a statement that are looked at
OPTION_TEXT = "option text in the last paragraph"

_STYLE = re.compile(r"\\(?:text|textbf|textrm|textit|mathrm|mathbf|mathit|bf|rm)\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"[*`$#]|__|\\[()\[\]]|\\(?:left|right)(?![a-zA-Z])")
_STATEMENT = re.compile(
    r"""(?:\b(?:final|correct|best|right|my)\s+)?
        (?:\banswer(?:\s+(?:choice|option|letter))?|(?<=correct\s)(?:option|choice)|(?<=best\s)(?:option|choice)|(?<=right\s)(?:option|choice)
          |(?<=final\s)choice|(?<=my\s)choice)
        (?:\s+(?:to|for)\s+(?:this|the)(?:\s+\w+){1,2})?
        \s*(?:(?::|=|→|-+>|[–—]|-(?=\s)|\b(?:is|would\s+be|should\s+be|must\s+be|will\s+be)\b)\s*)+
        (?:(?:therefore|thus|hence|then|clearly|indeed|definitely|most\s+likely|likely|probably)\b,?\s*)?
        (?:(?:the\s+)?(?:option|choice|letter)\b\s*:?\s*)?(?P<several>(?:both|either)\s+)?""",
    re.IGNORECASE | re.VERBOSE,
)
_FORMAL = re.compile(r"^[\W_]*(?:the\s+)?(?:final\s+|correct\s+|best\s+|my\s+)?answer\s*(?:is\s*)?:", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|if|whether|suppose|supposing|assuming|doubt|unless|incorrect|wrong)\b|n['’]t\b", re.IGNORECASE)
_DENIED_AFTER = re.compile(r"\W*(?:is|are|was|were|would be|seems)?\s*(?:not|n['’]t|wrong|incorrect|false|ruled out)\b", re.IGNORECASE)
_LETTER = re.compile(r"[\s\"'“‘]*(?P<open>[(\[⟨<]*)\s*(?P<letter>[A-Za-z])(?!\w|['’]\w|-\w|\+)(?:\s*(?P<close>[)\]⟩>]+))?")
_ANOTHER = re.compile(
    r"[\s,;/&|]*(?:\b(?:and|or|und)\b)?[\s,;/&|]*[(\[⟨]?(?P<letter>[A-Z])[)\]⟩]?(?=\s*(?:[.,;:!?/&|)\]]|$|and\b|or\b|[A-Z]\b))"
)
_ENDS = re.compile(
    r"\s*(?:$|[,;:!)\]\"'”’]|[—–]|-\s|\.(?!\s*[a-z])|\n|\s\("
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
_ANSWER_TAG = re.compile(r"<answer>\s*([^<>]{1,200}?)\s*</answer>", re.IGNORECASE)
_VERDICT = re.compile(r"[*\s]*verdict\s*:\s*\**\s*\(?(none|[a-z])\)?\s*\.?[*\s]*", re.IGNORECASE)


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


def multiple_choice_prompt(sample: Sample) -> str:
    """Question, lettered options, and the request to reason and then to close with a line `Answer: X`."""
    options = "\n".join(
        f"{letter}. {text}" for letter, text in zip(letters(len(sample.choices)), sample.choices, strict=True) if text.strip()
    )
    return (
        f"{sample.question}\n\n{options}\n\n"
        "Think it through step by step. Then end with one last line of exactly this form, X being the letter of your choice:\n"
        "Answer: X"
    )


@transform("choice_letter")
@dataclass(frozen=True)
class ChoiceLetter:
    """Reads the letter that a candidate settled on; see the module for the rules.

    Attributes:
        stop: text from its first occurrence on is not the candidate's answer any more (few-shot prompts make base models
            run on into a next question); None reads everything.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    stop: str | None = None

    def __call__(self, sample: Sample, text: str) -> Extraction:
        if self.stop is not None:
            text = text.partition(self.stop)[0]
        text = _plain(text)
        if not text.strip():
            return Extraction(how="nothing to read", ambiguous=False)
        options = _Options(sample)
        for rule in (_declared, _boxed_text, _line, _said_backwards, _option_text):
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


def _declared(text: str, options: _Options) -> Extraction | None:
    found = sorted([*_boxed(text, options), *_stated(text, options)], key=lambda d: (d.end, d.start))
    if not found:
        return None
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
        content = match[1].strip()
        letter, how = (None, "") if len(content) > 1 and _norm(content) in options.letter_of else _read(content, options)
        if letter is not None or how.startswith("several"):
            yield _Declaration(match.start(), match.end(), letter, "last box" if letter else how)


def _stated(text: str, options: _Options) -> Iterator[_Declaration]:
    for match in _STATEMENT.finditer(text):
        start = _blank_end(text, match.end())
        line = text[start : start + _LINE].partition("\n")[0]
        head = text[max(0, match.start() - 40) : match.end()].rpartition("\n")
        formal = (bool(head[1]) or match.start() <= 40) and _FORMAL.match(head[2]) is not None
        if _is_denied(text, match.start()):
            continue
        letter, how = _read(line, options)
        if match["several"]:
            letter, how = options.letter_of.get(_norm(match["several"] + line)), "several letters"
        if letter is None and not formal and not how.startswith("several"):
            continue  # prose: "the answer is the one that …"
        token = _LETTER.match(line)
        end = start + (token.end() if token is not None else len(line))
        yield _Declaration(match.start(), end, letter, "last statement" if letter else how)


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
    if token is None:
        return None, "declared something that is not a letter"
    letter, after = token["letter"].upper(), content[token.end() :]
    bracketed = bool(token["open"] and token["close"])
    if re.match(r"\s*\?", after):
        return None, "asked, not declared"
    another = _ANOTHER.match(after)
    if another is not None and another["letter"] in options.valid and another["letter"] != letter:
        return None, f"several letters: {letter} and {another['letter']}"
    if token["letter"].islower() and not bracketed and after.strip(" .!\"'”’"):
        return None, "declared something that is not a letter"
    if not bracketed and not _ENDS.match(after) and not _norm(after).startswith(options.own.get(letter, "\0")):
        return None, "declared something that is not a letter"
    if letter not in options.valid:
        return None, f"declared {letter}, which is not an option"
    return letter, ""


_CLAUSE = re.compile(r"[.,;:!?\n]|\b(?:so|therefore|thus|hence|but|then)\b")
_SENTENCE = re.compile(r"[.!?\n]")


def _is_denied(text: str, position: int, unit: re.Pattern[str] = _CLAUSE) -> bool:
    """Whether the clause (or sentence) before `position` negates or merely supposes what follows."""
    clause = unit.split(text[max(0, position - 100) : position])[-1]
    return _DENIED.search(clause) is not None


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
        and (match["named"] or not match["bare"])  # "A is right": who knows what A is
    }
    if len(said) > 1:
        return Extraction(how=f"several letters: {', '.join(sorted(said))}", ambiguous=True)
    return Extraction(answer=said.pop(), how="said to be the answer") if said else None


def _option_text(text: str, options: _Options) -> Extraction | None:
    paragraph = [block for block in re.split(r"\n\s*\n", text) if block.strip()][-1]
    plain = _norm(paragraph)
    spans: dict[str, tuple[int, int]] = {}
    for option, letter in options.letter_of.items():
        if option != plain and not re.search(r"[^\W\d]{4}", option):
            continue  # a number, a formula or "yes" is said for many reasons
        at = list(re.finditer(rf"(?<!\w){re.escape(option)}(?!\w)", plain))
        if any(_is_denied(plain, m.start(), _SENTENCE) or _DENIED_AFTER.match(plain[m.end() :]) for m in at):
            return None
        if at:
            spans[letter] = at[-1].span()
    outer = {a for a, (s, e) in spans.items() if not any(b != a and t <= s and e <= u for b, (t, u) in spans.items())}
    if len(outer) != 1:
        return None
    return Extraction(answer=outer.pop(), how=OPTION_TEXT)


def _plain(text: str) -> str:
    """Without bold, math delimiters and text commands; a box becomes ⟨content⟩."""
    text = _ANSWER_TAG.sub(r"\nAnswer: \1\n", text.replace("⟨", "(").replace("⟩", ")").replace("：", ":"))
    for box in reversed(boxes(text)):
        text = f"{text[: box.start]}⟨{box.content}⟩{text[box.end :]}"
    for _ in range(3):
        text = _STYLE.sub(r"\1", text)
    return _MARKUP.sub("", text)


def _norm(text: str) -> str:
    """For comparing option texts: plain, one case, no braces or blanks that do not count, no full stop at the end."""
    bare = re.sub(r"[⟨⟩{}\\]", "", _plain(text))
    return re.sub(r"\s+", " ", bare).strip(" .\n\t\"'").casefold()


@scorer("choice_match")
@dataclass(frozen=True)
class ChoiceMatch:
    """is_correct = letter == reference letter.

    Attributes:
        judge: when a judge reads the letter: "never"; "fallback", only where `ChoiceLetter` found no single letter and a
            judge is there (without one such an answer is `wrong_format` and counts as wrong); "always", as SuperGPQA's rule
            in the seed has it. A judge only reads the letter; it never sees the reference.
    """

    name: ClassVar[str] = "choice_match"
    version: ClassVar[str] = "1"
    judge: JudgeUse = "fallback"

    @property
    def needs(self) -> frozenset[str]:
        return {"never": frozenset[str](), "fallback": frozenset({"judge?"}), "always": frozenset({"judge"})}[self.judge]

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict | Awaitable[Verdict]:
        valid, finish_reason = valid_letters(sample), answer.completion.finish_reason
        details = {"valid_letters": valid, "how": answer.extraction.how}
        if str(sample.reference) not in tuple(valid):
            details["reference_letter"] = str(sample.reference)
            return Verdict(value=None, is_correct=None, outcome=Outcome.SAMPLE_INVALID, details=details)
        if blank(answer.text):
            verdict = _verdict(sample.reference, None, finish_reason, {**details, "how": "empty answer"})
            return verdict if finish_reason == "length" else msgspec.structs.replace(verdict, outcome=Outcome.REFUSED)
        read = answer.extraction
        if finish_reason == "length" and read.how == OPTION_TEXT:
            read = Extraction(how=f"{OPTION_TEXT}, but the answer was cut off", ambiguous=True)
        if self.judge == "always" or (self.judge == "fallback" and read.ambiguous and instruments.judge is not None):
            if instruments.judge is None:
                raise JudgeError("choice_match with judge='always' needs a judge, and this run has none")
            return self._ask(sample, answer, instruments.judge)
        return _verdict(sample.reference, read.answer, finish_reason, {**details, "how": read.how})

    async def _ask(self, sample: Sample, answer: Answer, judge: Judge) -> Verdict:
        valid = valid_letters(sample)
        exhibits = [Exhibit("PROBLEM", multiple_choice_prompt(sample), 100_000), Exhibit("RESPONSE", answer.text)]
        put = brief(_TASK, exhibits, LETTER.instruction, salt=sample.record_id)
        _, audits = await judge.rule(put.prompt, lambda reply: read_letter(reply, valid), reminder=LETTER.reminder)
        verdict = self.reread(sample.reference, audits, finish_reason=answer.completion.finish_reason)
        if verdict is None:
            raise ScorerError("a judge's reply that could be read once cannot be read again")  # one parser: cannot differ
        return msgspec.structs.replace(verdict, details={**verdict.details, "valid_letters": valid, **put.details})

    def reread(self, reference: JSON, audits: Sequence[JudgeAudit], *, finish_reason: str | None = None) -> Verdict | None:
        """The verdict of the judge's replies, None if none can be read."""
        said = LETTER.read(audits[-1:])  # earlier replies named no letter of this problem
        if said is None:
            return None
        return _verdict(reference, None if said == "NONE" else said, finish_reason, {"how": "judge"}, tuple(audits))


def read_letter(reply: str, valid: str = string.ascii_uppercase) -> str | None:
    """The letter or "NONE" on the last line of a judge's reply; None where that line is not a verdict."""
    lines = [line for line in reply.splitlines() if line.strip()]
    match = _VERDICT.fullmatch(lines[-1]) if lines else None
    if match is None:
        return None
    said = match[1].upper()
    return said if said == "NONE" or said in valid else None


_TASK = """You are an examiner. Read which option of a multiple-choice problem a response settled on as its final answer.

- Report what the response says, not what would be right: do not solve the problem yourself.
- If the response declines, settles on no option, or names several, the letter is NONE."""

LETTER: Form[str] = Form(
    name="letter",
    instruction="Reply with one last line of exactly this form, with a letter or NONE after the colon:\nVERDICT: NONE",
    reminder="Your last reply could not be read. Its last line must be `VERDICT: ` and one letter of the problem, or NONE.",
    parse=read_letter,
    examples=(("VERDICT: C", "C"), ("The response closes with (b).\n\n**VERDICT: B**", "B"), ("VERDICT: NONE", "NONE")),
)


def _verdict(
    reference: JSON, letter: str | None, finish_reason: str | None, details: dict[str, JSON], audits: tuple[JudgeAudit, ...] = ()
) -> Verdict:
    is_correct = letter is not None and letter == reference
    outcome = Outcome.SCORED if letter is not None else Outcome.WRONG_FORMAT
    if not is_correct and finish_reason == "length":
        outcome = Outcome.TRUNCATED
    return Verdict(
        value=float(is_correct),
        is_correct=is_correct,
        outcome=outcome,
        metrics={"answer_found": float(letter is not None)},
        details={"reference_letter": reference, "candidate_letter": letter, **details},
        audits=audits,
    )
