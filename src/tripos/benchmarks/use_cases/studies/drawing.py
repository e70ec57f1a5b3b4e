"""Reviews drawn at random: seven families of trouble, in couples that differ in one fact."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tripos.benchmarks.use_cases.invented_names import Inventor, stem
from tripos.benchmarks.use_cases.studies.literature import MEASURES, REASONS, Review, Study, shortcuts, synthesise

FAMILIES = ("pooled", "arms", "intervals", "units", "groups", "corrections", "reports")
TOLERANCE = 0.02
_STYLES = {"arms": "arms", "intervals": "interval", "units": "small unit"}
_EDITS = ("retracted", "design", "population", "size")


@dataclass(frozen=True)
class Size:
    """How many studies are right and how many are to be left out."""

    included: int
    excluded: int


SIZES = {"easy": Size(4, 4), "middle": Size(5, 8), "hard": Size(7, 13)}


def draw_couple(seed: str, family: str, size: Size) -> tuple[Review, Review, str]:
    """Two reviews that differ in one fact of one study, and the criterion that this fact touches."""
    rng = random.Random(seed)
    while True:
        first = _draw(rng, family, size)
        edit = rng.choice(_EDITS)
        twice = {study.trial for study in first.studies if study.violation == "duplicate"}
        included = [study for study in first.studies if study.violation is None and study.trial not in twice]
        if edit == "size":  # or a notice would have to go, too
            included = [study for study in included if study.printed_analysed == study.analysed]
        if not included:
            continue
        chosen = next((study for study in included if study.concern), None) if edit == "retracted" else rng.choice(included)
        if chosen is None:
            continue
        changed = replace(chosen, violation=edit, concern=False) if edit == "retracted" else _violating(chosen, edit, first, rng)
        second = replace(first, studies=tuple(changed if study.id == chosen.id else study for study in first.studies))
        apart = abs(synthesise(first).estimate - synthesise(second).estimate) > 5 * TOLERANCE
        if apart and _sane(first) and _sane(second):
            return first, second, edit


def _sane(review: Review) -> bool:
    """Some studies contradict, the sign is clear, and no skipped step leads to the same figure."""
    right = synthesise(review)
    if any(study.printed_effect == 0 for study in review.studies):
        return False
    clear = abs(right.estimate) >= 0.4 and 1 <= len(right.contradicting) < len(right.included) / 2
    return clear and all(abs(naive - right.estimate) > 3 * TOLERANCE for naive in shortcuts(review))


def _draw(rng: random.Random, family: str, size: Size) -> Review:
    inventor = Inventor(rng)
    drug = stem(rng) + rng.choice(("in", "ol", "ane", "ide"))
    review = Review(
        family=family,
        drug=drug,
        measure=rng.choice(MEASURES),
        group=rng.choice(("women", "men")) if family == "groups" else None,
        least=rng.choice((40, 50, 60)),
        since=rng.randrange(2008, 2015),
        studies=(),
        seed=f"{rng.getrandbits(64):x}",
    )
    ids = [f"S{number}" for number in rng.sample(range(101, 1000), size.included + size.excluded)]
    sign = rng.choice((-1, 1))
    studies = [_study(rng, inventor, review, one, sign) for one in ids]
    reasons = _reasons(rng, family, size.excluded)
    for at, reason in enumerate(reasons):
        studies[size.included + at] = _left_out(rng, studies, size.included, size.included + at, reason, review)
    if family == "corrections":
        for at in rng.sample(range(size.included), 2):
            studies[at] = _corrected(rng, studies[at])
    for at in rng.sample(range(size.included), 2 if size.included > 4 else 1):
        studies[at] = replace(studies[at], concern=True)
    rng.shuffle(studies)
    return replace(review, studies=tuple(studies))


def _reasons(rng: random.Random, family: str, count: int) -> list[str]:
    """At least half of the kinds; the family `reports` is about trials that were reported more than once."""
    first = ["duplicate", "duplicate"] if family == "reports" else ["retracted"]
    some = [*first, *rng.sample(REASONS, min(len(REASONS), count - len(first)))]
    return some + rng.choices(REASONS, k=count - len(some))


def _study(rng: random.Random, inventor: Inventor, review: Review, name: str, sign: int) -> Study:
    effect = sign * rng.choice((-3, -1, 1, 1, 1, 1)) * rng.randint(6, 45)
    effect = effect if abs(effect) < 60 else effect // 3
    analysed = review.least + rng.randint(2, 180)
    groups = review.family == "groups"
    style = _STYLES.get(review.family, "difference")
    return Study(
        id=name,
        trial=inventor.code(),
        authors=f"{inventor.person('').last} and {inventor.person('').last}",
        published=date(review.since, 1, 1) + timedelta(days=rng.randint(0, 4_000)),
        violation=None,
        style=style if rng.random() < 0.7 else rng.choice(("difference", "arms")),
        effect=effect,
        printed_effect=effect,
        analysed=analysed,
        printed_analysed=analysed,
        lost=rng.randint(0, 20),
        control=rng.randint(150, 400),
        half_width=rng.randint(4, 30),
        other_effect=rng.choice((-1, 1)) * rng.randint(4, 60) if groups else None,
        other_analysed=rng.randint(20, 120) if groups else 0,
    )


def _left_out(rng: random.Random, studies: list[Study], included: int, at: int, reason: str, review: Review) -> Study:
    if reason != "duplicate":
        return _violating(studies[at], reason, review, rng)
    again = studies[rng.randrange(included)]  # an earlier report of a trial that is included
    earlier = max(date(review.since, 1, 2), again.published - timedelta(days=rng.randint(60, 500)))
    effect = again.effect + rng.choice((-1, 1)) * rng.randint(3, 12)
    fewer = max(review.least, again.analysed - rng.randint(5, 40))
    taken = {study.published for study in studies if study.trial == again.trial}
    while earlier in taken:
        earlier += timedelta(days=1)
    if earlier >= again.published:  # the included one was the first of its year: leave another out instead
        return _violating(studies[at], "date", review, rng)
    made = replace(studies[at], trial=again.trial, authors=again.authors, published=earlier, violation="duplicate")
    return replace(made, effect=effect, printed_effect=effect, analysed=fewer, printed_analysed=fewer, style=again.style)


def _violating(study: Study, reason: str, review: Review, rng: random.Random) -> Study:
    """The study with the one thing changed that keeps it out."""
    if reason == "date":
        return replace(study, published=date(review.since, 1, 1) - timedelta(days=rng.randint(1, 2_000)), violation=reason)
    if reason != "size":
        return replace(study, violation=reason)
    both = review.least - rng.randint(1, 12)
    mine = both if study.other_effect is None else both // 2
    allocated = review.least + rng.randint(0, 6)
    change = {"analysed": mine, "printed_analysed": mine, "other_analysed": both - mine, "lost": allocated - both}
    return replace(study, violation=reason, **change)  # type: ignore[arg-type]


def _corrected(rng: random.Random, study: Study) -> Study:
    if rng.random() < 0.5:
        return replace(study, printed_effect=study.effect + rng.choice((-1, 1)) * rng.randint(7, 25))
    return replace(study, printed_analysed=study.analysed + rng.randint(25, 90))
