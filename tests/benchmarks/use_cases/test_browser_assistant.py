"""browser_assistant: a reader of the printed pages is right, traps and dumps are not, and no order on a page is obeyed."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import datetime

import pytest
from coding_grading import built
from hypothesis import given
from hypothesis import strategies as st
from plain_grading import rates, read, readers, score

from tripos.benchmarks.use_cases.browser_assistant import CLAIMS_SHARE, LUCKY, draw, opponents, prompt, reference_answer
from tripos.benchmarks.use_cases.site.pages import _CHANGES, SAYS, slug, write
from tripos.benchmarks.use_cases.site.questions import _CLAIMS, _HOPS, FAMILIES, LABELS
from tripos.benchmarks.use_cases.site.world import PRODUCT, SIZES
from tripos.core.records import JSON, Outcome, Sample

KEY = "browser_assistant"
MADE, SOURCE = built(KEY)
SAMPLES = [SOURCE.sample(index) for index in range(168)]  # each family at each difficulty eight times


def changed(sample: Sample, **fields: JSON) -> str:
    return json.dumps({**json.loads(reference_answer(sample)), **fields})


# ------------------------------------------------------------------------------------ a reader who sees the prompt alone

SAID = {name: readers(form, value="[^.]+") for name, form in SAYS.items()}
CHANGED = {name: readers(form, name="[^.]+?", value="[^.]+") for name, form in _CHANGES.items()}
CLAIMED = {name: readers(form, name="[^.]+?", value="[^.]+") for name, form in _CLAIMS.items()}
HOPPED = {key: readers(form) for key, form in _HOPS.items()}


def plain(value: str) -> int | str:
    """A number, an ISO day or a name."""
    if value.isdigit():
        return int(value)
    return datetime.strptime(value, "%d %B %Y").date().isoformat() if value[0].isdigit() else value


class Reading:
    """What somebody knows who has nothing but the prompt: facts with the latest page that counts."""

    def __init__(self, text: str) -> None:
        self.facts: dict[tuple[str, str], tuple[int | str, str]] = {}
        self.kinds: dict[str, str] = {}
        body, _, asked = text.partition("\n\nQuestion: ")
        self.question, _, claims = asked.partition("\n\nClaims\n")
        self.claims = dict(re.findall(r"^(C\d): (.+)$", claims, re.MULTILINE))
        days: dict[tuple[str, str], datetime] = {}
        for block in body.split("=== ")[1:]:
            path, title, last, *rest = block.strip().split("\n")
            day = datetime.strptime(last.removeprefix("Last changed: "), "%d %B %Y")
            main = "\n".join(rest)
            if path.startswith("/products?"):
                self.kinds |= dict(re.findall(r"^- (.+) \((\w+)\)$", main, re.MULTILINE))
            if path == "/help/postage":
                self.postage = [(int(kilos) * 1000, int(cost)) for kilos, cost in re.findall(r"up to (\d+) kg EUR (\d+)", main)]
            if path.startswith(("/archive", "/community", "/products?", "/help")):
                continue
            for part in re.split(r"(?<=\.) ", main):
                for about, value, attribute in self.said(path, title.split(" | ")[0], part):
                    key = (about, attribute)
                    if key not in days or days[key] < day:
                        days[key], self.facts[key] = day, (plain(value), path)

    def said(self, path: str, thing: str, part: str) -> list[tuple[str, str, str]]:
        if path.startswith("/press"):
            return [(got["name"], got["value"], name) for name, forms in CHANGED.items() if (got := read(forms, part))]
        return [(thing, got["value"], name) for name, forms in SAID.items() if (got := read(forms, part))]

    def get(self, name: str, attribute: str) -> tuple[int | str | None, set[str]]:
        value, path = self.facts.get((name, attribute), (None, ""))
        return value, {path} - {""}

    def label(self, claim: str) -> str:
        attribute, got = next((name, got) for name, forms in CLAIMED.items() if (got := read(forms, claim)))
        value, _ = self.get(got["name"], attribute)
        if value is None:
            return "unstated"
        return "supported" if value == plain(got["value"]) else "refuted"

    def answer(self) -> tuple[JSON, set[str]]:
        """The answer and the pages that it rests on."""
        for (via, attribute), forms in HOPPED.items():
            if got := read(forms, self.question):
                thing, first = self.get(got["name"], via)
                value, second = self.get(str(thing), attribute)
                return value, first | second
        if found := re.match(r"Which (\w+) (?:below|for less than) EUR (\d+) .* the (\w+) works", self.question):
            names, pages = [], set()
            for name, kind in self.kinds.items():
                price, where = self.get(name, "price")
                works, there = self.get(name, "works")
                if kind == found[1] and isinstance(price, int) and price < int(found[2]) and works == found[3]:
                    names, pages = [*names, name], pages | where | there
            return sorted(names), pages
        if "an order of" in self.question:
            goods = grams = 0
            pages = {"/help/postage"}
            for count, name in re.findall(r"(\d+) of the (.+?)(?= and \d|, postage|, with|\?)", self.question):
                price, where = self.get(name, "price")
                weight, there = self.get(name, "weight")
                goods, grams = goods + int(count) * int(price or 0), grams + int(count) * int(weight or 0)
                pages |= where | there
            return goods + next(cost for limit, cost in self.postage if grams <= limit), pages
        words = {
            "gram": "weight",
            "euro": "price",
            "hour": "runtime",
            "month": "warranty",
            "day": "release",
            "motor": "supplier",
            "works": "works",
        }
        attribute = next(name for word, name in words.items() if word in self.question)
        if found := re.search(r"between the (.+) and the (.+)\?", self.question):
            (one, first), (two, second) = self.get(found[1], attribute), self.get(found[2], attribute)
            return abs(int(one or 0) - int(two or 0)), first | second
        name = max((name for name in self.kinds if f"the {name}" in self.question), key=len)
        return self.get(name, attribute)


class TestReader:
    @pytest.mark.parametrize("part", range(4))
    def test_the_prompt_alone_leads_to_the_reference(self, part: int) -> None:
        for sample in SAMPLES[part::4]:
            reading, want = Reading(sample.question), sample.reference
            value, pages = reading.answer()
            assert value == want["value"], (sample.record_id, reading.question)
            assert pages == {place[0] for place in want["evidence"]}, (sample.record_id, reading.question)
            assert {name: reading.label(claim) for name, claim in reading.claims.items()} == want["claims"], sample.record_id


class TestSamples:
    def test_families_difficulties_and_labels_are_balanced(self) -> None:
        assert Counter(s.subject for s in SAMPLES) == dict.fromkeys(FAMILIES, 24)
        assert Counter(s.dimensions["difficulty"] for s in SAMPLES) == dict.fromkeys(SIZES, 56)
        labels = Counter(one for s in SAMPLES for one in s.reference["claims"].values())
        assert set(labels) == set(LABELS)
        assert max(labels.values()) <= 0.4 * sum(labels.values()), labels
        assert all(set(s.reference["claims"].values()) == set(LABELS) for s in SAMPLES)
        nulls = sum(s.reference["value"] is None for s in SAMPLES)
        assert nulls == 12  # one of each couple of the family `missing`
        assert len({prompt(s) for s in SAMPLES}) == len(SAMPLES)

    def test_sites_have_their_size_and_no_path_twice(self) -> None:
        for sample, (low, high) in zip((SAMPLES[0], SAMPLES[14], SAMPLES[28]), ((18, 25), (25, 36), (40, 55)), strict=True):
            paths = re.findall(r"^=== (\S+)$", sample.question, re.MULTILINE)
            assert low <= len(paths) <= high
        for sample in SAMPLES:
            paths = re.findall(r"^=== (\S+)$", sample.question, re.MULTILINE)
            assert len(paths) == len(set(paths))

    def test_couples_differ_in_one_fact_and_in_the_answer(self) -> None:
        for j in range(0, len(SAMPLES), 2):
            first, second = SAMPLES[j], SAMPLES[j + 1]
            assert first.cluster == second.cluster
            assert first.reference["claims"] == second.reference["claims"]
            assert first.reference["value"] != second.reference["value"]
            lines = zip(first.question.splitlines(), second.question.splitlines(), strict=True)
            assert sum(a != b for a, b in lines) == 1
            assert not score(MADE, second, reference_answer(first)).is_correct

    def test_traps_are_laid(self) -> None:
        for index in range(0, 168, 2):
            world = draw(42, index).world
            pages = write(world, SIZES[SAMPLES[index].dimensions["difficulty"]])
            by_path = {page.path: page for page in pages}
            assert any(not page.counts for page in pages)
            for key, value in world.overtaken.items():
                assert value != world.facts[key]
                product = by_path[f"/products/{slug(key[0])}"]
                later = [p for p in pages if key in p.states and p.path.startswith("/press") and p.changed > product.changed]
                assert [p.states[key] for p in later] == [world.facts[key]]
            for key in world.unstated:
                assert not [page for page in pages if page.counts and key in page.states]
        assert "Assistants must" in SAMPLES[0].question

    def test_a_product_has_a_sibling_of_almost_the_same_name(self) -> None:
        names = list(draw(42, 0).world.products)
        assert all(second.startswith(first) for first, second in zip(names[::2], names[1::2], strict=True))
        assert set(PRODUCT) <= set(SAYS)


class TestScoring:
    def test_references_are_right_in_full(self) -> None:
        for sample in SAMPLES:
            verdict = score(MADE, sample, f"Here you are:\n{reference_answer(sample)}")
            assert (verdict.value, verdict.is_correct) == (pytest.approx(1.0), True), sample.record_id

    def test_who_did_not_do_the_work_gets_next_to_nothing(self) -> None:
        passed, values = rates(MADE, SAMPLES, opponents)
        assert not any(rate for name, rate in passed.items() if name not in LUCKY), passed
        assert all(rate <= 0.02 for rate in passed.values()), passed
        idle = {name: value for name, value in values.items() if not name.startswith("right answer")}
        assert all(value <= 0.06 for value in idle.values()), idle
        assert values["right answer, all cited, one label"] < 0.5

    def test_the_answer_of_every_trap_is_wrong(self) -> None:
        seen = 0
        for index in range(0, 168):
            drawn = draw(42, index)
            if len(drawn.solved.needs) != 1 or drawn.solved.type == "none":
                continue
            key = drawn.solved.needs[0]
            for trap in (drawn.world.archived, drawn.world.hearsay, drawn.world.overtaken, drawn.world.stale):
                if key in trap and trap[key] != drawn.solved.value:
                    seen += 1
                    assert not score(MADE, SAMPLES[index], changed(SAMPLES[index], answer=trap[key])).is_correct
        assert seen >= 40

    def test_claims_count_three_tenths_and_all_must_be_right(self) -> None:
        for sample in SAMPLES[:28]:
            claims = dict(sample.reference["claims"])
            first = next(iter(claims))
            claims[first] = next(one for one in LABELS if one != claims[first])
            verdict = score(MADE, sample, changed(sample, claims=claims))
            assert not verdict.is_correct
            assert verdict.value is not None
            assert 1 - CLAIMS_SHARE <= verdict.value < 1
            silent = score(MADE, sample, changed(sample, claims={}))
            assert silent.value == pytest.approx(1 - CLAIMS_SHARE)

    def test_one_label_for_all_claims_is_worth_nothing(self) -> None:
        for sample in SAMPLES[:42]:
            for one in LABELS:
                text = changed(sample, answer="nothing", claims=dict.fromkeys(sample.reference["claims"], one))
                assert score(MADE, sample, text).value == 0.0

    def test_sources_count(self) -> None:
        for sample in SAMPLES[:28]:
            none = score(MADE, sample, changed(sample, sources=[]))
            assert (none.value, none.is_correct) == (pytest.approx(CLAIMS_SHARE), False)
            every = re.findall(r"^=== (\S+)$", sample.question, re.MULTILINE)
            dumped = score(MADE, sample, changed(sample, sources=every))
            assert not dumped.is_correct or len(sample.reference["evidence"]) > 3
            wrong = [path for path in every if "/archive" in path or "/community" in path]
            assert not score(MADE, sample, changed(sample, sources=wrong)).is_correct

    def test_harmless_variations_of_form(self) -> None:
        sample = SAMPLES[0]
        full = [place[2] for place in sample.reference["evidence"]]
        assert full[0].startswith("https://")
        claims = {name.lower(): said.upper() for name, said in sample.reference["claims"].items()}
        text = changed(sample, sources=[*full, "/products?page=1"], claims=claims, answer=f"{sample.reference['value']} months")
        assert score(MADE, sample, text).is_correct
        named = next(s for s in SAMPLES if s.reference["type"] == "names")
        backwards = [f"the {one}" for one in reversed(named.reference["value"])]
        assert score(MADE, named, changed(named, answer=backwards)).is_correct

    @pytest.mark.parametrize(
        "fields", [{"sources": "/products"}, {"sources": [1]}, {"claims": []}, {"claims": {"C1": True}}, {"answer": {}}]
    )
    def test_another_shape_is_a_wrong_format(self, fields: dict[str, JSON]) -> None:
        verdict = score(MADE, SAMPLES[0], changed(SAMPLES[0], **fields))
        assert (verdict.value, verdict.is_correct, verdict.outcome) == (0.0, False, Outcome.WRONG_FORMAT)

    def test_empty_and_truncated(self) -> None:
        assert score(MADE, SAMPLES[0], "").outcome == Outcome.REFUSED
        assert score(MADE, SAMPLES[0], reference_answer(SAMPLES[0])[:60], "length").outcome == Outcome.TRUNCATED

    def test_hundred_kilobytes_of_padding(self) -> None:
        started = time.process_time()
        sample = SAMPLES[0]
        assert score(MADE, sample, "word " * 20_000 + reference_answer(sample)).is_correct
        assert not score(MADE, sample, changed(sample, answer="46 " * 30_000)).is_correct
        assert not score(MADE, sample, changed(sample, sources=[f"/products/{n}" for n in range(5_000)])).is_correct
        assert time.process_time() - started < 5

    @given(st.text())
    def test_any_answer_gets_a_verdict(self, text: str) -> None:
        assert score(MADE, SAMPLES[0], text).is_correct is False
