"""Email triage: labels follow the policy, the draft counts, and nobody passes without the work."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.benchmarks.benchmark import Options, benchmarks
from tripos.benchmarks.use_cases.email_triage import draw, opponents, prompt, reference_answer
from tripos.benchmarks.use_cases.triage_policy import CATEGORIES, URGENCIES, Condition, Facts, Policy, Rule
from tripos.benchmarks.use_cases.triage_reply import grounds, reply_checks, tokens
from tripos.benchmarks.use_cases.triage_scenes import FAMILIES, SAME_IN_OTHER_WORDS, WORD_SENTENCES
from tripos.core.records import Completion, Outcome, Sample, Verdict
from tripos.scoring.answers import visible
from tripos.scoring.scorer import Answer, Instruments

BENCHMARK = benchmarks.get("email_triage").build(Options(seed=42))
SAMPLES = [BENCHMARK.samples.sample(i) for i in range(200)]  # type: ignore[attr-defined]


def score(sample: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    seen = visible(text)
    answer = Answer(text=seen, completion=Completion(text=text, finish_reason=finish_reason), extraction=BENCHMARK.transform(sample, seen))
    verdict = BENCHMARK.scorer.score(sample, answer, Instruments())
    assert isinstance(verdict, Verdict)
    return verdict


def changed(sample: Sample, **fields: object) -> str:
    given = json.loads(reference_answer(sample).strip("`").removeprefix("json"))
    return json.dumps({**given, **fields})


class TestPolicy:
    FACTS = Facts(
        sender="Bubre Mozby",
        domain="klagern.example",
        sent=datetime(2027, 3, 15, 14, 15),
        body="Our board knows of it. Please approve or refuse it.",
        asks="choice",
        deadline=datetime(2027, 3, 16, 14, 15),
        amount=2500,
        private=False,
        settled=False,
        unanswered=2,
    )
    DIRECTORY = {"customer": ("malol.example",), "supplier": ("klagern.example",), "authority": (), "colleague": ()}

    @pytest.mark.parametrize(
        ("kind", "holds", "fails"),
        [
            ("person", ("Bubre Mozby", "Maren Rebetti"), ("Bubre Mozb",)),
            ("class", "supplier", "customer"),
            ("due_within", 24, 23),
            ("amount_over", 2499, 2500),
            ("word", ("press", "BOARD"), ("boar", "boards")),
            ("unanswered", 2, 3),
            ("asks", "choice", "task"),
        ],
    )
    def test_each_condition_at_its_limit(self, kind: str, holds: object, fails: object) -> None:
        assert Condition(kind, holds).holds(self.FACTS, self.DIRECTORY)
        assert not Condition(kind, fails).holds(self.FACTS, self.DIRECTORY)

    def test_without_deadline_or_amount_no_limit_is_met(self) -> None:
        bare = replace(self.FACTS, deadline=None, amount=None)
        assert not Condition("due_within", 96).holds(bare, self.DIRECTORY)
        assert not Condition("amount_over", 0).holds(bare, self.DIRECTORY)
        assert Condition("no_deadline").holds(bare, self.DIRECTORY)

    def test_the_first_rule_that_applies_decides(self) -> None:
        soon = Rule((Condition("due_within", 24),), "critical")
        supplier = Rule((Condition("class", "supplier"),), "low")
        both = Rule((Condition("class", "supplier"), Condition("amount_over", 5000)), "medium")
        decision = Rule((Condition("asks", "choice"),), "decision")
        assert Policy(self.DIRECTORY, (both, soon, supplier), "high", (decision,)).decide(self.FACTS) == ("critical", "decision")
        assert Policy(self.DIRECTORY, (both, supplier, soon), "high", (decision,)).decide(self.FACTS) == ("low", "decision")
        assert Policy(self.DIRECTORY, (both,), "high", ()).decide(self.FACTS) == ("high", "info")

    def test_it_is_worded_in_full(self) -> None:
        rule = Rule((Condition("class", "authority"), Condition("due_within", 12)), "critical")
        text = Policy(self.DIRECTORY, (rule,), "low", ()).text
        assert "1. critical: the message was sent by an authority (see the directory) and has a deadline that is at most 12 hours" in text
        assert "Otherwise: low." in text
        assert "Suppliers: klagern.example" in text


class TestPhrasings:
    def test_no_text_but_its_own_sentence_uses_a_listed_word(self) -> None:
        texts = [*SAME_IN_OTHER_WORDS]
        for scenes in FAMILIES.values():
            for s in scenes:
                texts += [s.subject, s.opening, s.task, s.choice, s.none, s.money, s.old_money, *s.things]
        for word in WORD_SENTENCES:
            others = [sentence for other, sentence in WORD_SENTENCES.items() if other != word]
            assert not [t for t in texts + others if re.search(word, t, re.IGNORECASE)], word

    def test_every_phrasing_of_a_word_has_the_word(self) -> None:
        for word, sentence in WORD_SENTENCES.items():
            outside = re.sub(r"\{[^}]*\}", "", sentence)
            inside = [re.search(rf"\b{word}\b", part) for group in re.findall(r"\{([^}]*)\}", sentence) for part in group.split("|")]
            assert re.search(rf"\b{word}\b", outside) or all(inside), word


class TestSamples:
    def test_a_sample_depends_on_seed_and_index_alone(self) -> None:
        again = benchmarks.get("email_triage").build(Options(seed=42)).samples
        assert again.sample(7) == SAMPLES[7]  # type: ignore[attr-defined]
        other = benchmarks.get("email_triage").build(Options(seed=43)).samples
        assert other.sample(7).input != SAMPLES[7].input  # type: ignore[attr-defined]

    def test_prompts_are_diverse_and_labels_and_families_balanced(self) -> None:
        samples = [BENCHMARK.samples.sample(i) for i in range(1000)]  # type: ignore[attr-defined]
        assert len({prompt(s) for s in samples}) >= 950
        urgency, category = (Counter(s.reference[name] for s in samples) for name in ("urgency", "category"))
        assert set(urgency) == set(URGENCIES)
        assert set(category) == set(CATEGORIES)
        assert all(180 <= n <= 330 for n in urgency.values()), urgency
        assert all(100 <= n <= 450 for n in category.values()), category
        families = Counter(s.subject for s in samples)
        assert set(families) == set(FAMILIES)
        assert min(families.values()) >= 100
        assert max(Counter((s.reference["urgency"], s.reference["category"]) for s in samples).values()) <= 200

    def test_the_prompt_has_what_the_reply_must_say(self) -> None:
        for s in SAMPLES:
            text = prompt(s)
            assert s.reference["code"] in text
            assert s.reference["names"][0] in text
            if s.reference["amount"] is not None:
                assert f"{s.reference['amount']:,}" in text

    def test_labels_follow_from_the_text_of_the_newest_message(self) -> None:
        for index in range(200):
            drawn = draw(42, index)
            newest = drawn.plan.thread.split("--- earlier message ---")[0]
            assert drawn.plan.facts.body in newest
            assert drawn.plan.world.sender.name in newest
            if drawn.plan.deadline is None:
                assert "deadline" not in newest


class TestPairs:
    COUPLES = [(draw(42, 2 * j), draw(42, 2 * j + 1)) for j in range(150) if j // 3 % 2 == 0]

    def test_every_pair_flips_a_label_by_one_fact(self) -> None:
        kinds = Counter()
        for first, twin in self.COUPLES:
            assert first.pair == twin.pair
            assert first.labels != twin.labels
            kinds[first.pair] += 1
            if first.pair == "policy":
                assert first.plan == twin.plan
                assert first.plan.thread == twin.plan.thread
                differing = sum(a != b for a, b in zip(first.policy.text.splitlines(), twin.policy.text.splitlines(), strict=True))
                assert 1 <= differing <= 2  # one rule changed, or two neighbours swapped
            else:
                assert first.policy == twin.policy
                fields = [f for f in ("deadline", "amount", "word") if getattr(first.plan, f) != getattr(twin.plan, f)]
                assert fields == [twin.change]
        assert min(kinds["policy"], kinds["mail"]) >= 15

    def test_the_answer_of_one_is_wrong_for_the_other(self) -> None:
        for j in (0, 1, 2, 6, 7, 8):
            first, twin = SAMPLES[2 * j], SAMPLES[2 * j + 1]
            assert first.cluster == twin.cluster is not None
            assert first.dimensions["pair"] == twin.dimensions["pair"] != "none"
            assert not score(twin, reference_answer(first)).is_correct
        assert SAMPLES[6].cluster is None


class TestReply:
    def test_tokens(self) -> None:
        text = "KQ-48213 by 2027-03-12T16:30, or the 12th of March 2027 at 4:30 pm, March 12, €1,550.00, 4.250 euros, 3.5 h on Friday"
        expected = "code:KQ-48213 date:2027-03-12 date:03-12 time:16:30 number:1550 number:4250 number:3.5 day:friday"
        assert tokens(text) == set(expected.split())

    def test_what_is_no_date_stays_a_number(self) -> None:
        assert tokens("31 June 2027") == {"number:31", "number:2027"}

    @given(st.text())
    def test_tokens_never_raise(self, text: str) -> None:
        tokens(text)

    @given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), st.integers(1000, 10**7))
    def test_a_fact_may_be_written_in_several_ways(self, when: datetime, amount: int) -> None:
        allowed = set(grounds(f"EUR {amount:,} by {when:%H:%M} on {when:%A} {when.day} {when:%B %Y}", None))
        for reply in (
            f"{amount} {when:%Y-%m-%d %H:%M}",
            f"{amount:,}.00 {when:%B} {when.day}, {when:%Y}",
            f"{when.day} {when:%b} ({when:%A})",
        ):
            assert tokens(reply) <= allowed

    GOOD = (
        "Dear Bubre, thank you for your message about ZM-49248. We have noted 2027-03-16 as the last day and EUR 1,550 as the sum, "
        "and shall write to you again once it is done. Kind regards"
    )

    @pytest.mark.parametrize(
        ("reply", "failing"),
        [
            (GOOD, set()),
            (GOOD.replace("2027-03-16", "16 March"), set()),
            (GOOD.replace("2027-03-16", "Tuesday 16 March 2027"), set()),
            (GOOD.replace("Dear Bubre", "Dear Sir or Madam"), {"greeting"}),
            (GOOD.replace("ZM-49248", "ZM-49249"), {"code", "grounded"}),
            (GOOD.replace("2027-03-16", "2027-03-17"), {"due", "grounded"}),
            (GOOD.replace("2027-03-16", "Wednesday, 2027-03-16"), {"grounded"}),
            (GOOD.replace("1,550", "1,650"), {"amount", "grounded"}),
            (GOOD + " We shall call within 24 hours.", {"grounded"}),
            ("Dear Bubre, ZM-49248, 2027-03-16, EUR 1,550.", {"length"}),
            (GOOD + " really" * 120, {"length"}),
            ("", {"length", "greeting", "code", "due", "amount"}),
        ],
    )
    def test_each_check(self, reply: str, failing: set[str]) -> None:
        due = datetime(2027, 3, 16, 19)
        allowed = grounds("Monday, 15 March 2027, 14:15 ZM-49248 €1,550 tomorrow at 19:00", due)
        checks = reply_checks(reply, names=["Bubre", "Mozby"], code="ZM-49248", due=due, amount=1550, allowed=allowed)
        assert {name for name, passed in checks.items() if not passed} == failing


class TestScoring:
    def test_reference_answers_are_right(self) -> None:
        for s in SAMPLES:
            verdict = score(s, reference_answer(s))
            assert verdict.is_correct, (s.record_id, verdict)
            assert verdict.value == 1.0

    def test_who_did_not_do_the_work_does_not_pass(self) -> None:
        passed = Counter(dict.fromkeys(opponents(SAMPLES[0]), 0))
        for s in SAMPLES:
            passed.update(name for name, text in opponents(s).items() if score(s, text).is_correct)
        assert all(n <= 20 for n in passed.values()), passed
        assert all(passed[name] == 0 for name in ("empty", "refusal", "echo", "garbage", "labels only", "keyword stuffing")), passed

    def test_the_best_constant_labels_rarely_pass_even_with_a_perfect_reply(self) -> None:
        for u in URGENCIES:
            for c in CATEGORIES:
                assert sum(bool(score(s, changed(s, urgency=u, category=c)).is_correct) for s in SAMPLES) <= 50

    def test_each_part_counts_a_quarter(self) -> None:
        s = next(s for s in SAMPLES if s.reference["due"])
        other = next(u for u in URGENCIES if u != s.reference["urgency"])
        assert score(s, changed(s, urgency=other)).value == pytest.approx(0.75)
        assert score(s, changed(s, due=None)).value == pytest.approx(0.75)
        late = score(s, changed(s, due="2027-01-01T00:00"))
        assert (late.metrics["due"], late.is_correct) == (0.0, False)
        mute = score(s, changed(s, reply=""))
        assert mute.metrics["reply"] is not None
        assert 0 < mute.metrics["reply"] < 1  # an empty reply invents nothing
        assert not mute.is_correct

    def test_harmless_variations_of_form(self) -> None:
        s = next(s for s in SAMPLES if s.reference["due"])
        text = changed(s, urgency=s.reference["urgency"].upper(), due=s.reference["due"].replace("T", " ") + ":00", note="extra")
        assert score(s, f"<think>{{'a': 1}} hm</think>The policy says so.\n\n{text}").is_correct
        plain = next(s for s in SAMPLES if s.reference["due"] is None)
        assert score(plain, changed(plain, due="null")).is_correct

    @pytest.mark.parametrize("fields", [{"urgency": "urgent"}, {"category": None}, {"reply": ["Dear"]}, {"due": 20270314}])
    def test_another_shape_is_a_wrong_format(self, fields: dict[str, object]) -> None:
        verdict = score(SAMPLES[0], changed(SAMPLES[0], **fields))
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)

    def test_empty_and_truncated(self) -> None:
        assert score(SAMPLES[0], "").outcome == Outcome.REFUSED
        assert score(SAMPLES[0], reference_answer(SAMPLES[0])[:60], "length").outcome == Outcome.TRUNCATED
        assert score(SAMPLES[0], reference_answer(SAMPLES[0]), "length").outcome == Outcome.SCORED

    def test_calibration(self) -> None:
        cases = list(BENCHMARK.calibration())
        assert {c.name for c in cases} >= {"reference", "empty", "refusal", "echo", "garbage", "keyword stuffing"}
        assert all(score(c.sample, c.text).is_correct == c.passes for c in cases)

    @given(st.text(), st.sampled_from(SAMPLES[:20]))
    def test_any_answer_gets_a_verdict(self, text: str, sample: Sample) -> None:
        verdict = score(sample, text)
        assert verdict.is_correct is False

    def test_random_answers_fail(self) -> None:
        rng = random.Random(5)
        passed = 0
        for s in SAMPLES:
            passed += bool(score(s, changed(s, urgency=rng.choice(URGENCIES), category=rng.choice(CATEGORIES))).is_correct)
        assert passed <= 30
