"""Scenarios for the fifteen rules of ToolCall-15: the facts of the original fifteen, and variants of our own drawn from a seed.

A variant asks for the same skill about another place, person, share, date, text or number, so that knowing the original by heart
is of no use. Texts and names are ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from tripos.core.records import JSON

REFERENCE_DATE = "2026-03-20"

ORIGINAL_FACTS: dict[str, dict[str, JSON]] = {
    "TC-01": {"place": "Berlin"},
    "TC-02": {"ticker": "AAPL"},
    "TC-03": {"person": "Sarah", "email": "sarah.chen@company.com"},
    "TC-04": {"place": "Tokyo", "degrees": "64"},
    "TC-05": {"date": "2026-03-23", "time": "09:30", "minutes": 30, "people": ["Alex", "Jamie"]},
    "TC-06": {"text": "Where is the nearest hospital?", "source": "English", "targets": ["Spanish", "Japanese"]},
    "TC-07": {
        **{"query": "q3 budget report", "file": "file_091", "role": "manager"},
        **{"email": "jordan.park@company.com", "total": "4.4m"},
    },
    "TC-08": {"place": "Paris", "word": "umbrella", "at": "2026-03-21T08:00"},
    "TC-09": {"place": "London", "ticker": "MSFT"},
    "TC-10": {"number": "1945"},
    "TC-11": {"number": "30"},
    "TC-12": {"verb": "delete"},
    "TC-13": {"document": "Johnson proposal"},
    "TC-14": {"ticker": "AAPL"},
    "TC-15": {"query": "population of iceland", "number": "372520", "result": "7450.4"},
}
"""What the rules need to know of each scenario of the original."""

_PLACES = ("Oslo", "Lima", "Nairobi", "Ghent", "Osaka", "Tallinn", "Quito", "Porto", "Perth", "Graz", "Izmir", "Lyon")
_SHARES = (("NVDA", "Nvidia"), ("KO", "Coca-Cola"), ("INTC", "Intel"), ("DIS", "Disney"), ("NKE", "Nike"), ("ORCL", "Oracle"))
_PEOPLE = (("Marta", "Vidal"), ("Tomasz", "Lis"), ("Aiko", "Mori"), ("Femi", "Ade"), ("Greta", "Holm"), ("Luis", "Rey"), ("Nadia", "Saad"))
_LANGUAGES = ("French", "German", "Italian", "Portuguese", "Polish", "Turkish", "Korean", "Dutch")
_SENTENCES = (
    "The train to the coast leaves at six.",
    "Could we have a table by the window?",
    "My suitcase did not arrive.",
    "How much is a ticket for two?",
)
_YEARS = (
    ("In what year did people first land on the Moon?", "1969"),
    ("In what year did the Berlin Wall fall?", "1989"),
    ("In what year did the First World War begin?", "1914"),
    ("In what year did Columbus first reach America?", "1492"),
    ("In what year did the French Revolution begin?", "1789"),
)
_COUNTRIES = ("Malta", "Estonia", "Uruguay", "Latvia", "Jamaica", "Slovenia")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Scenario:
    """One scenario; `mocks` is what each tool answers, JSON by tool name, as in the rows of the original."""

    id: str
    message: str
    facts: dict[str, JSON]
    mocks: dict[str, JSON]
    today: str


def weekday(day: str) -> str:
    """The English name of an ISO date's weekday."""
    return _WEEKDAYS[date.fromisoformat(day).weekday()]


def draw(rng: random.Random, number: int) -> Scenario:
    """A variant of scenario `number`, 1 to 15."""
    today = date(2026, 1, 1) + timedelta(days=rng.randrange(700))
    today += timedelta(days=(3 - today.weekday()) % 7 + rng.randrange(3))  # Thursday to Saturday: "next Monday" has one meaning
    message, facts, mocks = _MAKERS[number - 1](rng, today)
    return Scenario(f"TC-{number:02}", message, facts, mocks, today.isoformat())


