"""Threads of e-mail: facts first, text from the facts.

A `Plan` holds everything that a thread says; `Plan.thread` words it. Each part of the text has a rng of its own, made
from the plan's seed, so that a plan that differs in one fact reads the same everywhere else.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from string import Template

from tripos.benchmarks.use_cases.invented_names import Company, Inventor, Person, spin
from tripos.benchmarks.use_cases.triage_policy import SENDER_CLASSES, Facts, Vocabulary
from tripos.benchmarks.use_cases.triage_scenes import FAMILIES, SAME_IN_OTHER_WORDS, WORD_SENTENCES, Scene

DIFFICULTIES = ("easy", "middle", "hard")
_MESSAGES = {"easy": (1, 2), "middle": (2, 3), "hard": (3, 5)}
_DISTRACTORS = {"easy": 0, "middle": 1, "hard": 2}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


@dataclass(frozen=True)
class World:
    """The office that is written to and everybody who may turn up."""

    ours: Company
    owner: Person
    sender: Person
    others: tuple[Person, ...]
    place: str
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Plan:
    """The facts of a thread. `speakers` has one entry a message, oldest first, True where the sender speaks."""

    world: World
    family: str
    scene: Scene
    seed: str
    thing: str
    code: str
    old_code: str
    sent: tuple[datetime, ...]
    speakers: tuple[bool, ...]
    asks: str
    settled: bool
    deadline: datetime | None
    style: str  # "absolute", "hours" or "stands"
    old_deadline: datetime | None
    amount: int | None
    old_amount: int | None
    word: str | None
    old_word: str | None
    distractors: int

    @property
    def renumbered(self) -> bool:
        """Whether the newest message gives another reference code than the earlier ones."""
        return self.distractors > 1 and len(self.speakers) > 1

    @property
    def first_code(self) -> str:
        """The reference code of the earlier messages."""
        return self.old_code if self.renumbered else self.code

    @cached_property
    def body(self) -> str:
        """The newest message, without its headers."""
        return _newest_body(self)

    @cached_property
    def facts(self) -> Facts:
        """What a policy sees."""
        unanswered = 0
        for spoke in reversed(self.speakers):
            if not spoke:
                break
            unanswered += 1
        return Facts(
            sender=self.world.sender.name,
            domain=self.world.sender.domain,
            sent=self.sent[-1],
            body=self.body,
            asks=self.asks,
            deadline=self.deadline,
            amount=self.amount,
            private=self.scene.private,
            settled=self.settled,
            unanswered=unanswered,
        )

    @property
    def thread(self) -> str:
        """The whole thread as the prompt shows it, newest message first."""
        last = len(self.speakers) - 1
        shown = [_with_headers(self, last, self.body)]
        shown += [_with_headers(self, i, _earlier_body(self, i)) for i in range(last - 1, -1, -1)]
        return "\n\n--- earlier message ---\n".join(shown)


# ------------------------------------------------------------------------------------------------------------- drawing


def draw_world(rng: random.Random, scene: Scene) -> World:
    """People, companies and the directory of domains; the sender belongs to a class that fits the scene."""
    inventor = Inventor(rng)
    ours = inventor.company()
    outside = {kind: (inventor.company(), inventor.company()) for kind in ("customer", "supplier", "authority")}
    directory = {kind: tuple(c.domain for c in outside[kind]) if kind in outside else (ours.domain,) for kind in SENDER_CLASSES}
    sender = inventor.person(rng.choice(directory[rng.choice(scene.classes)]))
    others = tuple(inventor.person(rng.choice(directory[kind])) for kind in SENDER_CLASSES)
    people = [sender.name, *(p.name for p in others)]
    rng.shuffle(people)
    words = sorted({*scene.words, *rng.sample(sorted(WORD_SENTENCES), 3)})
    vocabulary = Vocabulary(tuple(people), tuple(words), directory)
    return World(ours, inventor.person(ours.domain), sender, others, inventor.place(), vocabulary)


def draw_plan(rng: random.Random, world: World, family: str, scene: Scene, difficulty: str, seed: str) -> Plan:
    """A thread of that scene; `difficulty` decides its length, its distractors and how plainly it speaks."""
    inventor = Inventor(rng)
    speakers = _draw_speakers(rng, rng.randint(*_MESSAGES[difficulty]))
    sent = _draw_times(rng, len(speakers))
    has_past = len(speakers) > 1
    settled = has_past and rng.random() < 0.2
    asks = "none" if settled else rng.choices(("task", "choice", "none"), (4, 4, 2))[0]
    old_deadline = _clock(sent[0] + timedelta(hours=rng.randint(20, 75 * len(speakers)))) if has_past else None
    plan = Plan(
        world=world,
        family=family,
        scene=scene,
        seed=seed,
        thing=rng.choice(scene.things),
        code=inventor.code(),
        old_code=inventor.code(),
        sent=sent,
        speakers=speakers,
        asks=asks,
        settled=settled,
        deadline=None,
        style="absolute",
        old_deadline=old_deadline,
        amount=_draw_amount(rng) if scene.money and not settled and rng.random() < 0.6 else None,
        old_amount=_draw_amount(rng) if scene.old_money and has_past and rng.random() < 0.7 else None,
        word=rng.choice(scene.words) if rng.random() < 0.5 else None,
        old_word=rng.choice(scene.words) if has_past and rng.random() < 0.5 else None,
        distractors=_DISTRACTORS[difficulty],
    )
    return _with_deadline(rng, plan, difficulty) if asks != "none" and rng.random() < 0.8 else plan


def _draw_speakers(rng: random.Random, count: int) -> tuple[bool, ...]:
    """Who wrote which message: the sender begins and has the last word, and we never write twice running."""
    speakers = [True]
    while len(speakers) < count - 1:
        speakers.append(not speakers[-1] or rng.random() < 0.4)
    return (*speakers, True) if count > 1 else (True,)


def _draw_times(rng: random.Random, count: int) -> tuple[datetime, ...]:
    """Office hours of successive days, never on a half-hour, so that no deadline falls exactly on a policy's limit."""
    day = datetime(2027, 1, 4) + timedelta(days=rng.randrange(700))
    times = []
    for _ in range(count):
        while day.weekday() > 4:
            day += timedelta(days=1)
        times.append(day + timedelta(hours=rng.randint(8, 16), minutes=rng.choice((5, 10, 15, 20, 25, 35, 40, 45, 50, 55))))
        day += timedelta(days=rng.randint(1, 4))
    return tuple(times)


