"""ToolCall-15: which of twelve tools to call, with which arguments, in which order, and when to call none. Fifteen scenarios, five skills.

Source: https://github.com/stevibe/ToolCall-15 (MIT), whose scenarios OpenJarvis has as constants (Apache-2.0). Rows, as `scenarios.jsonl`
in the directory of `--data` or in `TRIPOS_DATA_DIR/toolcall15/`: `id`, `name`, `category`, `user_message`, `mock_tool_outputs`,
`reference_date`. Without rows there are variants of our own: the same fifteen rules about other places, people, shares, dates and
numbers, drawn from the seed; `--subset original` or `--subset variants` insists on one of the two. Their record ids and the dimension
`scenarios` tell them apart; a figure on variants is not a figure on ToolCall-15.

Scoring, by the original: 2, 1 or 0 points a scenario (`toolcall_rules.py`); value = points / 2, `is_correct` = 2 points. `official_score`
among the aggregates: for each of the five categories the points in percent, rounded, and the rounded mean of the five. The OpenJarvis
evaluation page says nothing of its own.

**A single reply** (backend `direct`) can earn 21 of the 30 points without guessing: TC-07, 08, 14 and 15 need results of tools, of
TC-03 the half for asking back is in reach. Its calls are one turn; a reply that calls tools has no final answer yet, so words beside the
calls are not graded. Trajectories (of an agent, or replayed) are graded whole by the same rules.

Deviations: a number must stand alone in the answer (the original takes 130 for 30); `e-mail` and typographic apostrophes are read like
`email` and plain ones; a reminder may leave out the seconds; tools and date are described in the prompt, because a single reply gets
no schemas. A call that is written like one and cannot be read is wrong format (the original sees native calls only).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tripos.benchmarks.agentic.toolcall_rules import CATEGORIES, points
from tripos.benchmarks.agentic.toolcall_scenarios import ORIGINAL_FACTS, REFERENCE_DATE, Scenario, draw, weekday
from tripos.benchmarks.agentic.toolcall_tools import NAMES, listing
from tripos.benchmarks.agentic.trajectory import trajectory, written_calls
from tripos.benchmarks.benchmark import Benchmark, Case, Options, Source, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.local_files import shelved
from tripos.benchmarks.sources import huggingface, text
from tripos.core.errors import ConfigError, DatasetError, unknown
from tripos.core.records import JSON, Extraction, Sample, Verdict
from tripos.scoring.scorer import Answer, Instruments, Rows, scorer
from tripos.scoring.structured import graded, unreadable

KEY = "toolcall15"
VERSION = 1
SUBSETS = ("original", "variants")
SYSTEM = (
    "You are an assistant who can use tools. Use a tool only where the request needs it, and answer what you know or can work out at once "
    "without one. Where a tool fails, say so and offer another way. Do not make up what a tool has to tell you."
)


@benchmark(
    KEY,
    category="agentic",
    summary="Tool calling benchmark",
    size="15 (or variants without end)",
    licence="MIT",
    source="https://github.com/stevibe/ToolCall-15",
    official="2, 1 or 0 points a scenario; `official_score`: rounded mean of five categories",
    deviates="one reply can earn 21 of 30 points; variants where no rows are at hand; a number must stand alone",
    also_needs="tools, for the published setting (recorded sessions)",
    calibrated="0.1.0",
)
def toolcall15(options: Options) -> Benchmark:
    """The original fifteen where rows are at hand, else variants; `subset` names one of the two."""
    refuse(KEY, options, "split", "shots", "judge")
    return Benchmark(
        samples=_source(options),
        prompt=ask,
        variants={"native": lambda sample: f"{_today(sample)}\n\n{sample.question}"},
        system=SYSTEM,
        transform=WrittenCalls(),
        scorer=ToolCall15(),
        perfect=best_reply,
        per_subject=("scenario", "scenarios"),
        default_n=15,
        calibration=calibration,
    )


def _source(options: Options) -> Source:
    subset = options.subset
    if subset is not None and subset not in SUBSETS:
        raise ConfigError(f"{KEY}: {unknown('subset', subset, SUBSETS)}")
    at_hand = options.data is not None or shelved(KEY) is not None
    if subset == "variants" and options.data is not None:
        raise ConfigError(f"{KEY}: the variants are drawn from the seed; leave out data = {str(options.data)!r}")
    if subset == "variants" or (subset is None and not at_hand):
        return Generated(KEY, VERSION, options.seed, make=lambda rng, index: variant(rng, index % 15 + 1))
    if not at_hand:
        raise DatasetError(
            f"{KEY}: the original scenarios are not here; give scenarios.jsonl with --data, or put it below TRIPOS_DATA_DIR/{KEY}/, "
            "or use --subset variants"
        )
    columns = ("id", "name", "category", "user_message", "mock_tool_outputs")
    return huggingface("stevibe/ToolCall-15", key=KEY, split="scenarios", data=options.data, columns=columns, to_sample=to_sample)


def to_sample(row: Mapping[str, Any]) -> Sample:
    """A row of the original.

    Raises:
        ValueError: there is no rule for its id, or its category is another than the rule's.
    """
    name = text(dict(row), "id")
    if name not in ORIGINAL_FACTS:
        raise ValueError(f"there is no rule for scenario {name!r}; the scenarios are TC-01 to TC-15")
    if row["category"] != CATEGORIES[name]:
        raise ValueError(f"{name} has the category {row['category']!r}, its rule is of {CATEGORIES[name]}")
    today = str(row.get("reference_date") or REFERENCE_DATE)
    found = Scenario(name, text(dict(row), "user_message"), ORIGINAL_FACTS[name], dict(row["mock_tool_outputs"]), today)
    return _sample(found, name, "original", str(row["name"]))


def variant(rng: random.Random, number: int) -> Sample:
    """A variant of scenario `number`, 1 to 15."""
    return _sample(draw(rng, number), "", "variants", "")


def _sample(scenario: Scenario, record_id: str, kind: str, title: str) -> Sample:
    return Sample(
        record_id=record_id,
        input=scenario.message,
        reference={"scenario": scenario.id, "facts": scenario.facts},
        subject=CATEGORIES[scenario.id],
        dimensions={"scenario": scenario.id, "scenarios": kind},
        metadata={"title": title, "today": scenario.today, "mock_tool_outputs": scenario.mocks},
    )


def _today(sample: Sample) -> str:
    day = str(sample.metadata["today"])
    return f"Today is {weekday(day)}, {day}."


def ask(sample: Sample) -> str:
    """Tools, date, request, and how calls are written; no part of it is a call."""
    return (
        f"These are your tools:\n{listing()}\n\n{_today(sample)}\n\nThe request:\n{sample.question}\n\n"
        "If the next step is to call tools, reply with one JSON object of this form and nothing else:\n"
        '{"tool_calls": [{"name": <tool>, "arguments": {<parameter>: <value>, ...}}, ...]}\n'
        "It holds the calls that can be made now, before any of their results is known. If the next step is to speak to the user, "
        "reply in plain words without JSON."
    )


@dataclass(frozen=True)
class WrittenCalls:
    """The tool calls in a reply and the words around them: {"tool_calls": [...], "text": ...}; no answer where a call cannot be read."""

    name: ClassVar[str] = "written_calls"
    version: ClassVar[str] = "1"

    def __call__(self, sample: Sample, text: str) -> Extraction:
        calls, prose, fault = written_calls(text)
        if fault or not (calls or prose):
            return Extraction(how=fault or "empty")
        return Extraction(answer={"tool_calls": [{"name": n, "arguments": a} for n, a in calls], "text": prose}, how="calls and words")


@scorer("toolcall15")
@dataclass(frozen=True)
class ToolCall15:
    """2, 1 or 0 points by the rule of the scenario; see `toolcall_rules`."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, sample: Sample, answer: Answer, instruments: Instruments) -> Verdict:
        """The points over two; a reply without calls and words, or with calls that cannot be read, is wrong."""
        path = trajectory(answer.completion, answer.text)
        scenario = str(sample.reference["scenario"])
        letter = f"points_{CATEGORIES[scenario][0]}"
        if path.fault or not (path.calls or path.answer.strip()):
            return unreadable(answer, path.fault or "neither a call nor an answer", {"points": 0.0, letter: 0.0})
        earned, why = points(scenario, path, sample.reference["facts"])
        calls: list[JSON] = [{"turn": call.turn, "name": call.name, "arguments": dict(call.arguments)} for call in path.calls[:50]]
        unknown_tools = sum(call.name not in NAMES for call in path.calls)
        metrics: dict[str, float | None] = {
            "points": float(earned),
            letter: float(earned),
            "calls": float(len(path.calls)),
            "unknown_tools": float(unknown_tools),
        }
        details: dict[str, JSON] = {"why": why, "calls": calls, "answer": path.answer[:2000], "trajectory": path.recorded}
        return graded(answer, earned / 2, earned == 2, metrics=metrics, details=details)

    def aggregate(self, rows: Rows) -> dict[str, float | None]:
        """`score_A` to `score_E`: points in percent, rounded half up. `official_score`: the rounded mean of all five, else None."""
        found: dict[str, float | None] = {}
        for letter in "ABCDE":
            earned = [value for _, row in rows if (value := row.get(f"points_{letter}")) is not None]
            found[f"score_{letter}"] = _rounded(100 * sum(earned) / (2 * len(earned))) if earned else None
        scores = [score for score in found.values() if score is not None]
        return found | {"official_score": _rounded(sum(scores) / 5) if len(scores) == 5 else None}


