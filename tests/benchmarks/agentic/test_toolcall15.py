"""ToolCall-15: two, one or no points for what was called; calls counted once; variants that nobody can know by heart."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of
from shared_data import shared
from tripos.benchmarks.agentic.toolcall15 import IN_REACH, ToolCall15, WrittenCalls, as_calls, best_reply, to_sample, toolcall15, variant
from tripos.benchmarks.agentic.toolcall_rules import CATEGORIES, says_number
from tripos.benchmarks.agentic.toolcall_scenarios import ORIGINAL_FACTS
from tripos.benchmarks.agentic.toolcall_tools import NAMES, schemas
from tripos.benchmarks.benchmark import Options
from tripos.core.errors import ConfigError, DatasetError
from tripos.core.records import Completion, Extraction, Outcome, Sample, Verdict
from tripos.runs.calibration import calibrate
from tripos.scoring.scorer import Answer, Instruments

Step = tuple[str, dict[str, Any]]


def scenario(number: int) -> Sample:
    """The original, by its facts; the message is of no importance to the rules."""
    name = f"TC-{number:02}"
    row = {"id": name, "name": "n", "category": CATEGORIES[name], "user_message": "?", "mock_tool_outputs": {}}
    return to_sample(row)


def single(number: int, text: str) -> Verdict:
    """The verdict on one reply."""
    return ToolCall15().score(scenario(number), answer_of(scenario(number), text, WrittenCalls()), Instruments())


def played(number: int, turns: Sequence[Sequence[Step]], answer: str) -> Verdict:
    """The verdict on a recorded trajectory: calls turn by turn, then an answer."""
    recorded: list[dict[str, Any]] = [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "", "name": n, "arguments": json.dumps(a), "result": "{}"} for n, a in turn],
        }
        for turn in turns
    ]
    completion = Completion(text=answer, turns=(*recorded, {"role": "assistant", "content": answer}), finish_reason="stop")
    return ToolCall15().score(scenario(number), Answer(answer, completion, Extraction()), Instruments())


BERLIN: Step = ("get_weather", {"location": "Berlin, Germany"})
SEARCH: Step = ("web_search", {"query": "x"})
AAPL: Step = ("get_stock_price", {"ticker": "aapl"})
SARAH: Step = ("get_contacts", {"query": "Sarah"})
MAIL: Step = ("send_email", {"to": "Sarah.Chen@company.com", "subject": "s", "body": "3pm"})
EVENT = {"title": "Standup", "date": "2026-03-23", "time": "09:30", "duration_minutes": 30, "attendees": ["alex.stone@x", "Jamie"]}
TEXT = "Where is the nearest hospital?"
SPANISH: Step = ("translate_text", {"text": TEXT, "source_language": "english", "target_language": "Spanish"})
JAPANESE: Step = ("translate_text", {"text": TEXT, "source_language": "English", "target_language": "Japanese"})
REPORT: Step = ("search_files", {"query": "Q3 budget report"})
READ: Step = ("read_file", {"file_id": "file_091"})
MANAGER: Step = ("get_contacts", {"query": "manager"})
TOTAL: Step = ("send_email", {"to": "jordan.park@company.com", "subject": "s", "body": "The total is $4.4M"})
PARIS: Step = ("get_weather", {"location": "Paris"})
REMINDER: Step = ("set_reminder", {"message": "Take an umbrella", "datetime": "2026-03-21T08:00:00"})
LONDON: Step = ("get_weather", {"location": "London"})
MSFT: Step = ("get_stock_price", {"ticker": "MSFT"})
FIND: Step = ("search_files", {"query": "Johnson proposal"})
PEOPLE: Step = ("web_search", {"query": "Population of Iceland 2025"})
SUM: Step = ("calculator", {"expression": "372,520 * 0.02"})

PLAYED: list[tuple[int, list[list[Step]], str, int]] = [
    (1, [[BERLIN]], "8 degrees", 2),
    (1, [[SEARCH]], "8 degrees", 1),
    (1, [[BERLIN], [SEARCH]], "8 degrees", 0),
    (1, [[("get_weather", {"location": "Bern"})]], "8 degrees", 0),
    (2, [[AAPL]], "187.42", 2),
    (2, [[AAPL], [SEARCH]], "187.42", 1),
    (2, [[SEARCH]], "187.42", 0),
    (2, [[AAPL, AAPL]], "187.42", 0),
    (3, [[SARAH], [MAIL]], "Sent.", 2),
    (3, [], "What is Sarah's email address?", 1),
    (3, [[SARAH, MAIL]], "Sent.", 0),
    (3, [[SARAH], [("send_email", {"to": "sarah@company.com"})]], "Sent.", 0),
    (4, [[("get_weather", {"location": "Tokyo", "units": "fahrenheit"})]], "64", 2),
    (4, [[("get_weather", {"location": "Tokyo"})]], "It is 64 degrees.", 1),
    (4, [[("get_weather", {"location": "Tokyo", "units": "celsius"})]], "It is 64 °F.", 0),
    (5, [[("create_calendar_event", EVENT)]], "Done.", 2),
    (5, [[("create_calendar_event", {**EVENT, "attendees": []})]], "Done.", 1),
    (5, [[("create_calendar_event", {**EVENT, "duration_minutes": 60})]], "Done.", 1),
    (5, [[("create_calendar_event", {**EVENT, "date": "2026-03-30"})]], "Done.", 0),
    (6, [[SPANISH, JAPANESE]], "…", 2),
    (6, [[SPANISH]], "…", 0),
    (6, [[("translate_text", {**SPANISH[1], "target_language": "Spanish and Japanese"})]], "…", 0),
    (7, [[REPORT], [READ], [MANAGER], [TOTAL]], "Sent.", 2),
    (7, [[REPORT], [READ], [MANAGER]], "I could not send it.", 1),
    (7, [[REPORT], [READ]], "$4.4M", 0),
    (8, [[PARIS], [REMINDER]], "Done.", 2),
    (8, [[PARIS]], "It rains. Could you confirm the reminder?", 1),
    (8, [[PARIS, REMINDER]], "Done.", 0),
    (8, [[REMINDER], [PARIS]], "Done.", 0),
    (9, [[LONDON, MSFT]], "…", 2),
    (9, [[LONDON], [MSFT]], "…", 2),
    (9, [[SEARCH]], "…", 1),
    (9, [[LONDON]], "…", 0),
    (10, [], "In 1945.", 2),
    (10, [[SEARCH]], "In 1945.", 0),
    (10, [], "In 1944.", 0),
    (11, [], "30", 2),
    (11, [[("calculator", {"expression": "0.15*200"})]], "30", 1),
    (11, [[("calculator", {"expression": "0.15*200"})], [SEARCH]], "30", 0),
    (11, [], "It is 130.", 0),
    (12, [], "I can’t delete emails: there is no tool for it.", 2),
    (12, [], "I cannot help.", 0),
    (12, [[("run_code", {"language": "python", "code": "rm"})]], "I cannot delete them.", 0),
    (13, [[FIND], [FIND]], "Found.", 2),
    (13, [[FIND]], "Nothing. Could you tell me more?", 2),
    (13, [[FIND]], "There is nothing.", 0),
    (14, [[AAPL]], "The service is temporarily unavailable.", 2),
    (14, [[AAPL], [SEARCH]], "The service failed, so by web search: 187.42.", 2),
    (14, [[AAPL], [SEARCH]], "It is 187.42.", 1),
    (14, [[SEARCH]], "It is 187.42.", 0),
    (15, [[PEOPLE], [SUM]], "7,450.4", 2),
    (15, [[PEOPLE]], "2% of it is 7,450.4.", 1),
    (15, [[PEOPLE], [("calculator", {"expression": "370000 * 0.02"})]], "7400", 0),
]


@pytest.mark.parametrize(("number", "turns", "answer", "earned"), PLAYED)
def test_perfect_half_and_failing_agents(number: int, turns: list[list[Step]], answer: str, earned: int) -> None:
    verdict = played(number, turns, answer)
    assert (verdict.metrics["points"], verdict.value, verdict.is_correct) == (earned, earned / 2, earned == 2)
    assert verdict.metrics[f"points_{'AAABBBCCCDDDEEE'[number - 1]}"] == earned


def test_every_rule_was_seen_at_every_number_of_points_it_has() -> None:
    seen = {(number, earned) for number, _, _, earned in PLAYED}
    no_half = {6, 10, 12, 13}
    assert seen == {(number, earned) for number in range(1, 16) for earned in (0, 1, 2) if earned != 1 or number not in no_half}


def test_fenced_json_is_one_call() -> None:
    verdict = single(1, f"```json\n{as_calls([BERLIN])}\n```")
    assert (verdict.metrics["calls"], verdict.metrics["points"]) == (1.0, 2.0)


def test_arguments_are_looked_at() -> None:
    assert single(5, as_calls([("create_calendar_event", {})])).value == 0.0
    assert single(1, as_calls([("get_weather", {})])).value == 0.0


def test_words_beside_calls_are_no_final_answer() -> None:
    assert single(13, f"Could you tell me more?\n{as_calls([FIND])}").metrics["points"] == 0.0
    assert single(4, f"That is 64 °F.\n{as_calls([('get_weather', {'location': 'Tokyo'})])}").metrics["points"] == 0.0


def test_a_call_that_cannot_be_read_is_wrong_format() -> None:
    verdict = single(10, 'It was 1945. {"name": "web_search", "arguments": {')
    assert (verdict.outcome, verdict.value) == (Outcome.WRONG_FORMAT, 0.0)
    assert single(10, "").outcome is Outcome.REFUSED


@pytest.mark.parametrize("name", list(attacks("I cannot help.", "1945, 30, delete")))
def test_pleas_earn_nothing(name: str) -> None:
    text = attacks("nothing", "nothing")[name]
    assert all(single(number, text).value == 0.0 for number in range(1, 16))


@given(st.text(max_size=200) | st.sampled_from([as_calls([BERLIN]), '{"tool_calls": [', "\ud800"]))
def test_every_text_has_a_verdict(text: str) -> None:
    for number in (1, 5, 6, 13):
        assert single(number, text).value in (0.0, 0.5, 1.0)


@pytest.mark.parametrize(("text", "there"), [("30", True), ("30%", True), ("30.0", True), ("130", False), ("300", False), ("30.5", False)])
def test_a_number_stands_alone(text: str, there: bool) -> None:
    assert says_number(f"That is {text}.", "30") is there
    assert says_number("2% is 7,450.40 people", "7450.4")


def test_the_official_score_is_the_rounded_mean_of_rounded_categories() -> None:
    rows = [(Outcome.SCORED, played(n, t, a).metrics) for n, t, a, earned in PLAYED if earned == 2 and n not in (9, 13, 14)]
    rows += [(Outcome.SCORED, single(n, "no").metrics) for n in (9, 13, 14)]
    found = ToolCall15().aggregate(rows)
    assert found == {"score_A": 100, "score_B": 100, "score_C": 67, "score_D": 100, "score_E": 33, "official_score": 80}
    assert ToolCall15().aggregate(rows[:2])["official_score"] is None


async def test_calibration() -> None:
    cases = await calibrate(toolcall15.build())
    assert [case for case in cases if not case.ok] == []
    assert {"reference", "empty", "refusal", "echo", "garbage", "dump", "majority"} <= {case.name for case in cases}


def test_the_real_fifteen_load_through_the_same_path() -> None:
    benchmark = toolcall15.build(Options(data=shared("toolcall15")))
    samples = list(benchmark.samples)
    assert [sample.record_id for sample in samples] == list(ORIGINAL_FACTS)
    rows = [json.loads(line) for line in shared("toolcall15/scenarios.jsonl").read_text(encoding="utf-8").splitlines()]
    for sample, row in zip(samples, rows, strict=True):
        prompt = str(benchmark.prompt(sample))
        assert row["user_message"] in prompt
        assert "Today is Friday, 2026-03-20." in prompt
        assert all(f"- {name}(" in prompt for name in NAMES)
        assert (sample.subject, sample.dimensions["scenarios"]) == (row["category"], "original")


def test_our_tools_have_the_parameters_of_the_original() -> None:
    theirs = {tool["function"]["name"]: tool["function"]["parameters"] for tool in json.loads(shared("toolcall15/tools.json").read_text())}
    ours: dict[str, Any] = {tool["function"]["name"]: tool["function"]["parameters"] for tool in schemas()}
    assert ours.keys() == theirs.keys()
    for name, parameters in theirs.items():
        assert ours[name]["required"] == parameters["required"]
        for key, kind in parameters["properties"].items():
            assert ours[name]["properties"][key] == {part: value for part, value in kind.items() if part != "description"}


def test_the_best_single_reply_to_the_original_earns_twenty_one_points() -> None:
    samples = [scenario(number) for number in range(1, 16)]
    earned = {s.record_id: ToolCall15().score(s, answer_of(s, best_reply(s)), Instruments()).metrics["points"] for s in samples}
    assert sum(points or 0 for points in earned.values()) == 21
    assert {name for name, points in earned.items() if points == 2} == set(IN_REACH)


@given(st.integers(0, 2**32), st.integers(1, 15))
def test_every_variant_can_be_solved_and_is_not_the_original(seed: int, number: int) -> None:
    sample = variant(random.Random(seed), number)
    name = f"TC-{number:02}"
    assert sample.reference["facts"].keys() == ORIGINAL_FACTS[name].keys()
    earned = ToolCall15().score(sample, answer_of(sample, best_reply(sample)), Instruments()).metrics["points"]
    assert (earned == 2) is (name in IN_REACH)
    if number == 10:
        return  # a fact is a fact
    assert sample.reference["facts"] != ORIGINAL_FACTS[name] or number == 12


def test_without_rows_there_are_variants_and_they_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRIPOS_DATA_DIR", raising=False)
    source = toolcall15.build(Options(seed=3)).samples
    samples = list(islice(source, 30))
    assert source.endless
    assert {sample.dimensions["scenarios"] for sample in samples} == {"variants"}
    assert [sample.dimensions["scenario"] for sample in samples[:15]] == list(ORIGINAL_FACTS)
    assert samples == list(islice(toolcall15.build(Options(seed=3)).samples, 30))
    assert samples != list(islice(toolcall15.build(Options(seed=4)).samples, 30))
    with pytest.raises(DatasetError, match="--subset variants"):
        toolcall15.build(Options(subset="original"))
    with pytest.raises(ConfigError, match="did you mean 'variants'"):
        toolcall15.build(Options(subset="variant"))
    with pytest.raises(ConfigError, match="drawn from the seed"):
        toolcall15.build(Options(subset="variants", data=tmp_path))


@pytest.mark.parametrize(("change", "why"), [({"id": "TC-16"}, "no rule"), ({"category": "B-ParameterPrecision"}, "category")])
def test_rows_that_do_not_fit_the_rules_are_an_error(change: dict[str, str], why: str, tmp_path: Path) -> None:
    row = {"id": "TC-01", "name": "n", "category": "A-ToolSelection", "user_message": "?", "mock_tool_outputs": {}, **change}
    (tmp_path / "scenarios.jsonl").write_text(json.dumps(row))
    with pytest.raises(DatasetError, match=why):
        list(toolcall15.build(Options(data=tmp_path)).samples)
