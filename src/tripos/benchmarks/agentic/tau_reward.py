"""The reward of tau2-bench: the product of the parts that a task names, each 1 or 0.

    DB              the databases end as after the reference calls
    ENV_ASSERTION   assertions about the end state hold
    ACTION          every reference call was made
    COMMUNICATE     every listed text stands in something that the agent said
    NL_ASSERTION    a judge finds every listed sentence true

The first two are the environment's to say: a recorded trajectory may hold its word, as a turn
`{"role": "environment", "db": true, "env_assertion": false}`. Without it they count as met only if the calls that change something are, one
by one, those of the reference: from one state the same changes lead to the same state, so this is never too kind, and it is
unkind to another way to the same end (`state_by` in the details says which of the two it was).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tripos.benchmarks.agentic.tau_tools import changes
from tripos.benchmarks.agentic.trajectory import Call, Trajectory, trajectory
from tripos.core.identity import canonical
from tripos.core.records import JSON, JudgeAudit, Sample, Verdict
from tripos.scoring.judge import Exhibit, brief
from tripos.scoring.judged import judge_of, replies
from tripos.scoring.numbered import per_item
from tripos.scoring.scorer import Answer, Instruments, scorer
from tripos.scoring.structured import graded, unreadable

PARTS = ("DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", "NL_ASSERTION")
DEFAULT_BASIS = ("DB", "COMMUNICATE")
_STATE = {"DB": "db", "ENV_ASSERTION": "env_assertion"}

EXAMINE = """You are an examiner. Laid before you are statements about a conversation between a customer and a service agent, and its
record. Say for each statement whether the record shows that it is true.

- Only the record counts: what the agent did and said, not what it should have done.
- A statement that something should not happen is true if it did not happen."""


@scorer("tau_reward")
@dataclass(frozen=True)
class TauReward:
    """The reward; value is 1 or 0, `is_correct` a reward of 1. Metrics: every part that the task names, and `actions_made`, `told`: shares.

    A conversation that a limit ended has the reward 0, as officially. A single reply has, in addition, to make every reference call.

    Args:
        judged: some task names NL_ASSERTION, so there must be a judge.
    """

    judged: bool = True

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    @property
    def needs(self) -> frozenset[str]:
        """A judge, where a task has assertions in words."""
        return frozenset({"judge"}) if self.judged else frozenset()

    async def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The verdict. The judge is asked only where all other parts are met.

        Raises:
            JudgeError: the judge could not be asked or read.
        """
        path, want = trajectory(answer.completion, answer.text), sample.reference
        if path.fault or not (path.calls or path.said):
            return unreadable(answer, path.fault or "neither a call nor a word", _nothing(want))
        made = [any(matches(action, call) for call in path.calls) for action in want["actions"]]
        told = [is_told(text, path) for text in want["communicate"]]
        parts = {part: _part(part, path, want, made, told) for part in want["basis"] if part != "NL_ASSERTION"}
        met = all(parts.values()) and answer.completion.finish_reason != "limit"
        met = met and (path.recorded or (bool(made) and all(made)))
        audits: tuple[JudgeAudit, ...] = ()
        details: dict[str, JSON] = {"trajectory": path.recorded, "state_by": "environment" if path.notes else "calls"}
        if "NL_ASSERTION" in want["basis"] and not want["assertions"]:
            parts["NL_ASSERTION"] = True
        elif met and "NL_ASSERTION" in want["basis"]:
            said, audits, shown = await self._asserted(sample, path, instruments)
            parts["NL_ASSERTION"] = met = all(said)
            details |= {"assertions": dict(zip(want["assertions"], said, strict=False)), **shown}
        metrics: dict[str, float | None] = {part.lower(): float(value) for part, value in parts.items()}
        metrics |= {"actions_made": _share(made), "told": _share(told), "calls": float(len(path.calls))}
        details["missing_calls"] = [action["name"] for action, was in zip(want["actions"], made, strict=True) if not was]
        verdict = graded(answer, float(met), met, metrics=metrics, details=details)
        return msgspec.structs.replace(verdict, audits=audits)

    async def _asserted(
        self, sample: Sample, path: Trajectory, instruments: Instruments
    ) -> tuple[list[bool], tuple[JudgeAudit, ...], dict[str, JSON]]:
        assertions = sample.reference["assertions"]
        form = per_item("statement", len(assertions), "yes-no")
        listed = "\n".join(f"Statement {number}: {text}" for number, text in enumerate(assertions, 1))
        put = brief(EXAMINE, (Exhibit("STATEMENTS", listed), Exhibit("RECORD", record(path))), form.instruction, salt=sample.record_id)
        audits = await replies(judge_of(instruments, self.name), put, form)
        return [value == 1.0 for value in form.read(audits) or ()], audits, put.details