def _clock(moment: datetime) -> datetime:
    """The nearest half-hour of a working day's clock, 07:00 to 20:00."""
    half = moment.replace(minute=30 if moment.minute >= 30 else 0)
    return half.replace(hour=min(max(half.hour, 7), 19))


def _with_deadline(rng: random.Random, plan: Plan, difficulty: str) -> Plan:
    sent = plan.sent[-1]
    style = rng.choice(("absolute", "hours", "stands")) if difficulty == "hard" else "absolute"
    if style == "stands" and plan.old_deadline is not None and plan.old_deadline > sent:
        return replace(plan, deadline=plan.old_deadline, style="stands")
    hours = rng.choice((4, 8, 15, 22, 30, 40, 54, 66, 80, 110, 150))
    if style == "hours":
        return replace(plan, deadline=sent + timedelta(hours=hours), style="hours")
    deadline = _clock(sent + timedelta(hours=hours))
    return replace(plan, deadline=deadline if deadline > sent + timedelta(hours=1) else deadline + timedelta(days=1), style="absolute")


def _draw_amount(rng: random.Random) -> int:
    return rng.choice((rng.randrange(110, 990, 10), rng.randrange(1_050, 9_950, 50), rng.randrange(10_100, 48_000, 100)))


def edit_plan(rng: random.Random, plan: Plan, difficulty: str) -> tuple[Plan, str]:
    """The plan with one fact of its newest message changed, and which."""
    what = rng.choice(("deadline", "amount", "word"))
    if what == "deadline" and plan.deadline is not None:
        return _with_deadline(rng, plan, difficulty), what
    if what == "amount" and plan.amount is not None:
        return replace(plan, amount=_draw_amount(rng)), what
    return replace(plan, word=rng.choice([w for w in (*plan.scene.words, None) if w != plan.word])), "word"


def scene_for(rng: random.Random, family: str) -> Scene:
    """One of the family's scenes."""
    return rng.choice(FAMILIES[family])


# ------------------------------------------------------------------------------------------------------------- wording


def _say(plan: Plan, part: str, text: str, **values: str) -> str:
    rng = random.Random(f"{plan.seed}/{part}")
    filled = Template(spin(rng, text)).substitute(thing=plan.thing, place=plan.world.place, **values)
    return filled[:1].upper() + filled[1:]


def long_date(moment: datetime) -> str:
    """`Thursday, 12 March 2026`."""
    return f"{_WEEKDAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _money(plan: Plan, part: str, amount: int) -> str:
    return random.Random(f"{plan.seed}/{part}/form").choice((f"EUR {amount:,}", f"{amount:,} euros", f"€{amount:,}"))


