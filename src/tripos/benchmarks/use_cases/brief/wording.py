"""A morning as the prompt shows it, every part in an order and in words of its own."""

from __future__ import annotations

import random
from datetime import date

from tripos.benchmarks.use_cases.brief.drawing import Size
from tripos.benchmarks.use_cases.brief.morning import Message, Morning, clock
from tripos.benchmarks.use_cases.invented_names import spin

_WISHES = {
    "leave": "{When must I leave home|At what time do I have to be out of the door} for my first appointment away from home, "
    "and which is it?",
    "clash": "{Which two appointments overlap|Which two of my appointments are in each other's way} today?",
    "gap": "{From when to when is my longest stretch|When does my longest stretch begin and end} without an appointment "
    "between 09:00 and 17:00?",
    "rain": "{Which of my appointments in the open will the rain meet|On which appointments in the open will it rain}?",
    "start": "{Which job must I begin first so that all are ready in time|Of which job is the latest possible start the earliest}, "
    "and what is that moment?",
    "pay": "{How much do I have to pay today|What do my bills for today come to}, all that is due or late and not yet paid?",
    "deputy": "{Who stands in for $who today|To whom do I turn in place of $who today}?",
    "age": "{Whose birthday is it today, and how old do they turn|Who has a birthday today and turns how old}?",
}
_SAID = {
    "move": "{The $about $kind is at $value today|We have put today's $about $kind at $value|$about $kind: new time today, $value}.",
    "cancel": "{No $about $kind today|The $about $kind does not take place today|We have to call off today's $about $kind}.",
    "due": "{The $about $kind is wanted by $value today|I need the $about $kind at $value, not at the time we said}.",
    "paid": "{I have settled the bill of $about|Your account shows that $about has been paid|$about has its money}.",
    "road": "{Road works: the way to $about takes $value minutes more|Allow $value minutes more to $about, the bridge is shut}.",
    "rain": "{New forecast: rain from $value to $other, dry before and after|The rain comes from $value to $other, not as forecast}.",
    "ill": "{$about is ill today|$about stays in bed today|We have to do without $about today}.",
    "back": "{$about is back at work|$about is here today after all|Contrary to the list, $about is in the office}.",
}
_NOISE = (
    "{Tomorrow's|Next week's} $about $kind {moves to|will be at} $value.",
    "{Shall we|Would you mind if we} put the $about $kind at $value? {I shall ask the others|Nothing is decided yet}.",
    "{Did you see the match|Your umbrella is still here|The cat has had kittens}.",
    "{At lunch they say that the $about $kind might be put off|I hear that the $about $kind is often late to begin}.",
    "{$who may be late next week|$who sends regards|$who was asking for your recipe}.",
    "{Yesterday the way to $place took $value minutes more|Last Sunday it rained the whole day}.",
)


def spoken(day: date) -> str:
    """Wednesday 3 March 2027."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def wish_text(morning: Morning, wish: str) -> str:
    """What the owner wants to know."""
    return spin(random.Random(f"{morning.seed}/wish/{wish}"), _WISHES[wish]).replace("$who", morning.asked_about)


def worded(morning: Morning, wishes: tuple[str, ...], size: Size) -> str:
    """Sources, then the wishes in their order."""
    needed = "\n".join(f"{at}. {wish_text(morning, wish)}" for at, wish in enumerate(wishes, 1))
    parts = [f"The morning of {morning.owner}, {spoken(morning.today)}.", _rules(morning), *_lists(morning)]
    parts += ["Messages of this morning\n" + "\n".join(_messages(morning, size)), f"Wishes\n{needed}"]
    return "\n\n".join(parts)


def _rules(morning: Morning) -> str:
    return "\n".join(
        (
            "Rules",
            "- What the messages say takes the place of what the lists say; of several on one matter, the latest counts. "
            "Extra minutes for a road add up.",
            "- Proposals, rumours and what concerns other days change nothing. A moved appointment keeps its length and place.",
            f"- I leave home so that I arrive {morning.margin} minutes before the appointment begins.",
            "- Appointments overlap if one begins before the other has ended. One that begins when another ends does not.",
            "- Who is away is replaced by the deputy; if the deputy is away too, by the deputy's deputy, and so on.",
        )
    )


def _lists(morning: Morning) -> list[str]:
    rng = random.Random(f"{morning.seed}/lists")
    appointments = [
        f"{clock(one.start)}-{clock(one.end)}  {one.name} {one.kind}, "
        + (f"{one.place}, {'in the open' if one.outdoors else 'indoors'}" if one.place else "by telephone")
        for one in morning.appointments
    ]
    jobs = [f"{one.name} {one.kind}, ready by {clock(one.due)}, takes {one.minutes} minutes" for one in morning.jobs]
    bills = [f"{one.payee}, EUR {one.amount}, due {_due(one.due_in)}{', paid' if one.paid else ''}" for one in morning.bills]
    roads = ", ".join(f"{place} {minutes} minutes" for place, minutes in morning.trips.items())
    births = [f"{one}, born {day.day} {day:%B %Y}" for one, day in morning.births.items()]
    deputies = [f"{one}: {other}" for one, other in morning.deputies.items()]
    for rows in (appointments, jobs, bills, deputies):
        rng.shuffle(rows)
    blocks = [
        "Appointments\n" + "\n".join(appointments),
        "Jobs of today\n" + "\n".join(jobs),
        "Bills\n" + "\n".join(bills),
        f"From home: {roads}. Forecast: rain from {clock(morning.rain[0])} to {clock(morning.rain[1])}, otherwise dry.",
        "Birthdays\n" + "\n".join(births),
        f"Deputies\n{'; '.join(deputies)}.\nAway today: {', '.join(sorted(morning.away))}.",
    ]
    rng.shuffle(blocks)
    return blocks


def _due(days: int) -> str:
    if days == 0:
        return "today"
    return f"in {days} day{'s' if days > 1 else ''}" if days > 0 else f"{-days} days ago"


def _messages(morning: Morning, size: Size) -> list[str]:
    rng = random.Random(f"{morning.seed}/noise")
    taken = {one.sent for one in morning.messages}
    free = [minute for minute in range(5 * 60, 6 * 60 + 35) if minute not in taken]
    rows = [(one.sent, _said(morning, one)) for one in morning.messages]
    for minute, noise in zip(rng.sample(free, size.noise), rng.sample(_NOISE, size.noise), strict=True):
        one = rng.choice(morning.appointments)
        told = Message(minute, "move", one.name, rng.randrange(9 * 60, 16 * 60, 15))
        text = _filled(morning, told, spin(rng, noise)) if "minutes more" not in noise else spin(rng, noise).replace("$value", "25")
        rows.append(
            (minute, text.replace("$who", rng.choice(sorted(morning.deputies))).replace("$place", rng.choice(sorted(morning.trips))))
        )
    order = random.Random(f"{morning.seed}/order")
    rows.sort()
    order.shuffle(rows)
    return [f"{clock(minute)}  {text}" for minute, text in rows]


def _said(morning: Morning, message: Message) -> str:
    text = spin(random.Random(f"{morning.seed}/said/{message.sent}"), _SAID[message.kind])
    return _filled(morning, message, text)


def _filled(morning: Morning, message: Message, text: str) -> str:
    kinds = {one.name: one.kind for one in morning.appointments} | {one.name: one.kind for one in morning.jobs}
    value = str(message.value) if message.kind == "road" else clock(message.value)
    filled = text.replace("$about", message.about).replace("$kind", kinds.get(message.about, ""))
    return filled.replace("$value", value).replace("$other", clock(message.other))
