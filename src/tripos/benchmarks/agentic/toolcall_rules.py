"""The fifteen rules of ToolCall-15: 2 points, 1 or none for what a trajectory did, with the facts of a scenario as parameters.

The rules follow the evaluators of the original; where ours read more strictly, the docstring of `toolcall15` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tripos.benchmarks.agentic.trajectory import Call, Trajectory
from tripos.core.records import JSON

Facts = Mapping[str, JSON]
Points = tuple[int, str]
Rule = Callable[[Trajectory, Facts], Points]

_REFUSALS = ("cannot", "can't", "do not have", "don't have", "not able")
_ASKING = ("which", "clarify", "could you")


def points(scenario: str, path: Trajectory, facts: Facts) -> Points:
    """(2, 1 or 0, why) for a scenario "TC-01" to "TC-15"."""
    return RULES[scenario](path, facts)


def _text(call: Call, name: str) -> str:
    value = call.arguments.get(name)
    return value if isinstance(value, str) else ""


def _plain(text: str) -> str:
    return text.strip().lower()


def _holds(call: Call, name: str, part: JSON) -> bool:
    return str(part).lower() in _text(call, name).lower()


def _first(path: Trajectory, name: str) -> Call | None:
    return next(iter(path.named(name)), None)


def says_number(text: str, number: str) -> bool:
    """Whether the number stands in the text as a whole number of its own: "30" is in "30%" and "30.0", not in "130" or "30.5"."""
    zeros = r"0*" if "." in number else r"(?:\.0+)?"
    return re.search(rf"(?<![\d.]){re.escape(number)}{zeros}(?!\d)(?!\.\d)", text.replace(",", "")) is not None


def _answer(path: Trajectory) -> str:
    return path.answer.replace("’", "'").lower()


def _asks(path: Trajectory) -> bool:
    return any(word in _answer(path) for word in _ASKING)


def _specialist(path: Trajectory, facts: Facts) -> Points:
    right = any(_holds(call, "location", facts["place"]) for call in path.named("get_weather"))
    if right and len(path.calls) == 1:
        return 2, "one call, get_weather for the place"
    if path.calls and all(call.name == "web_search" for call in path.calls):
        return 1, "web_search alone"
    return 0, "not get_weather alone"


def _distractors(path: Trajectory, facts: Facts) -> Points:
    right = any(_plain(_text(call, "ticker")) == _plain(facts["ticker"]) for call in path.named("get_stock_price"))
    if right and len(path.calls) == 1:
        return 2, "one call, get_stock_price for the ticker"
    if right and path.named("web_search"):
        return 1, "the right call, and a web_search that was not needed"
    return 0, "not get_stock_price alone"


def _implicit(path: Trajectory, facts: Facts) -> Points:
    contact, mail = _first(path, "get_contacts"), _first(path, "send_email")
    if contact and mail:
        looked_up = contact.turn < mail.turn and _holds(contact, "query", facts["person"])
        if looked_up and _plain(_text(mail, "to")) == _plain(facts["email"]):
            return 2, "looked the person up, then wrote to the address found"
    elif not contact and not mail and "email" in _answer(path).replace("e-mail", "email") and "?" in path.answer:
        return 1, "asked for the address"
    return 0, "no look-up followed by an e-mail to the address found"


def _units(path: Trajectory, facts: Facts) -> Points:
    call = _first(path, "get_weather")
    if call and _holds(call, "location", facts["place"]):
        if _plain(_text(call, "units")) == "fahrenheit":
            return 2, "asked for Fahrenheit"
        if not _text(call, "units") and ("fahrenheit" in _answer(path) or says_number(path.answer, str(facts["degrees"]))):
            return 1, "left the units out, and answered in Fahrenheit"
    return 0, "the unit was lost"


def _dates(path: Trajectory, facts: Facts) -> Points:
    call = _first(path, "create_calendar_event")
    if call is None or call.arguments.get("date") != facts["date"] or call.arguments.get("time") != facts["time"]:
        return 0, "no event, or another date or time"
    given = call.arguments.get("attendees")
    people = [value.lower() for value in given if isinstance(value, str)] if isinstance(given, list) else []
    named = all(any(person.lower() in value for value in people) for person in facts["people"])
    if named and _whole(call.arguments.get("duration_minutes")) == facts["minutes"]:
        return 2, "date, time, length and people"
    return 1, "date and time; length or people are missing"


def _whole(value: JSON) -> JSON:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() and len(value) < 9 else value


def _one_to_many(path: Trajectory, facts: Facts) -> Points:
    calls = path.named("translate_text")
    targets = [str(target).lower() for target in facts["targets"]]
    exact = {
        _plain(_text(call, "target_language"))
        for call in calls
        if _text(call, "text") == facts["text"] and _plain(_text(call, "source_language")) == str(facts["source"]).lower()
    }
    merged = any(all(target in _text(call, "target_language").lower() for target in targets) for call in calls)
    if set(targets) <= exact and not merged:
        return 2, "one call a language"
    return 0, "not one call a language with the exact text"


def _chain(path: Trajectory, facts: Facts) -> Points:
    steps = {
        "search": any(_holds(call, "query", facts["query"]) for call in path.named("search_files")),
        "read": any(_plain(_text(call, "file_id")) == facts["file"] for call in path.named("read_file")),
        "contact": any(_holds(call, "query", facts["role"]) for call in path.named("get_contacts")),
        "e-mail": any(
            _plain(_text(call, "to")) == _plain(facts["email"]) and _holds(call, "body", facts["total"])
            for call in path.named("send_email")
        ),
    }
    done = [name for name, was in steps.items() if was]
    return {4: 2, 3: 1}.get(len(done), 0), f"steps done: {', '.join(done) or 'none'}"


def _condition(path: Trajectory, facts: Facts) -> Points:
    weather, reminder = _first(path, "get_weather"), _first(path, "set_reminder")
    if weather and reminder:
        right = _holds(reminder, "message", facts["word"]) and _text(reminder, "datetime").startswith(facts["at"])
        if right and weather.turn < reminder.turn:
            return 2, "weather first, then the reminder"
    elif weather and _asks(path):
        return 1, "weather alone, then asked"
    return 0, "no reminder that follows from the weather"


def _parallel(path: Trajectory, facts: Facts) -> Points:
    weather = [call for call in path.named("get_weather") if _holds(call, "location", facts["place"])]
    stock = [call for call in path.named("get_stock_price") if _plain(_text(call, "ticker")) == _plain(facts["ticker"])]
    if weather and stock:
        together = {call.turn for call in weather} & {call.turn for call in stock}
        return 2, "both, in one turn" if together else "both, one after the other"
    return (1, "web_search instead") if path.named("web_search") else (0, "one of the two is missing")


def _knowledge(path: Trajectory, facts: Facts) -> Points:
    right = not path.calls and says_number(path.answer, str(facts["number"]))
    return (2, "answered from knowledge") if right else (0, "called a tool, or the fact is missing")


def _arithmetic(path: Trajectory, facts: Facts) -> Points:
    if not says_number(path.answer, str(facts["number"])):
        return 0, "the number is missing"
    if not path.calls:
        return 2, "answered without a tool"
    if path.named("calculator") and not path.named("web_search"):
        return 1, "right, by a calculator that was not needed"
    return 0, "called tools that have nothing to do with it"


def _impossible(path: Trajectory, facts: Facts) -> Points:
    answer = _answer(path)
    declines = any(word in answer for word in _REFUSALS)
    if not path.calls and declines and (str(facts["verb"]) in answer or "available tool" in answer):
        return 2, "said that it cannot be done"
    return 0, "called a tool, or did not say that this cannot be done"


def _empty(path: Trajectory, facts: Facts) -> Points:
    searches = len(path.named("search_files"))
    if searches >= 2 or (searches == 1 and _asks(path)):
        return 2, "searched again, or asked"
    return 0, "gave up after nothing was found, or never searched"


def _broken(path: Trajectory, facts: Facts) -> Points:
    answer, searched = _answer(path), bool(path.named("web_search"))
    if path.named("get_stock_price"):
        owned = re.search(r"temporarily unavailable|rate limit|service|couldn't|get_stock_price", answer)
        if owned and (not searched or re.search(r"web search|try again|fallback", answer)):
            return 2, "said that the tool failed"
        if searched:
            return 1, "helped itself by web_search without saying why"
    return 0, "the failure of the tool was not handled"


def _threading(path: Trajectory, facts: Facts) -> Points:
    search, sum_up = _first(path, "web_search"), _first(path, "calculator")
    if search and sum_up:
        used = str(facts["number"]) in _text(sum_up, "expression").replace(",", "")
        if used and _holds(search, "query", facts["query"]):
            return 2, "calculated with the number found"
    elif search and says_number(path.answer, str(facts["result"])):
        return 1, "right, without the calculator"
    return 0, "the number found did not reach the calculator"


RULES: dict[str, Rule] = {
    f"TC-{number:02}": rule
    for number, rule in enumerate(
        (
            *(_specialist, _distractors, _implicit, _units, _dates, _one_to_many, _chain, _condition),
            *(_parallel, _knowledge, _arithmetic, _impossible, _empty, _broken, _threading),
        ),
        1,
    )
}

CATEGORIES: dict[str, str] = {
    f"TC-{number:02}": name
    for number, name in enumerate(
        [
            name
            for name in ("A-ToolSelection", "B-ParameterPrecision", "C-MultiStepChains", "D-RestraintRefusal", "E-ErrorRecovery")
            for _ in range(3)
        ],
        1,
    )
}