def _when(plan: Plan, part: str, moment: datetime) -> str:
    clock = f"{moment:%H:%M}"
    rng = random.Random(f"{plan.seed}/{part}/form")
    if rng.random() < 0.5:
        return f"{long_date(moment)}, {clock}"
    return f"{clock} on {_WEEKDAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _deadline_sentence(plan: Plan) -> str:
    assert plan.deadline is not None
    if plan.style == "stands":
        return _say(
            plan,
            "stands",
            "{The deadline of my first message still stands|The deadline that I gave you in my first message has not changed}.",
        )
    if plan.style == "hours":
        hours = int((plan.deadline - plan.sent[-1]).total_seconds() // 3600)
        return _say(
            plan, "hours", f"{{You have|We can give you}} exactly {hours} hours, counted from the moment at which this message was sent."
        )
    moment = _when(plan, "deadline", plan.deadline)
    if plan.asks == "choice":
        return _say(plan, "due", f"{{We need your answer by|Let us have your answer no later than|The last moment for it is}} {moment}.")
    return _say(plan, "due", f"{{This has to be done by|It must be done no later than|The last moment for it is}} {moment}.")


def _newest_body(plan: Plan) -> str:
    scene, middle = plan.scene, []
    if plan.settled:
        opening = _say(
            plan,
            "settled",
            "{An update|Good news} on the $thing ($code): {the matter is closed|we regard the matter as closed}, "
            "{and nothing more is asked of you|so that there is nothing left for you to do}.",
            code=plan.code,
        )
    else:
        opening = _say(plan, "opening", scene.opening, code=plan.code)
        if plan.amount is not None:
            middle.append(_say(plan, "money", scene.money, amount=_money(plan, "money", plan.amount)))
    if plan.word is not None:
        middle.append(_say(plan, "word", WORD_SENTENCES[plan.word]))
    elif scene.serious and not plan.settled and plan.distractors:
        middle.append(_say(plan, "other words", random.Random(f"{plan.seed}/other").choice(SAME_IN_OTHER_WORDS)))
    middle += _distractions(plan)
    if plan.renumbered:
        middle.append(
            _say(plan, "renumbered", "The number $old of my first message {is no longer valid|was a mistake}.", old=plan.old_code)
        )
    random.Random(f"{plan.seed}/order").shuffle(middle)
    ask = "" if plan.settled else _say(plan, "ask", {"task": scene.task, "choice": scene.choice, "none": scene.none}[plan.asks])
    due = _deadline_sentence(plan) if plan.deadline is not None else ""
    return _letter(plan, "newest", plan.world.owner, plan.world.sender, [opening, *middle, ask, due])


def _distractions(plan: Plan) -> list[str]:
    """Dates that are no deadlines and people who are not the sender."""
    rng = random.Random(f"{plan.seed}/distractions")
    date = long_date(plan.sent[-1] + timedelta(days=rng.randint(2, 30)))
    other = rng.choice(plan.world.others).name
    said = [
        spin(rng, f"{{Our office is closed on|The stocktaking here takes place on|The next fire drill here is on}} {date}."),
        spin(rng, f"{{{other} has asked me about it as well|I have told {other} about it|{other} sends greetings}}."),
    ]
    rng.shuffle(said)
    return said[: plan.distractors]


def _earlier_body(plan: Plan, index: int) -> str:
    part = f"earlier {index}"
    if not plan.speakers[index]:
        text = (
            "{Thank you for your message|Many thanks for writing}. "
            "{We have taken note of it|I have passed it on} and {will write again|shall be in touch}."
        )
        return _letter(plan, part, plan.world.sender, plan.world.owner, [_say(plan, part, text)])
    if index != plan.speakers.index(True):
        text = "{I am still waiting for an answer to|May I remind you of|I come back to} {my first message|what I wrote first}."
        reminder = _say(plan, part, text)
        return _letter(plan, part, plan.world.owner, plan.world.sender, [reminder])
    sentences = [_say(plan, part, plan.scene.opening, code=plan.first_code)]
    if plan.old_amount is not None:
        sentences.append(_say(plan, f"{part} money", plan.scene.old_money, amount=_money(plan, "old money", plan.old_amount)))
    if plan.old_word is not None:
        sentences.append(_say(plan, f"{part} word", WORD_SENTENCES[plan.old_word]))
    if plan.old_deadline is not None:
        sentences.append(f"The deadline for this is {_when(plan, 'old deadline', plan.old_deadline)}.")
    return _letter(plan, part, plan.world.owner, plan.world.sender, sentences)


def _letter(plan: Plan, part: str, to: Person, by: Person, sentences: list[str]) -> str:
    rng = random.Random(f"{plan.seed}/{part}/letter")
    greeting = spin(rng, f"{{Dear {to.first}|Hello {to.first}|Dear {to.name}}},")
    closing = spin(rng, "{Kind regards|Best wishes|Yours sincerely|With best regards},")
    return f"{greeting}\n\n{' '.join(s for s in sentences if s)}\n\n{closing}\n{by.name}"


def _with_headers(plan: Plan, index: int, body: str) -> str:
    sender, owner = plan.world.sender, plan.world.owner
    by, to = (sender, owner) if plan.speakers[index] else (owner, sender)
    newest = index == len(plan.speakers) - 1
    subject = _say(plan, "subject", plan.scene.subject, code=plan.code if newest else plan.first_code)
    sent = plan.sent[index]
    lines = [f"From: {by.name} <{by.address}>", f"To: {to.name} <{to.address}>", f"Date: {long_date(sent)}, {sent:%H:%M}"]
    lines.append(f"Subject: {'Re: ' if index else ''}{subject}")
    return "\n".join(lines) + f"\n\n{body}"