def _nothing(want: Mapping[str, Any]) -> dict[str, float | None]:
    shares = {"actions_made": want["actions"], "told": want["communicate"]}
    return {part.lower(): 0.0 for part in want["basis"]} | {name: 0.0 if asked else None for name, asked in shares.items()}


def _part(part: str, path: Trajectory, want: Mapping[str, Any], made: Sequence[bool], told: Sequence[bool]) -> bool:
    if part in _STATE:
        said = [note[_STATE[part]] for note in path.notes if isinstance(note.get(_STATE[part]), bool)]
        return said[-1] if said else same_changes(want["actions"], path)
    return all(made) if part == "ACTION" else all(told)


def _share(items: Sequence[bool]) -> float | None:
    return sum(items) / len(items) if items else None


def matches(action: Mapping[str, Any], call: Call) -> bool:
    """Whether a call is a reference call: the same name and arguments, or those of `compare_args` where the task lists some.

    The original compares only the arguments that the call has, so that a call without any is every call of its name; here all count.
    """
    if action["name"] != call.name:
        return False
    wanted, given = action["arguments"], call.arguments
    names = {*wanted, *given} if action["compare_args"] is None else set(action["compare_args"])
    return _plain(_those(wanted, names)) == _plain(_those(given, names))


def _those(arguments: Mapping[str, JSON], names: Set[str]) -> JSON:
    return {name: value for name, value in arguments.items() if name in names}


def same_changes(actions: Sequence[Mapping[str, Any]], path: Trajectory) -> bool:
    """Whether the calls that can change something, failed ones left out, are those of the reference in the same order."""
    wanted = [(action["by"], action["name"], _plain(action["arguments"])) for action in actions if changes(action["name"])]
    done = [(call.by, call.name, _plain(call.arguments)) for call in path.calls if changes(call.name) and not call.failed]
    return wanted == done


def _plain(value: JSON) -> bytes:
    """Canonical JSON; arguments that are JSON in a string are read, as the original does."""
    try:
        return canonical(_opened(value))
    except ValueError:  # half a surrogate pair: equals nothing that a task wants
        return repr(value).encode(errors="replace")


def _opened(value: JSON) -> JSON:
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return _opened(json.loads(value))
        except (ValueError, RecursionError):
            return value
    if isinstance(value, dict):
        return {key: _opened(inner) for key, inner in value.items()}
    return [_opened(inner) for inner in value] if isinstance(value, list) else value


def is_told(text: str, path: Trajectory) -> bool:
    """Whether the agent said the text: in any case, commas of what it said taken out, as the original does."""
    return any(text.lower() in said.lower().replace(",", "") for _, said in path.said)


def record(path: Trajectory) -> str:
    """The conversation as the judge reads it: what the agent said and did, in order."""
    lines = [(turn, 0, f"Agent: {text}") for turn, text in path.said]
    for call in path.calls:
        who = "Customer's device" if call.by == "user" else "Agent's tool call"
        lines.append((call.turn, 1, f"{who}: {call.name} {json.dumps(dict(call.arguments), ensure_ascii=False)[:1000]}"))
        if call.result is not None:
            lines.append((call.turn, 1, f"Result: {call.result[:1000]}"))
    return "\n".join(text for _, _, text in sorted(lines, key=lambda line: line[:2]))