Made = tuple[str, dict[str, JSON], dict[str, JSON]]


def _specialist(rng: random.Random, today: date) -> Made:
    place = rng.choice(_PLACES)
    weather = {"location": place, "temperature": rng.randint(-5, 30), "units": "celsius", "condition": "Cloudy"}
    return f"How is the weather in {place} at the moment?", {"place": place}, {"get_weather": weather}


def _distractors(rng: random.Random, today: date) -> Made:
    ticker, _ = rng.choice(_SHARES)
    price = {"ticker": ticker, "price": _price(rng), "currency": "USD"}
    return f"What does one share of {ticker} cost right now?", {"ticker": ticker}, {"get_stock_price": price}


def _implicit(rng: random.Random, today: date) -> Made:
    first, last = rng.choice(_PEOPLE)
    email = _address(rng, first, last)
    message = f"Please tell {first} that our call is at {rng.randint(1, 5)} pm now."
    return message, {"person": first, "email": email}, {"get_contacts": _found(first, last, email), "send_email": {"status": "sent"}}


def _units(rng: random.Random, today: date) -> Made:
    place, degrees = rng.choice(_PLACES), rng.randint(35, 95)
    weather = {"location": place, "temperature": degrees, "units": "fahrenheit", "condition": "Clear"}
    celsius = {**weather, "temperature": round((degrees - 32) / 1.8), "units": "celsius"}
    mocks = {"get_weather": weather, "get_weather__default": celsius}
    return f"How many degrees Fahrenheit is it in {place}?", {"place": place, "degrees": str(degrees)}, mocks


def _dates(rng: random.Random, today: date) -> Made:
    people = rng.sample(_PEOPLE, 2)
    monday = today + timedelta(days=7 - today.weekday())
    hour, minute, minutes = rng.randint(8, 11), rng.choice((0, 15, 30, 45)), rng.choice((15, 20, 45, 90))
    names = [first for first, _ in people]
    message = f"Put a planning round into my calendar: next Monday, {hour}:{minute:02} am, {minutes} minutes, with {' and '.join(names)}."
    facts: dict[str, JSON] = {"date": monday.isoformat(), "time": f"{hour:02}:{minute:02}", "minutes": minutes, "people": names}
    contacts = {"results": [_found(first, last, _address(rng, first, last))["results"][0] for first, last in people]}
    return message, facts, {"get_contacts": contacts, "create_calendar_event": {"event_id": "evt_1", "status": "created"}}


def _one_to_many(rng: random.Random, today: date) -> Made:
    text, targets = rng.choice(_SENTENCES), rng.sample(_LANGUAGES, 2)
    message = f"Translate '{text}' from English into {targets[0]} and into {targets[1]}."
    mocks = {f"translate_text__{target.lower()}": {"translated": f"[{target}] {text}"} for target in targets}
    return message, {"text": text, "source": "English", "targets": list(targets)}, mocks


def _chain(rng: random.Random, today: date) -> Made:
    first, last = rng.choice(_PEOPLE)
    what, role = rng.choice(("travel cost report", "stock count report", "energy use report")), rng.choice(("manager", "accountant"))
    total, email, file = f"{rng.randint(11, 98) / 10:.1f}M", _address(rng, first, last), f"file_{rng.randint(100, 999)}"
    facts: dict[str, JSON] = {"query": what, "file": file, "role": role, "email": email, "total": total.lower()}
    mocks = {
        "search_files": {"results": [{"file_id": file, "name": what.replace(" ", "_").title() + ".xlsx"}]},
        "read_file": {"content": f"First half and second half together. Total: ${total}"},
        "get_contacts": {"results": [{**_found(first, last, email)["results"][0], "role": role}]},
        "send_email": {"status": "sent"},
    }
    return f"Look for the {what} and send the total in it to my {role} by email.", facts, mocks


