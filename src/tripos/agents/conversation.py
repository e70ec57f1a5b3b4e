"""One sample's exchange between a model, its tools and an agent: the messages, the limits, the record.

An agent only decides what to say next. Asking, calling tools, limits and sums are here, once, so that every agent is
bounded and recorded in the same way. A conversation belongs to one sample alone.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from tripos.agents.toolbox import Result, Toolbox
from tripos.agents.workspace import Workspace
from tripos.core.errors import EngineError
from tripos.core.records import Completion, GenerationParams, Message, ToolCall, Usage
from tripos.engines.endpoint import Endpoint

_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one sample; None means unlimited.

    Attributes:
        turns: requests to the model.
        tokens: prompt and completion tokens of all turns together.
        seconds: time of the model and of the tools. Waiting after a request that failed does not count.
    """

    turns: int = 10
    tokens: int | None = None
    seconds: float | None = None


class LimitReached(Exception):
    """A limit ended the conversation before there was an answer."""


class Conversation:
    """See the module.

    Args:
        messages: the rendered prompt of the sample, with what the agent says beforehand.
        context: for the engines `simulated` and `replay` only.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        params: GenerationParams,
        messages: Sequence[Message],
        toolbox: Toolbox,
        workspace: Workspace | None = None,
        limits: Limits = Limits(),
        context: dict[str, Any] | None = None,
    ) -> None:
        self.endpoint, self.params, self.context = endpoint, params, context
        self.toolbox, self.workspace, self.limits = toolbox, workspace, limits
        self.messages = list(messages)
        self.replies: list[Completion] = []
        self.turns: list[dict[str, Any]] = []
        self._spent_seconds = 0.0

    async def ask(self, *, tools: bool = False, stop: tuple[str, ...] = ()) -> Completion:
        """One turn of the model, added to the messages. Tool calls come back with ids of their own.

        Raises:
            LimitReached: no turn, token or second is left.
            EngineError: no answer could be had.
        """
        self._check()
        params = msgspec.structs.replace(self.params, stop=(*self.params.stop, *stop)) if stop else self.params
        began_at, began, failures = time.time(), time.perf_counter(), self.endpoint.counters.errors.total()
        clock = asyncio.timeout(self._left())
        try:
            async with clock:
                reply = await self.endpoint.generate(
                    self.messages, params, tools=self.toolbox.schemas if tools else (), context=self.context
                )
        except TimeoutError:
            if not clock.expired():
                raise
            self._give_up(began_at, self.endpoint.counters.errors.total() - failures)
        except EngineError as error:
            if error.kind == "context_length" and self.replies:
                raise LimitReached("the conversation no longer fits the model") from error
            raise
        self._spent_seconds += time.perf_counter() - began if reply.latency_seconds is None else reply.latency_seconds
        return self._take(reply, began_at)

    async def call(self, calls: Sequence[ToolCall]) -> list[str]:
        """Calls tools, those of one turn at the same time, and returns what they gave in the order of the calls.

        Raises:
            LimitReached: no turn is left in which the model could read the results, or the time is up.
            EngineError: a tool broke, which is not the model's fault.
        """
        if len(self.replies) >= self.limits.turns:
            raise LimitReached(f"{self.limits.turns} turns")
        records = [_asked(call) for call in calls]
        self.turns[-1]["tool_calls"] = records
        began = time.perf_counter()
        clock = asyncio.timeout(self._left())
        try:
            async with clock:
                results = await asyncio.gather(*(self._one(record) for record in records), return_exceptions=True)
        except TimeoutError:
            raise LimitReached(f"{self.limits.seconds:g} s, while a tool ran") from None
        self._spent_seconds += time.perf_counter() - began
        texts = []
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, BaseException):
                raise EngineError(f"the tool {call.name} broke: {type(result).__name__}: {result}", kind="tool") from result
            texts.append(result.text)
        return texts

    def say(self, message: Message) -> None:
        """Adds a message for the next turn."""
        self.messages.append(message)

    async def hold(self, agent: Callable[[Conversation], Any]) -> Completion:
        """Lets an agent lead the conversation to its end. The last reply is the answer; when a limit came first there is none,
        and the finish reason is `limit`.

        Raises:
            EngineError: see `ask` and `call`.
            BudgetExhausted: the budget of the whole command is spent.
        """
        try:
            await agent(self)
        except LimitReached as limit:
            if not self.turns:
                self.turns.append({"turn": 1, "role": "assistant"})
            self.turns[-1]["limit"] = str(limit)
            return self._completion("", "limit")
        return self._completion(self.replies[-1].text, self.replies[-1].finish_reason)

    async def _one(self, record: dict[str, Any]) -> Result:
        record["started_at"] = time.time()
        began = time.perf_counter()
        result = await self.toolbox.call(record["name"], record["arguments"], self.workspace)
        record |= {"result": result.text, "failed": result.failed, "seconds": time.perf_counter() - began}
        return result

    def _check(self) -> None:
        if len(self.replies) >= self.limits.turns:
            raise LimitReached(f"{self.limits.turns} turns")
        if self.limits.tokens is not None and self.replies:
            usage = _sum(r.usage for r in self.replies)
            if usage.prompt_tokens is None or usage.completion_tokens is None:
                raise EngineError("the server reports no token counts, so --max-sample-tokens cannot be kept", kind="malformed")
            if usage.prompt_tokens + usage.completion_tokens >= self.limits.tokens:
                raise LimitReached(f"{self.limits.tokens} tokens")
        left = self._left()
        if left is not None and left <= 0:
            raise LimitReached(f"{self.limits.seconds:g} s")

    def _left(self) -> float | None:
        return None if self.limits.seconds is None else self.limits.seconds - self._spent_seconds

    def _give_up(self, began_at: float, failures: int) -> NoReturn:
        """The time is up in the middle of a turn: the model was slow, unless requests failed meanwhile.

        Failures are those of the endpoint, perhaps of other samples; then nobody can say, and the sample is asked again.
        """
        if failures:
            raise EngineError(
                f"{self.limits.seconds:g} s are up, but {failures} requests to the endpoint failed meanwhile, so the model is not to blame",
                kind="timeout",
                retryable=True,
            )
        self.turns.append({"turn": len(self.replies) + 1, "role": "assistant", "started_at": began_at})
        raise LimitReached(f"{self.limits.seconds:g} s, while the model answered")

    def _take(self, reply: Completion, began_at: float) -> Completion:
        number = len(self.replies) + 1
        calls = tuple(
            msgspec.structs.replace(c, id=c.id or f"call_{number}_{i}", name=_NAME.sub("_", c.name)[:64] or "unnamed")
            for i, c in enumerate(reply.tool_calls)
        )
        reply = msgspec.structs.replace(reply, tool_calls=calls)
        self.replies.append(reply)
        self.turns.append(_turn(number, reply, began_at))
        sent = tuple(msgspec.structs.replace(c, arguments=_object(c.arguments)) for c in calls)
        self.messages.append(Message(role="assistant", content=reply.text, tool_calls=sent))
        return reply

    def _completion(self, text: str, finish_reason: str | None) -> Completion:
        replies = self.replies
        last = replies[-1] if replies else None
        return Completion(
            text=text,
            reasoning=last.reasoning if last is not None and text else None,
            finish_reason=finish_reason,
            usage=_sum(r.usage for r in replies),
            cost_usd=_total(r.cost_usd for r in replies),
            latency_seconds=_total(r.latency_seconds for r in replies),
            ttft_seconds=replies[0].ttft_seconds if replies else None,
            started_at=self.turns[0].get("started_at"),
            model=last.model if last is not None else None,
            request_id=last.request_id if last is not None else None,
            turns=tuple(self.turns),
            retries=tuple(retry for r in replies for retry in r.retries),
            simulated=self.endpoint.engine.simulated,
            queued_seconds=_total(r.queued_seconds for r in replies),
        )


def _turn(number: int, reply: Completion, began_at: float) -> dict[str, Any]:
    """The record of a turn: what the model said and what it took. `call` adds the results of its tool calls."""
    turn: dict[str, Any] = {
        "turn": number,
        "role": "assistant",
        "content": reply.text,
        "reasoning": reply.reasoning,
        "finish_reason": reply.finish_reason,
        "usage": msgspec.to_builtins(reply.usage),
        "cost_usd": reply.cost_usd,
        "started_at": began_at if reply.started_at is None else reply.started_at,
        "queued_seconds": reply.queued_seconds,
        "latency_seconds": reply.latency_seconds,
        "ttft_seconds": reply.ttft_seconds,
        "model": reply.model,
        "request_id": reply.request_id,
        "retries": list(reply.retries),
        "raw": reply.raw,
    }
    if reply.tool_calls:
        turn["tool_calls"] = [_asked(c) for c in reply.tool_calls]
    return turn


def _asked(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _object(arguments: str) -> str:
    """Arguments as they may be sent back: servers refuse a conversation in which they are no JSON object."""
    try:
        return arguments if isinstance(msgspec.json.decode(arguments), dict) else "{}"
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return "{}"


def _total(values: Any) -> Any:
    """The sum, None when a part is unknown or there is none."""
    known = list(values)
    return None if not known or any(v is None for v in known) else sum(known)


def _sum(usages: Any) -> Usage:
    parts = list(usages)
    return Usage(**{name: _total(getattr(u, name) for u in parts) for name in Usage.__struct_fields__})