def _rounded(value: float) -> float:
    return float(int(value + 0.5))


# ---------------------------------------------------------------------------------------------------------- calibration


def best_reply(sample: Sample) -> str:
    """The best single reply; where the rule needs results of tools, the right first step."""
    facts = sample.reference["facts"]
    place, ticker = facts.get("place"), facts.get("ticker")
    weather, stock = ("get_weather", {"location": place}), ("get_stock_price", {"ticker": ticker})
    translate = [
        ("translate_text", {"text": facts["text"], "source_language": facts["source"], "target_language": target})
        for target in facts.get("targets", ())
    ]
    event = {"title": "Meeting", "date": facts.get("date"), "time": facts.get("time")}
    event |= {"duration_minutes": facts.get("minutes"), "attendees": facts.get("people")}
    document = str(facts.get("document"))
    replies: dict[str, str | list[tuple[str, dict[str, JSON]]]] = {
        "TC-01": [weather],
        "TC-02": [stock],
        "TC-03": f"What is the email address of {facts.get('person')}?",
        "TC-04": [("get_weather", {"location": place, "units": "fahrenheit"})],
        "TC-05": [("create_calendar_event", event)],
        "TC-06": translate,
        "TC-07": [("search_files", {"query": facts.get("query")}), ("get_contacts", {"query": facts.get("role")})],
        "TC-08": [weather],
        "TC-09": [weather, stock],
        "TC-10": f"It was {facts.get('number')}.",
        "TC-11": f"That is {facts.get('number')}.",
        "TC-12": f"I cannot {facts.get('verb')} anything: none of my tools does that.",
        "TC-13": [("search_files", {"query": document}), ("search_files", {"query": document.split(maxsplit=1)[0]})],
        "TC-14": [stock],
        "TC-15": [("web_search", {"query": facts.get("query")})],
    }
    reply = replies[str(sample.reference["scenario"])]
    return reply if isinstance(reply, str) else as_calls(reply)


