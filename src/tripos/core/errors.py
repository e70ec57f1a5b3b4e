"""What can go wrong, named by the boundary that was crossed.

    TriposError                 a person can act on the message; never shown as a traceback
    ├── ConfigError             a flag, a TOML key, a file name
    ├── DatasetError            rows that cannot be had or do not have the expected shape
    ├── EngineError             a model endpoint; says whether asking again can help
    ├── JudgeError              no verdict could be had: the sample stays unscored
    ├── ScorerError             our own grading failed: the sample stays unscored
    ├── SandboxError            no safe place to run model-written code
    ├── BudgetExhausted         a limit of cost or tokens that the user set was reached
    └── StoreError              the event store cannot be read or written

A sample that fails is data (an `Outcome`), not a crash; these errors end a sample or a command, never the record.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Literal

ErrorKind = Literal[
    "rate_limited",  # 429: slow down
    "server_error",  # 5xx
    "connection",  # refused, reset, DNS
    "timeout",  # longer than the limit of one request
    "stalled",  # connected, but no byte for a while
    "malformed",  # 200 with a body we cannot read
    "bad_request",  # 4xx: asking again cannot help
    "auth",  # 401, 403
    "not_found",  # 404: wrong URL or model
    "context_length",  # the prompt does not fit the model
    "tool",  # a tool of an agent, or its sandbox, broke
]


class TriposError(Exception):
    """Base of all errors whose message is written for the user. `exit_code` is what the command line returns."""

    exit_code = 2


class ConfigError(TriposError):
    """Bad input: names the file, key or flag, the offending value and the nearest valid one."""


class DatasetError(TriposError):
    """Rows are missing, unreadable, gated or of another shape; the message says what to do."""


class SandboxError(TriposError):
    """No sandbox is available, or it broke before the code ran (not: the code inside failed)."""


class StoreError(TriposError):
    """The event store is locked, corrupt, of a newer version or on a full disk."""


class BudgetExhausted(TriposError):
    """`--max-cost` or `--max-tokens-total` was reached; what was done is kept."""

    exit_code = 1


class ScorerError(TriposError):
    """Grading failed for a reason that is not the candidate's: outcome `judge_failed`, never 'wrong'."""


class JudgeError(ScorerError):
    """The judge could not be asked or its verdict could not be read. `audits` keeps what was said and paid."""

    def __init__(self, message: str, audits: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.audits = audits


class EngineError(TriposError):
    """A request to a model failed.

    Args:
        kind: the boundary that failed, see `ErrorKind`.
        retryable: whether the same request may succeed later.
        status: HTTP status, if one was received.
        retry_after_seconds: what the server asked for, if it did.

    Attributes:
        tries: the requests that failed, this one the last, as in `Completion.retries`. Empty where nobody keeps count of them.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind,
        retryable: bool = False,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.tries: tuple[dict[str, Any], ...] = ()


def nearest(value: str, options: Iterable[str]) -> str | None:
    """The option most like `value`, or None if none is close."""
    known = sorted(set(options))
    exact = {o.lower(): o for o in known}.get(value.lower())
    if exact:
        return exact
    close = difflib.get_close_matches(value.lower(), [o.lower() for o in known], n=1, cutoff=0.5)
    return {o.lower(): o for o in known}[close[0]] if close else None


def unknown(what: str, value: str, options: Iterable[str]) -> str:
    """One sentence for a name that does not exist: the nearest valid one, or the whole list when it is short."""
    known = sorted(set(options))
    guess = nearest(value, known)
    if guess is not None:
        return f"unknown {what} {value!r}; did you mean {guess!r}?"
    listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
    return f"unknown {what} {value!r}; choose one of: {listed or '(there are none)'}"
