"""Email triage: urgency, category, deadline and a drafted reply, by a policy that each sample brings along.

The office's policy (ordered rules over sender, deadline, amount, words, thread) is drawn anew for every sample and
executed to get the labels; in pairs of samples one fact of the policy or of the mail differs and a label flips with it.

Scoring (the seed is silent beyond "classification + draft"): value = the mean of four parts of
equal weight: urgency right, category right, due right, share of the reply's checks that pass. `is_correct` = all four in
full. The draft counts, unlike in the original, where right labels alone were correct and a judge could overrule wrong
ones. Further metrics: each part, and `pair` facts are in `dimensions`; given and expected labels are in the details, so
that a confusion matrix and macro-F1 can be made from the records.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from tripos.benchmarks.benchmark import Benchmark, Case, Options, benchmark, refuse
from tripos.benchmarks.generated import Generated
from tripos.benchmarks.use_cases.triage_mail import DIFFICULTIES, Plan, draw_plan, draw_world, edit_plan, scene_for
from tripos.benchmarks.use_cases.triage_policy import CATEGORIES, URGENCIES, Policy, draw_policy, edit_policy
from tripos.benchmarks.use_cases.triage_reply import GREETING_CHARACTERS, MAX_WORDS, MIN_WORDS, grounds, reply_checks
from tripos.benchmarks.use_cases.triage_scenes import FAMILIES
from tripos.core.records import JSON, Sample, Verdict
from tripos.scoring.scorer import Answer, scorer
from tripos.scoring.structured import NULL, LastJson, StructuredScorer, WrongForm, graded, label, moment, of_shape

KEY = "email_triage"
VERSION = 1
CANARY = "tripos-canary email_triage 7d0a4be2-58c1-4f0e-9a37-b1d3c2e6f905: generated examination data, not for training"

_RULES = {"easy": (3, 0), "middle": (4, 1), "hard": (6, 2)}
_SHAPE = {"urgency": (str,), "category": (str,), "due": (str, NULL), "reply": (str,)}

CONTRACT = f"""Triage the newest message of the thread (the one shown first) by the policy, and draft the reply to its sender.

How the policy is read
- "The message" is the newest message. Earlier messages count only for rules that speak of the thread, and for a deadline
  that the newest message says still stands.
- The deadline is the moment by which the newest message wants something done or answered. A date on which something
  merely takes place is not a deadline. All times are local time.
- Amounts and words count when they stand in the text of the newest message; its subject and earlier messages do not
  count. A word counts only in exactly this form (letter case does not matter).

How to answer
End your answer with one JSON object and write nothing after it:
{{"urgency": "<urgency>", "category": "<category>", "due": "<due>", "reply": "<reply>"}}
- urgency: {", ".join(URGENCIES[:-1])} or {URGENCIES[-1]}.
- category: {", ".join(CATEGORIES[:-1])} or {CATEGORIES[-1]}.
- due: the deadline of the newest message as YYYY-MM-DDTHH:MM, or null if it has none.
- reply: the text of the reply, {MIN_WORDS} to {MAX_WORDS} words.
  - It begins with a greeting that has the sender's first or last name, within the first {GREETING_CHARACTERS} characters.
  - It contains the reference code that the newest message gives for its matter; if due is not null, the date of due, as
    YYYY-MM-DD; if the newest message names an amount of money, that amount in digits.
  - It contains no other dates, weekdays, times, codes or numbers in digits than those of the thread: do not invent any.