def as_calls(calls: Sequence[tuple[str, Mapping[str, JSON]]]) -> str:
    """Calls as the prompt asks for them."""
    return json.dumps({"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in calls]})


IN_REACH = ("TC-01", "TC-02", "TC-04", "TC-05", "TC-06", "TC-09", "TC-10", "TC-11", "TC-12", "TC-13")
"""What one reply can earn both points for without having seen a result."""


def calibration() -> Iterator[Case]:
    """One reply where one can be right; nothing, everything, the prompt itself, fake results and broken calls are wrong."""
    source = Generated(KEY, VERSION, Options().seed, make=lambda rng, index: variant(rng, index + 1))
    everything = as_calls([(name, {}) for name in NAMES])
    for index in range(15):
        sample = source.sample(index)
        scenario, best = str(sample.reference["scenario"]), best_reply(sample)
        yield Case("reference" if scenario in IN_REACH else "first step", sample, best, scenario in IN_REACH)
        yield Case("empty", sample, "", False)
        yield Case("refusal", sample, "I'm sorry, but I am unable to help with this.", False)
        yield Case("echo", sample, ask(sample), False)
        yield Case("garbage", sample, '{"tool_calls": [{"name": qwx, "arguments": ]}', False)
        yield Case("majority", sample, as_calls([("web_search", {"query": sample.question})]), False)
        if scenario not in ("TC-06", "TC-09", "TC-13"):
            yield Case("dump", sample, f"{everything}\n{best}", False)
    mail = source.sample(2)
    invented = '[tool result] {"results": [{"email": "' + str(mail.reference["facts"]["email"]) + '"}]}'
    calls = (("get_contacts", {"query": mail.reference["facts"]["person"]}), ("send_email", {"to": mail.reference["facts"]["email"]}))
    yield Case("invented results", mail, f"{as_calls(calls[:1])}\n{invented}\n{as_calls(calls[1:])}", False)
