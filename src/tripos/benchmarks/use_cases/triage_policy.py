"""Triage policies: ordered rules that decide how urgent a message is and what kind of message it is.

A policy is data. It can be drawn, worded for the prompt, executed over the facts of a message, and edited in one fact
only, so that every label in `email_triage` is computed and changes when the policy does.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

URGENCIES = ("critical", "high", "medium", "low")
CATEGORIES = ("action", "info", "decision", "social")
SENDER_CLASSES = ("customer", "supplier", "authority", "colleague")

Directory = Mapping[str, tuple[str, ...]]
"""Sender class to mail domains."""


@dataclass(frozen=True)
class Facts:
    """What a policy can see of a thread. `unanswered` counts the sender's messages since our last reply, the newest included."""

    sender: str
    domain: str
    sent: datetime
    body: str
    asks: str  # "task", "choice" or "none"
    deadline: datetime | None
    amount: int | None
    private: bool
    settled: bool
    unanswered: int


@dataclass(frozen=True)
class Condition:
    """One test of a message: a kind and its parameter (names, words, a class, hours, euros, a count, an ask)."""

    kind: str
    value: Any = None

    def holds(self, facts: Facts, directory: Directory) -> bool:
        """Whether the message passes."""
        return _TESTS[self.kind](facts, self.value, directory)

    @property
    def text(self) -> str:
        """The condition in words, after 'the message …'."""
        return _WORDING[self.kind](self.value)


@dataclass(frozen=True)
class Rule:
    """If all conditions hold, the label is `label`."""

    conditions: tuple[Condition, ...]
    label: str

    def applies(self, facts: Facts, directory: Directory) -> bool:
        """Whether all conditions hold."""
        return all(c.holds(facts, directory) for c in self.conditions)

    @property
    def text(self) -> str:
        """The rule as one line of the prompt."""
        return f"{self.label}: the message {' and '.join(c.text for c in self.conditions)}."


@dataclass(frozen=True)
class Policy:
    """Two ordered lists, in each of which the first rule that applies decides."""

    directory: Directory
    urgency: tuple[Rule, ...]
    urgency_otherwise: str
    category: tuple[Rule, ...]
    category_otherwise: str = "info"

    def decide(self, facts: Facts) -> tuple[str, str]:
        """(urgency, category)."""
        return (
            _first(self.urgency, facts, self.directory, self.urgency_otherwise),
            _first(self.category, facts, self.directory, self.category_otherwise),
        )

    @property
    def text(self) -> str:
        """The policy as the prompt shows it."""
        plural = {"customer": "Customers", "supplier": "Suppliers", "authority": "Authorities", "colleague": "Colleagues"}
        lines = ["Directory (who writes from which domain)"]
        lines += [f"  {plural[kind]}: {', '.join(domains)}" for kind, domains in self.directory.items()]
        for title, rules, otherwise in (
            ("Urgency", self.urgency, self.urgency_otherwise),
            ("Category", self.category, self.category_otherwise),
        ):
            lines += ["", f"{title} (the first rule that applies decides)"]
            lines += [f"  {number}. {rule.text}" for number, rule in enumerate(rules, 1)]
            lines.append(f"  Otherwise: {otherwise}.")
        return "\n".join(lines)


def _first(rules: Sequence[Rule], facts: Facts, directory: Directory, otherwise: str) -> str:
    return next((rule.label for rule in rules if rule.applies(facts, directory)), otherwise)