def _condition(rng: random.Random, today: date) -> Made:
    place, hour = rng.choice(_PLACES), rng.randint(6, 9)
    condition, word, weather = rng.choice((("raining", "raincoat", "Heavy rain"), ("snowing", "gloves", "Snow"), ("foggy", "lamp", "Fog")))
    at = f"{today + timedelta(days=1):%Y-%m-%d}T{hour:02}:00"
    message = f"See how the weather is in {place}. If it is {condition}, remind me tomorrow at {hour} am to take my {word}."
    mocks = {"get_weather": {"location": place, "temperature": 2, "condition": weather}, "set_reminder": {"status": "set"}}
    return message, {"place": place, "word": word, "at": at}, mocks


def _parallel(rng: random.Random, today: date) -> Made:
    place, (ticker, _) = rng.choice(_PLACES), rng.choice(_SHARES)
    mocks = {"get_weather": {"location": place, "temperature": 9}, "get_stock_price": {"ticker": ticker, "price": _price(rng)}}
    return f"Tell me the price of {ticker} shares and the weather in {place}.", {"place": place, "ticker": ticker}, mocks


def _knowledge(rng: random.Random, today: date) -> Made:
    question, year = rng.choice(_YEARS)
    return question, {"number": year}, {}


def _arithmetic(rng: random.Random, today: date) -> Made:
    percent, hundreds = rng.choice((5, 15, 20, 35, 40)), rng.randint(2, 9)
    return (
        f"How much is {percent}% of {hundreds * 100}?",
        {"number": str(percent * hundreds)},
        {"calculator": {"result": percent * hundreds}},
    )


def _impossible(rng: random.Random, today: date) -> Made:
    verb, rest = rng.choice((("delete", "every photo on my phone"), ("cancel", "my gym membership"), ("shred", "the letters on my desk")))
    return f"{verb.capitalize()} {rest}.", {"verb": verb}, {}


def _empty(rng: random.Random, today: date) -> Made:
    _, last = rng.choice(_PEOPLE)
    name = rng.choice(("contract", "floor plan", "invoice"))
    found = {"results": [{"file_id": f"file_{rng.randint(100, 999)}", "name": f"{last}_{name.replace(' ', '_')}_final.docx"}]}
    mocks = {"search_files__first": {"results": []}, "search_files__retry": found}
    return f"Where is the {last} {name}? Please find it.", {"document": f"{last} {name}"}, mocks


def _broken(rng: random.Random, today: date) -> Made:
    ticker, company = rng.choice(_SHARES)
    mocks = {
        "get_stock_price": {"error": "Service temporarily unavailable. Rate limit exceeded."},
        "web_search": {"results": [{"snippet": f"{company} ({ticker}) trades at about ${_price(rng)}."}]},
    }
    return f"What is a share of {company} worth?", {"ticker": ticker}, mocks


def _threading(rng: random.Random, today: date) -> Made:
    country, people, percent = rng.choice(_COUNTRIES), rng.randint(300_000, 4_000_000), rng.choice((2, 3, 5))
    result = f"{people * percent / 100:.2f}".rstrip("0").rstrip(".")
    mocks = {
        "web_search": {"results": [{"snippet": f"{country} has about {people:,} inhabitants."}]},
        "calculator": {"result": float(result)},
    }
    message = f"Search for the population of {country}, then work out {percent}% of it."
    return message, {"query": f"population of {country}".lower(), "number": str(people), "result": result}, mocks


def _price(rng: random.Random) -> float:
    return rng.randint(2_000, 60_000) / 100


def _address(rng: random.Random, first: str, last: str) -> str:
    return f"{first}.{last}{rng.randint(10, 99)}@{rng.choice(('works', 'office', 'team'))}.example".lower()


def _found(first: str, last: str, email: str) -> dict[str, JSON]:
    return {"results": [{"name": f"{first} {last}", "email": email}]}


_MAKERS: tuple[Callable[[random.Random, date], Made], ...] = (
    *(_specialist, _distractors, _implicit, _units, _dates, _one_to_many, _chain, _condition),
    *(_parallel, _knowledge, _arithmetic, _impossible, _empty, _broken, _threading),
)
