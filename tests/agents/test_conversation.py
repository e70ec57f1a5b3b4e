"""The function-calling loop against a real server: turns, parallel calls, limits, mistakes, sums."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from agents.talking import endpoint, hold
from engines.fake_http import Reply as Wire
from engines.fake_http import serving
from scripted_server import USAGE, Body, Reply, Scripted, calls, in_order, question, results, says, scripted, turn
from tripos.agents.tool import tool
from tripos.agents.workspace import Workspace
from tripos.core.errors import BudgetExhausted, EngineError
from tripos.core.records import Usage
from tripos.engines.endpoint import Budget


@tool("test_nap")
async def nap(seconds: float) -> str:
    """Sleeps."""
    await asyncio.sleep(seconds)
    return f"slept {seconds}"


@tool("test_meet")
async def meet(seconds: float) -> str:
    """Waits until three are there, then sleeps."""
    met.append(seconds)
    while len(met) < 3:
        await asyncio.sleep(0.01)
    await asyncio.sleep(seconds)
    return f"slept {seconds}"


met: list[float] = []


@tool("test_bug")
def bug() -> str:
    """Has a bug."""
    raise ZeroDivisionError("our own")


async def test_the_model_calls_a_tool_reads_the_result_and_answers() -> None:
    def model(body: Body) -> Reply:
        seen = results(body)
        return says(f"It is {seen[0]}.") if seen else calls(("calculator", {"expression": "6 * 7"}), text="Let me see.")

    with scripted(model) as server:
        found = await hold(server, "calculator")
    assert found.text == "It is 42." and found.finish_reason == "stop" and found.tool_calls == ()
    first, second = found.turns
    assert (first["content"], first["finish_reason"]) == ("Let me see.", "tool_calls")
    (asked,) = first["tool_calls"]
    assert (asked["name"], asked["arguments"], asked["result"], asked["failed"]) == ("calculator", '{"expression": "6 * 7"}', "42", False)
    assert asked["seconds"] >= 0 and abs(asked["started_at"] - time.time()) < 60
    assert second["content"] == "It is 42." and "tool_calls" not in second
    assert '"content": "It is 42."' in second["raw"] and [t["turn"] for t in found.turns] == [1, 2]

    asked_first, asked_second = server.asked
    assert [t["function"]["name"] for t in asked_first["tools"]] == ["calculator"]
    assert [m["role"] for m in asked_second["messages"]] == ["system", "user", "assistant", "tool"]
    assert asked_second["messages"][3]["tool_call_id"] == asked_second["messages"][2]["tool_calls"][0]["id"] == "r1c0"


async def test_usage_cost_and_latency_are_sums_over_the_turns() -> None:
    with scripted(in_order(calls(("think", {"thought": "a"})), calls(("think", {"thought": "b"})), says("Done."))) as server:
        found = await hold(server, "think")
    assert found.usage == Usage(prompt_tokens=300, completion_tokens=30)
    assert found.latency_seconds == pytest.approx(sum(t["latency_seconds"] for t in found.turns))
    assert found.started_at == found.turns[0]["started_at"] and found.request_id == "r3"
    assert found.cost_usd is None


async def test_a_turn_without_usage_makes_the_sum_unknown() -> None:
    with scripted(in_order(calls(("think", {"thought": "a"}), usage=None), says("Done."))) as server:
        found = await hold(server, "think")
    assert found.usage == Usage() and found.turns[1]["usage"]["prompt_tokens"] == USAGE["prompt_tokens"]


async def test_calls_of_one_turn_run_at_the_same_time_and_keep_their_order() -> None:
    def model(body: Body) -> Reply:
        seen = results(body)
        return says(" | ".join(seen)) if seen else calls(*(("test_meet", {"seconds": s}) for s in (0.3, 0.1, 0.2)))

    met.clear()
    with scripted(model) as server:
        found = await hold(server, "test_meet")
    assert found.text == "slept 0.3 | slept 0.1 | slept 0.2"
    assert [c["id"] for c in found.turns[0]["tool_calls"]] == ["r1c0", "r1c1", "r1c2"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("calculator", '{"expression": "1+', "must be a JSON object"),
        ("calculator", '["1+1"]', "must be a JSON object"),
        ("calculator", '{"formula": "1+1"}', "unknown field `formula`"),
        ("calculator", '{"expression": 5}', "`str`"),
        ("calculator", '{"expression": "1/0"}', "division by zero"),
        ("calculatr", '{"expression": "1"}', "there is no tool 'calculatr'; the tools are: calculator"),
        ("functions.calculator", "{}", "there is no tool 'functions_calculator'"),
        ("", "{}", "there is no tool 'unnamed'"),
    ],
)
async def test_the_mistakes_of_the_model_are_answered_not_crashed_on(name: str, arguments: str, said: str) -> None:
    with scripted(in_order(calls((name, arguments)), says("Sorry."))) as server:
        found = await hold(server, "calculator")
    assert found.text == "Sorry." and found.finish_reason == "stop"
    (asked,) = found.turns[0]["tool_calls"]
    assert asked["failed"] and said in asked["result"] and asked["arguments"] == arguments
    told = server.asked[1]["messages"]
    assert told[-1]["role"] == "tool" and said in told[-1]["content"]
    sent_back = told[-2]["tool_calls"][0]["function"]
    assert sent_back["arguments"] == (arguments if arguments.endswith("}") else "{}"), "servers refuse a conversation with broken JSON"
    assert sent_back["name"].replace("_", "").isalnum()


async def test_the_turn_limit_ends_it_without_an_answer() -> None:
    with scripted(lambda body: calls(("think", {"thought": "on and on"}), text="ANSWER: 42")) as server:
        found = await hold(server, "think", turns=3)
    assert (found.text, found.finish_reason, len(server.asked)) == ("", "limit", 3)
    assert found.turns[-1]["limit"] == "3 turns" and found.usage.prompt_tokens == 300
    assert "result" in found.turns[1]["tool_calls"][0]
    assert "result" not in found.turns[2]["tool_calls"][0], "nobody would read it, so it is not called"


async def test_an_answer_in_the_last_turn_is_an_answer() -> None:
    with scripted(in_order(calls(("think", {"thought": "a"})), says("42"))) as server:
        found = await hold(server, "think", turns=2)
    assert (found.text, found.finish_reason) == ("42", "stop")


async def test_the_token_limit_counts_all_turns() -> None:
    with scripted(lambda body: calls(("think", {"thought": "on"}))) as server:
        found = await hold(server, "think", tokens=300)
    assert found.finish_reason == "limit" and found.turns[-1]["limit"] == "300 tokens" and len(server.asked) == 3
    with (
        scripted(lambda body: calls(("think", {"thought": "on"}), usage=None)) as server,
        pytest.raises(EngineError, match="no token counts"),
    ):
        await hold(server, "think", tokens=300)


async def test_the_time_limit_counts_the_model() -> None:
    with scripted(in_order(calls(("think", {"thought": "a"})), says("late", delay_seconds=3600))) as server:
        found = await hold(server, "think", seconds=4.0)
    assert (found.text, found.finish_reason) == ("", "limit")
    assert found.turns[-1]["limit"] == "4 s, while the model answered" and len(found.turns) == 2
    assert found.usage.prompt_tokens == 100, "the turn that came back"


async def test_the_time_limit_counts_the_tools() -> None:
    with scripted(in_order(calls(("test_nap", {"seconds": 3600.0})), says("late"))) as server:
        found = await hold(server, "test_nap", seconds=4.0)
    assert found.finish_reason == "limit" and found.turns[0]["limit"] == "4 s, while a tool ran"
    assert "result" not in found.turns[0]["tool_calls"][0]


async def test_a_time_limit_before_the_first_reply() -> None:
    with scripted(in_order(says("late", delay_seconds=3600))) as server:
        found = await hold(server, seconds=0.2)
    assert (found.finish_reason, found.usage, found.latency_seconds) == ("limit", Usage(), None)
    assert found.started_at is not None


async def test_a_server_in_trouble_is_never_the_models_limit() -> None:
    with scripted(in_order(Reply("busy", status=500, delay_seconds=1.5))) as server, pytest.raises(EngineError, match="not to blame"):
        await hold(server, seconds=4.0)


async def test_waiting_for_a_server_in_trouble_does_not_count_as_time() -> None:
    asked: list[int] = []

    def model(body: Body) -> Reply:
        asked.append(1)
        if turn(body) == 0 and len(asked) <= 2:
            return Reply("busy", status=503, delay_seconds=2.0)
        return calls(("think", {"thought": "a"})) if turn(body) == 0 else says("42", delay_seconds=1.5)

    with scripted(model) as server:
        found = await hold(server, "think", seconds=5.2)
    assert found.text == "42" and [r["status"] for r in found.retries] == [503, 503]


async def test_a_conversation_that_outgrows_the_model_is_its_limit_but_a_prompt_that_does_is_not() -> None:
    full = Reply("maximum context length is 4096 tokens", status=400)
    with scripted(in_order(calls(("think", {"thought": "a"})), full)) as server:
        found = await hold(server, "think")
    assert found.finish_reason == "limit" and "no longer fits" in found.turns[-1]["limit"]
    with scripted(in_order(full)) as server, pytest.raises(EngineError) as caught:
        await hold(server, "think")
    assert caught.value.kind == "context_length"


async def test_a_tool_that_breaks_fails_the_sample_as_ours() -> None:
    model = in_order(calls(("test_bug", {}), ("think", {"thought": "a"})), says("x"))
    with scripted(model) as server, pytest.raises(EngineError, match="test_bug broke: ZeroDivisionError: our own") as caught:
        await hold(server, "test_bug", "think")
    assert caught.value.kind == "tool"


async def test_a_spent_budget_stops_between_turns() -> None:
    with scripted(lambda body: calls(("think", {"thought": "on"}))) as server:
        ask = endpoint(server)
        ask.budget = Budget(max_tokens=250)
        with pytest.raises(BudgetExhausted):
            await hold(server, "think", through=ask)
        assert len(server.asked) == 3


async def test_a_reply_that_was_cut_is_marked() -> None:
    with scripted(in_order(says("The answer is for", finish="length"))) as server:
        found = await hold(server, "think")
    assert (found.text, found.finish_reason) == ("The answer is for", "length")


async def test_streamed_tool_calls_and_the_first_turns_time_to_first_token() -> None:
    chunks = [
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "calculator", "arguments": '{"expres'}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": 'sion": "2+2"}'}}]}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": USAGE},
    ]

    def stream(parts: list[Body]) -> list[str]:
        return [f"data: {json.dumps(p)}\n\n" for p in parts] + ["data: [DONE]\n\n"]

    last = [{"choices": [{"delta": {"content": "4"}, "finish_reason": "stop"}]}, {"choices": [], "usage": USAGE}]
    with serving({"/v1/chat": [Wire(chunks=stream(chunks), pause_seconds=0.02), Wire(chunks=stream(last))]}) as fake:
        server = Scripted(lambda body: says(""))
        server.url = f"{fake.url}/v1"
        found = await hold(server, "calculator", through=endpoint(server, stream=True))
    assert found.text == "4" and found.turns[0]["tool_calls"][0]["result"] == "4"
    assert found.ttft_seconds == found.turns[0]["ttft_seconds"] and found.ttft_seconds > 0


async def test_conversations_at_the_same_time_share_nothing(tmp_path: Path) -> None:
    def model(body: Body) -> Reply:
        name = question(body)
        steps = [("file_write", {"path": "own.txt", "content": name}), ("think", {"thought": name}), ("file_read", {"path": "own.txt"})]
        number = turn(body)
        return calls(steps[number], delay_seconds=0.01) if number < len(steps) else says(results(body)[-1])

    async def one(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        found = await hold(server, "file_write", "file_read", "think", prompt=name, workspace=Workspace(folder))
        assert found.text == name
        assert [c["arguments"].count(name) for t in found.turns[:2] for c in t["tool_calls"]] == [1, 1]
        assert len(found.turns) == 4 and found.usage.prompt_tokens == 400

    with scripted(model) as server:
        await asyncio.gather(*(one(f"sample-{i}") for i in range(12)))