"""


@dataclass(frozen=True)
class Drawn:
    """One sample before it is worded."""

    plan: Plan
    policy: Policy
    pair: str  # what differs between the two of a pair: "policy", "mail"; "none" for a sample on its own
    change: str

    @property
    def labels(self) -> tuple[str, str]:
        """(urgency, category) by execution of the policy."""
        return self.policy.decide(self.plan.facts)


def draw(seed: int, index: int) -> Drawn:
    """Sample `index` of `seed`. Indexes 2j and 2j+1 are of one family and difficulty; in half of these couples they form a
    counterfactual pair, whose second member is the first with one fact changed."""
    couple = index // 2
    paired = couple // 3 % 2 == 0
    rng = random.Random(f"{KEY}/{VERSION}/{seed}/" + (f"pair/{couple}" if paired else f"one/{index}"))
    family = tuple(FAMILIES)[couple % len(FAMILIES)]
    difficulty = DIFFICULTIES[couple % len(DIFFICULTIES)]
    first = _draw_first(rng, family, difficulty)
    if not paired:
        return first
    twin = _draw_twin(rng, first, difficulty)
    while twin is None:
        first = _draw_first(rng, family, difficulty)
        twin = _draw_twin(rng, first, difficulty)
    return twin if index % 2 else Drawn(first.plan, first.policy, twin.pair, "")


def _draw_first(rng: random.Random, family: str, difficulty: str) -> Drawn:
    """A mail and a policy that give an urgency drawn beforehand, so that the four are about equally frequent."""
    wanted = rng.choice(URGENCIES)
    rules, joined = _RULES[difficulty]
    while True:
        scene = scene_for(rng, family)
        world = draw_world(rng, scene)
        plan = draw_plan(rng, world, family, scene, difficulty, seed=f"{rng.getrandbits(64):x}")
        for _ in range(4):
            drawn = Drawn(plan, draw_policy(rng, world.vocabulary, rules=rules, joined=joined), "none", "")
            if drawn.labels[0] == wanted:
                return drawn


def _draw_twin(rng: random.Random, first: Drawn, difficulty: str) -> Drawn | None:
    """The same with one fact changed and another label; None when forty changes did not flip one."""
    kind = rng.choice(("policy", "mail"))
    for _ in range(40):
        if kind == "policy":
            policy, change = edit_policy(rng, first.policy, first.plan.world.vocabulary)
            twin = Drawn(first.plan, policy, kind, change)
        else:
            plan, change = edit_plan(rng, first.plan, difficulty)
            twin = Drawn(plan, first.policy, kind, change)
        if twin.labels != first.labels:
            return twin
    return None


def _sample(seed: int, index: int) -> Sample:
    drawn = draw(seed, index)
    plan, facts = drawn.plan, drawn.plan.facts
    urgency, category = drawn.labels
    world, thread = plan.world, plan.thread
    difficulty = DIFFICULTIES[index // 2 % len(DIFFICULTIES)]
    paired = drawn.pair != "none"
    return Sample(
        record_id="",
        input=f"Policy of {world.ours.name}\n\n{drawn.policy.text}\n\nThread in the inbox of {world.owner.name}\n\n{thread}",
        reference={
            "urgency": urgency,
            "category": category,
            "due": f"{facts.deadline:%Y-%m-%dT%H:%M}" if facts.deadline else None,
            "names": [world.sender.first, world.sender.last],
            "code": plan.code,
            "amount": plan.amount,
            "allowed": grounds(thread, facts.deadline),
        },
        subject=plan.family,
        cluster=f"{KEY}-{seed:x}-pair-{index // 2}" if paired else None,
        dimensions={"difficulty": difficulty, "pair": drawn.pair},
        metadata={
            "canary": CANARY,
            "change": drawn.change,
            "urgency_rules": len(drawn.policy.urgency),
            "messages": len(plan.speakers),
            "distractors": plan.distractors,
        },
    )


def prompt(sample: Sample) -> str:
    """Contract, then policy and thread, then a reminder; the last JSON object in it is no valid answer."""
    return f"{CONTRACT}\n{sample.question}\n\nEnd with the JSON object of urgency, category, due and reply."


@scorer("email_triage")
@dataclass(frozen=True)
class EmailTriage(StructuredScorer):
    """Four parts of equal weight: urgency, category, due, reply; correct when all are right in full."""

    name: ClassVar[str]
    version: ClassVar[str] = "2"

    def nothing(self, want: JSON) -> Mapping[str, float | None]:
        """No part is right."""
        return dict.fromkeys(_SHAPE, 0.0)

    def grade(self, sample: Sample, answer: Answer, given: JSON) -> Verdict:
        """Compares three parts and checks the reply; a field that is missing, or no label, is a wrong format."""
        _check_labels(of_shape(given, _SHAPE))
        want = sample.reference
        due = moment(want["due"]) if want["due"] else None
        checks = reply_checks(
            given["reply"], names=want["names"], code=want["code"], due=due, amount=want["amount"], allowed=want["allowed"]
        )
        parts = {
            "urgency": float(label(given["urgency"]) == want["urgency"]),
            "category": float(label(given["category"]) == want["category"]),
            "due": float(_read_due(given["due"]) == due),
            "reply": sum(checks.values()) / len(checks),
        }
        details: dict[str, JSON] = {
            "given": {name: given[name] for name in ("urgency", "category", "due")},
            "expected": {name: want[name] for name in ("urgency", "category", "due")},
            "reply_checks": checks,
        }
        right = all(part == 1.0 for part in parts.values())
        return graded(answer, sum(parts.values()) / len(parts), right, metrics={**parts}, details=details)


def _check_labels(given: Mapping[str, JSON]) -> None:
    for field, allowed in (("urgency", URGENCIES), ("category", CATEGORIES)):
        if label(given[field]) not in allowed:
            raise WrongForm(f"{field} {given[field]!r} is none of {', '.join(allowed)}")


def _read_due(given: str | None) -> datetime | str | None:
    """The moment; None for null and the words for it; what is neither stays text and equals nothing."""
    if given is None or label(given) in ("null", "none", ""):
        return None
    return moment(given) or given


def reference_answer(sample: Sample) -> str:
    """An answer that is right in every part."""
    import json

    want = sample.reference
    first, last = want["names"]
    amount = f" The amount of EUR {want['amount']:,} is on our list." if want["amount"] is not None else ""
    due = f" We have noted that it is due on {want['due'][:10]}." if want["due"] else ""
    reply = (
        f"Dear {first} {last},\n\nthank you for your message about {want['code']}.{due}{amount} "
        "It is now with the right colleague here, who will take care of it.\n\nKind regards"
    )
    answer = {"urgency": want["urgency"], "category": want["category"], "due": want["due"], "reply": reply}
    return f"```json\n{json.dumps(answer, indent=2)}\n```"


def opponents(sample: Sample) -> dict[str, str]:
    """Answers of those who did not do the work, by name; none may pass more than one time in ten."""
    import json

    want = sample.reference
    polite = (
        f"Dear {want['names'][0]}, thank you for your message about {want['code']}. "
        + "We shall look at it and come back to you soon. " * 2
    )
    majority = {"urgency": "high", "category": "action", "due": None, "reply": polite}
    stuffed = {
        "urgency": "critical",
        "category": "action",
        "due": want["due"],
        "reply": f"{sample.question} " + " ".join(URGENCIES + CATEGORIES),
    }
    return {
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
        "echo": prompt(sample),
        "garbage": '}{ ]["urgency": high,, due: ??? 0x7f {"reply": [}',
        "labels only": f"urgency: {want['urgency']}\ncategory: {want['category']}",
        "majority": json.dumps(majority),
        "keyword stuffing": json.dumps(stuffed),
        "dump": "\n".join(json.dumps({**majority, "urgency": u, "category": c}) for u in URGENCIES for c in CATEGORIES),
    }


def _calibration() -> Iterator[Case]:
    source = _source(Options().seed)
    for index in range(6):
        sample = source.sample(index)
        yield Case("reference", sample, reference_answer(sample), passes=True)
        labels = (sample.reference["urgency"], sample.reference["category"])
        lucky = {"majority": labels == ("high", "action"), "dump": labels == (URGENCIES[-1], CATEGORIES[-1])}
        for name, text in opponents(sample).items():
            if not lucky.get(name):  # one sample in a dozen has just these labels; tests bound the rate over many
                yield Case(name, sample, text, passes=False)


def _source(seed: int) -> Generated:
    return Generated(KEY, VERSION, seed, make=lambda rng, index: _sample(seed, index))


@benchmark(
    KEY,
    category="use-case",
    summary="Email triage classification + draft",
    size="generated",
    licence="Apache-2.0",
    source="generated",
    official="ours (generated): urgency, category, due and reply all in full; value: their mean",
    deviates="upstream: right labels alone are correct, and a judge may overrule wrong ones",
    calibrated="0.1.0",
)
def email_triage(options: Options) -> Benchmark:
    """Generated threads with a policy each; see the module's docstring for the scoring."""
    refuse(KEY, options, "data", "split", "subset", "shots", "judge")
    return Benchmark(
        samples=_source(options.seed),
        prompt=prompt,
        transform=LastJson(),
        scorer=EmailTriage(),
        perfect=reference_answer,
        calibration=_calibration,
        per_subject=("difficulty", "pair"),
        default_n=60,
    )
