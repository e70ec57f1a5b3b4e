"""How the evaluation of one kernel ended, and what that counts as."""

from __future__ import annotations

from typing import Literal

from tripos.core.errors import ConfigError, unknown

Status = Literal["pass", "fail", "error"]

OUTCOMES = {
    "ok": "correct; where it was timed, the time is known well enough to rank",
    "noisy": "correct, but the time could not be pinned down; never counts as faster",
    "not_generated": "there is no code to evaluate",
    "static_reject": "refused before it ran",
    "load_error": "the module could not be loaded, or defines no usable ModelNew",
    "build_error": "ModelNew could not be built or compiled",
    "wrong_structure": "outputs of another number, shape, type or device",
    "wrong_value": "outputs outside the tolerance",
    "input_mutated": "the inputs were changed where the reference leaves them alone",
    "nondeterministic": "equal inputs gave different outputs",
    "timeout": "a phase took longer than its limit",
    "oom": "memory ran out",
    "crashed": "the process died",
    "cheat_suspected": "it did something that only serves to deceive the judge",
    "case_error": "the case itself is broken: nobody's kernel was judged",
    "infrastructure_failed": "our machinery failed: the kernel was not judged",
}
"""Every outcome with its meaning, from best to worst."""

PASSING = frozenset({"ok", "noisy"})
FAILING = frozenset({"wrong_structure", "wrong_value", "input_mutated", "nondeterministic"})
OURS = frozenset({"case_error", "infrastructure_failed"})
"""Endings the submitter is not responsible for: not measured rather than wrong."""


def status_of(outcome: str) -> Status:
    """`pass` where the answer was right, `fail` where it was wrong, `error` where there was none to judge.

    Raises:
        ConfigError: no such outcome.
    """
    if outcome not in OUTCOMES:
        raise ConfigError(unknown("kernel outcome", outcome, OUTCOMES))
    return "pass" if outcome in PASSING else "fail" if outcome in FAILING else "error"