def has_word(body: str, words: Sequence[str]) -> bool:
    """Whether one of the words stands in the body as a whole word, in any letter case."""
    return re.search(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", body, re.IGNORECASE) is not None


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


_TESTS: dict[str, Callable[[Facts, Any, Directory], bool]] = {
    "person": lambda f, names, _: f.sender in names,
    "class": lambda f, kind, directory: f.domain in directory[kind],
    "due_within": lambda f, hours, _: f.deadline is not None and f.deadline - f.sent <= timedelta(hours=hours),
    "amount_over": lambda f, euros, _: f.amount is not None and f.amount > euros,
    "word": lambda f, words, _: has_word(f.body, words),
    "unanswered": lambda f, count, _: f.unanswered >= count,
    "asks": lambda f, ask, _: f.asks == ask,
    "no_deadline": lambda f, _, __: f.deadline is None,
    "private": lambda f, _, __: f.private,
    "settled": lambda f, _, __: f.settled,
}

_WORDING: dict[str, Callable[[Any], str]] = {
    "person": lambda names: f"was sent by {_listed(names)}",
    "class": lambda kind: f"was sent by {'an' if kind == 'authority' else 'a'} {kind} (see the directory)",
    "due_within": lambda hours: f"has a deadline that is at most {hours} hours after it was sent",
    "amount_over": lambda euros: f"names an amount of more than EUR {euros:,}",
    "word": lambda words: f"contains {'the word' if len(words) == 1 else 'one of the words'} {_listed(words)}",
    "unanswered": lambda count: (
        f"is at least its sender's {'second' if count == 2 else 'third'} one in the thread without a reply of ours in between"
    ),
    "asks": lambda ask: {
        "choice": "asks us to approve or refuse something, or to choose between options",
        "task": "asks us to do something other than approving, refusing or choosing",
        "none": "asks nothing of us",
    }[ask],
    "no_deadline": lambda _: "has no deadline",
    "private": lambda _: "is about a private or festive occasion (such as a birthday, a wedding, a farewell or an outing)",
    "settled": lambda _: "says that its matter is closed",
}

# ------------------------------------------------------------------------------------------------------------- drawing

HOURS = (6, 12, 18, 24, 36, 48, 72, 96)
EUROS = (500, 1_000, 2_500, 5_000, 7_500, 10_000, 20_000)
_URGENCY_LABELS = {
    "person": ("critical", "high", "medium"),
    "class": URGENCIES,
    "due_within": ("critical", "high"),
    "amount_over": ("critical", "high", "medium"),
    "word": ("critical", "high", "medium"),
    "unanswered": ("critical", "high", "medium"),
    "asks": ("high", "medium"),
    "no_deadline": ("medium", "low"),
    "private": ("low",),
    "settled": ("low",),
}
_CATEGORY_LABELS = {
    "class": ("action", "info", "decision"),
    "amount_over": ("decision", "action"),
    "word": ("decision", "action"),
    "unanswered": ("action",),
    "settled": ("info",),
    "person": ("decision", "action"),
}


@dataclass(frozen=True)
class Vocabulary:
    """What the parameters of a policy are drawn from: people of the story, words that may stand in the message, the directory."""

    people: tuple[str, ...]
    words: tuple[str, ...]
    directory: Directory


def draw_policy(rng: random.Random, vocabulary: Vocabulary, *, rules: int, joined: int) -> Policy:
    """A policy with `rules` urgency rules, of which `joined` have two conditions, and three to five category rules."""
    kinds = rng.sample([k for k in _URGENCY_LABELS if k != "due_within"], rules - 1)
    kinds.insert(rng.randrange(rules), "due_within")
    double = set(rng.sample(range(rules), joined))
    urgency = tuple(_draw_rule(rng, vocabulary, kind, _URGENCY_LABELS[kind], double=i in double) for i, kind in enumerate(kinds))
    private = Rule((Condition("private"),), "social")
    asked = [Rule((Condition("asks", "choice"),), "decision"), Rule((Condition("asks", "task"),), "action")]
    extra_kinds = rng.sample(sorted(_CATEGORY_LABELS), 1 if rules < 5 else 2)
    extra = [_draw_rule(rng, vocabulary, kind, _CATEGORY_LABELS[kind], double=False) for kind in extra_kinds]
    rng.shuffle(asked)
    category = [private, *extra, *asked] if rng.random() < 0.5 else [*extra, private, *asked]
    otherwise = rng.choice(("medium", "low", "high"))
    return Policy(vocabulary.directory, urgency, otherwise, tuple(category))


def _draw_rule(rng: random.Random, vocabulary: Vocabulary, kind: str, labels: Sequence[str], *, double: bool) -> Rule:
    conditions = [_draw_condition(rng, vocabulary, kind)]
    if double:
        apart = {"settled": ("asks", "amount_over")}.get(kind, ())
        second = rng.choice([k for k in ("class", "asks", "amount_over", "unanswered") if k != kind and k not in apart])
        conditions.append(_draw_condition(rng, vocabulary, second))
    return Rule(tuple(conditions), rng.choice(labels))


def _draw_condition(rng: random.Random, vocabulary: Vocabulary, kind: str) -> Condition:
    drawn: dict[str, Callable[[], Any]] = {
        "person": lambda: tuple(rng.sample(vocabulary.people, rng.randint(2, 3))),
        "class": lambda: rng.choice(SENDER_CLASSES),
        "due_within": lambda: rng.choice(HOURS),
        "amount_over": lambda: rng.choice(EUROS),
        "word": lambda: tuple(rng.sample(vocabulary.words, rng.randint(2, 4))),
        "unanswered": lambda: rng.randint(2, 3),
        "asks": lambda: rng.choice(("choice", "task")),
    }
    return Condition(kind, drawn[kind]() if kind in drawn else None)


# ------------------------------------------------------------------------------------------------------------- editing


def edit_policy(rng: random.Random, policy: Policy, vocabulary: Vocabulary) -> tuple[Policy, str]:
    """The policy with one fact changed, and what it was: a parameter, a label, or the order of two neighbours."""
    name = rng.choice(("urgency", "urgency", "category"))
    rules = list(policy.urgency if name == "urgency" else policy.category)
    at = rng.randrange(len(rules))
    rule = rules[at]
    tunable = [i for i, c in enumerate(rule.conditions) if c.value is not None and c.kind != "asks"]
    how = rng.choice(("parameter", "parameter", "order", "label"))
    if how == "parameter" and tunable:
        i = rng.choice(tunable)
        changed = list(rule.conditions)
        changed[i] = _draw_condition(rng, vocabulary, changed[i].kind)
        rules[at] = replace(rule, conditions=tuple(changed))
    elif how == "label" and name == "urgency":
        rules[at] = replace(rule, label=rng.choice([u for u in URGENCIES if u != rule.label]))
    elif at + 1 < len(rules):
        how = "order"
        rules[at], rules[at + 1] = rules[at + 1], rules[at]
    edited = replace(policy, urgency=tuple(rules)) if name == "urgency" else replace(policy, category=tuple(rules))
    return edited, f"{name} rule {at + 1}: {how}"
