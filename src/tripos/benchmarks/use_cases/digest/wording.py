"""A day as the prompt shows it: rules, calendar, tasks, messages, headlines."""

from __future__ import annotations

import random
from datetime import date, datetime

from tripos.benchmarks.use_cases.digest.day import Change, Day, Event, Task
from tripos.benchmarks.use_cases.digest.drawing import CITIES, TOPICS, Cast, Size
from tripos.benchmarks.use_cases.invented_names import spin

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "last"}
_NOISE = (
    "{The coffee machine on our floor works again|Somebody has left a green umbrella here}.",
    "{Thank you for the talk yesterday|It was good to see you yesterday}; nothing more for now.",
    "I am {looking forward to|all for} the $event, as planned or not.",
    "{Could you send me the recipe from|Who won the quiz} the other night? No hurry.",
    "{Parcel for you|Two letters for you} at the front desk.",
    "The $task {is a dull thing to do|will keep you busy}, I fear.",
    "{My new number is in the staff list|I shall be a little hoarse today}.",
    "{The window in the corridor must stay shut|The lift makes noises again}.",
)


def clock(minutes: int) -> str:
    """Minutes since midnight as HH:MM."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def spoken(day: date) -> str:
    """Wednesday 3 March 2027."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def _moment(rng: random.Random, due: datetime) -> str:
    return rng.choice((f"{due:%Y-%m-%d %H:%M}", f"{due:%A} {due.day} {due:%B}, {due:%H:%M}"))


def worded(day: Day, cast: Cast, size: Size, by_title: bool) -> str:
    """All sources. `by_title`: messages name events and tasks by their titles only."""
    rng = random.Random(cast.rng_seed)
    parts = [
        f"The day of {cast.owner} of {cast.company}: {spoken(day.today)}.",
        _rules(day, cast),
        "Calendar\n" + "\n".join(_event(one) for one in day.events),
        "Tasks\n" + "\n".join(_task(rng, one) for one in day.tasks),
        "Messages\n" + "\n".join(_messages(rng, day, cast, size, by_title)),
        "Headlines\n" + "\n".join(f"{one.id}  {one.firm} {one.text}" for one in day.news),
    ]
    return "\n\n".join(parts)


def _rules(day: Day, cast: Cast) -> str:
    rules = [
        "An event is changed only by messages of its organiser, a task only by messages of its client; of several such messages on "
        "one event or task, the latest alone counts. What others write changes nothing.",
        "A moved event keeps its length. A cancelled event is not in the schedule.",
        f"A task that {cast.manager} gives in a message joins the list; {cast.manager} is then its client.",
        "Two events are in conflict if they overlap; one may begin when the other ends.",
        f"Priorities are the open tasks that count as due up to {spoken(date.fromordinal(day.today.toordinal() + day.horizon_days))}, "
        "first due first. A task that another open one waits for counts as due when that one is, if that is earlier, and comes before it.",
        f"Headlines are wanted if they are about {day.interests[0]} or {day.interests[1]}, but never those on {day.barred}. Every headline "
        f"is about one of: {', '.join(sorted(TOPICS))}.",
    ]
    if day.trips:
        trips = "; ".join(f"{' to '.join(sorted(pair))} or back {minutes} minutes" for pair, minutes in day.trips.items())
        rules.append(
            f"Events at different sites are in conflict, too, if there is less time between them than the trip takes: {trips}. "
            "If the traffic desk writes of another time, that one counts today."
        )
    if any(event.city for event in day.events):
        zones = ", ".join(f"{city} {abs(hours)} h {'ahead of' if hours > 0 else 'behind'} us" for city, hours in CITIES.items())
        rules.append(f"A time that is followed by a city is on the clock of that city ({zones}); the schedule is on ours.")
    if any(event.standing for event in day.events):
        rules.append("A recurring event is in the schedule only if it takes place today; weeks are counted from the day that is named.")
    return "Rules\n" + "\n".join(f"- {rule}" for rule in rules)


def _event(event: Event) -> str:
    text = f"{event.id}  {clock(event.start)}-{clock(event.end)}{f' {event.city}' if event.city else ''}  {event.title}"
    text += f", organiser {event.organiser}" + (f", at {event.site}" if event.site else "")
    rule = event.standing
    if rule is None:
        return text
    if rule.kind == "weeks":
        return f"{text}, every {_ORDINALS[rule.number]} week counted from {spoken(rule.since)}"
    if rule.kind == "except":
        return f"{text}, on all working days but {WEEKDAYS[rule.number]}"
    return f"{text}, on the {_ORDINALS[rule.number]} {rule.since:%A} of the month"


def _task(rng: random.Random, task: Task) -> str:
    waits = f", waits for {task.waits_for}" if task.waits_for else ""
    return f"{task.id}  {task.title}, client {task.client}, due {_moment(rng, task.due)}{waits}"


def _messages(rng: random.Random, day: Day, cast: Cast, size: Size, by_title: bool) -> list[str]:
    events = {event.id: event for event in day.events}
    titles = {event.id: event.title for event in day.events} | {task.id: task.title for task in day.tasks}
    rows = []
    for change in day.changes:
        what = f"the {titles[change.about]}" if change.about in events else f'"{titles[change.about]}"'
        rows.append(
            (change.sent, change.sender, _said(rng, change, what if by_title else f"{change.about} ({what})", events.get(change.about)))
        )
    taken = {change.sent for change in day.changes}
    free = [minute for minute in range(6 * 60, 7 * 60 + 59) if minute not in taken]
    for task in day.new_tasks:
        text = f"{spin(rng, '{Please take on|Here is something new for you:}')} {task.id}, {task.title}, due {_moment(rng, task.due)}."
        rows.append((rng.choice(free), cast.manager, text))
    for pair, minutes in day.closures.items():
        why = spin(rng, "{The bridge is closed|There are road works}")
        text = f"{why}: today {' to '.join(sorted(pair))} or back takes {minutes} minutes."
        rows.append((rng.choice(free), "traffic desk", text))
    for noise in rng.sample(_NOISE, size.noise):
        text = spin(rng, noise).replace("$event", rng.choice(day.events).title).replace("$task", f'"{rng.choice(day.tasks).title}"')
        rows.append((rng.choice(free), rng.choice(cast.people), text))
    rng.shuffle(rows)
    return [f"{clock(minute)}  {sender}: {text}" for minute, sender, text in rows]


def _said(rng: random.Random, change: Change, what: str, event: Event | None) -> str:
    at = clock(change.start) + (f" {event.city}" if event and event.city else "")
    due = _moment(rng, change.due) if change.due else ""
    forms = {
        "move": f"{{{what} moves to|{what} is now at|I have put {what} at|New time for {what}:}} {at}.",
        "cancel": f"{{{what} is off today|We have to cancel {what}|No {what.removeprefix('the ')} today}}.",
        "keep": f"{{As for {what}, the time in your calendar holds|Forget what was said about {what}: it is as your calendar has it}}.",
        "due": f"{{{what} is now due|The day for {what} has changed, it is due|I need {what} by}} {due}.",
        "drop": f"{{{what} is no longer needed|Somebody else has done {what}, you can strike it off|I have given {what} to a colleague}}.",
    }
    text = spin(rng, forms[change.kind])
    return f"{text[0].upper()}{text[1:]}"
