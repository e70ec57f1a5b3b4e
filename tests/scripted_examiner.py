"""A judge for tests that answers any form of ours for or against the candidate, and never reads what it is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scripted_judge import exhibits, outside
from tripos.core.records import Completion, GenerationParams, Message
from tripos.scoring.judge import Judge

_NUMBERED = re.compile(r"^(\w+) (\d+): (<yes or no>|<a number from 0 to 1>|A = <mark>, B = <mark>|A = <mark>)$", re.MULTILINE)
_LINES = {"<yes or no>": ("yes", "no"), "<a number from 0 to 1>": ("1", "0"), "A = <mark>": ("A = 10", "A = 0")}
_LINES["A = <mark>, B = <mark>"] = ("A = 10, B = 0", "A = 0, B = 10")
_ITEMS = re.compile(r"exactly (\d+) lines")


def reply_for(prompt: str, candidate: str, *, favours: bool) -> str:
    """What a judge says that was told how to say it by `prompt`.

    Args:
        candidate: words that only the candidate's exhibit has; they tell A from B where two responses are compared.
    """
    asked = outside(prompt)
    if "[[A>>B]]" in asked:
        is_first = candidate in exhibits(prompt)["RESPONSE A"]
        return "[[A>>B]]" if is_first is favours else "[[B>>A]]"
    numbered = _NUMBERED.findall(asked)
    if numbered:
        (name, _, shape), count = numbered[-1], int(numbered[-1][1])
        said = _LINES[shape][0 if favours else 1]
        return "\n".join(f"{name} {number}: {said}" for number in range(1, count + 1))
    if "faults: <number>" in asked:
        return f"faults: {0 if favours else 99}"
    if "grade: <CORRECT" in asked:
        return f"reasoning: compared\ngrade: {'CORRECT' if favours else 'INCORRECT'}"
    if "VERDICT: NONE" in asked:
        return "VERDICT: NONE"  # reading a letter: there is none
    assert "correct: <yes or no>" in asked, asked[-600:]
    sure = "confidence: None\n" if "confidence: <" in asked else ""
    return f"extracted_final_answer: None\nreasoning: compared\n{sure}correct: {'yes' if favours else 'no'}"


def examiner(candidate: str, *, favours: bool, quotes: bool = False, prompts: list[str] | None = None) -> Judge:
    """A judge for or against the candidate; one that `quotes` repeats everything it was shown before it speaks."""

    async def ask(messages: Sequence[Message], params: GenerationParams) -> Completion:
        (message,) = messages
        assert isinstance(message.content, str)
        if prompts is not None:
            prompts.append(message.content)
        said = reply_for(message.content, candidate, favours=favours)
        if quotes:
            said = "\n\n".join([*exhibits(message.content).values(), said])
        return Completion(text=said, finish_reason="stop")

    return Judge(ask=ask, model="scripted", params=GenerationParams())
