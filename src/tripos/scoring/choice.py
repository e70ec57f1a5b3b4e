"""Multiple choice: the prompt and the verdict. The letter is read out of free text by `choice_letter`."""

from __future__ import annotations

import re
import string
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec

from tripos.core.errors import JudgeError, ScorerError
from tripos.core.records import JSON, Extraction, JudgeAudit, Outcome, Sample, Verdict
from tripos.scoring.choice_letter import OPTION_TEXT, ChoiceLetter, letters, valid_letters
from tripos.scoring.judge import Exhibit, Judge, blank, brief
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.verdicts import Form

__all__ = ["ChoiceLetter", "ChoiceMatch", "JudgeUse", "letters", "multiple_choice_prompt", "read_letter", "valid_letters"]

JudgeUse = Literal["never", "fallback", "always"]

_VERDICT = re.compile(r"[*\s]*verdict\s*:\s*\**\s*\(?(none|[a-z])\)?\s*\.?[*\s]*", re.IGNORECASE)


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
