"""A review's material as the prompt shows it: protocol, abstracts, notices.

Each sentence of a study has a rng of its own, so that two reviews that differ in one fact read the same everywhere else.
"""

from __future__ import annotations

import random

from tripos.benchmarks.use_cases.invented_names import spin
from tripos.benchmarks.use_cases.studies.literature import Review, Study

_DESIGN = {
    True: "{Participants were allocated by a computer's random numbers|A lot decided who was given what|Allocation was by random list}.",
    False: "{Participants chose their group themselves|Those born on even days were given $drug|Their doctor decided who was given what"
    "|The register was searched for people who had taken $drug}.",
}
_POPULATION = {
    True: "{They were 19 to 64 years old|All were between 21 and 70|Ages ran from 18 to 58}.",
    False: "{They were 11 to 15 years old|All were schoolchildren between 8 and 14|The animals were rats of one litter"
    "|Ages ran from 13 to 17}.",
}
_TITLES = (
    "$Drug and $measure: {a trial|results of a trial|what we found}",
    "{Does|How far does} $drug {change|affect} $measure?",
    "{Effects|The effect} of $drug on $measure",
)
_ENDS = (
    "{Nobody reported serious side effects|Side effects were mild}.",
    "{Further work is needed|A larger study is planned}.",
    "{The authors recommend $drug|The authors advise patience}.",
    "{The placebo tasted the same|The bottles looked alike}.",
    "{Money came from a foundation|The work was paid for by the maker}.",
)


def worded(review: Review) -> str:
    """Protocol, abstracts and notices."""
    notices = _notices(review)
    abstracts = "\n\n".join(_abstract(review, study) for study in review.studies)
    return f"{_protocol(review)}\n\nReports found\n\n{abstracts}\n\nNotices of the journals\n" + "\n".join(notices)


def _protocol(review: Review) -> str:
    measure, drug = review.measure, review.drug
    whom = f" in {review.group}" if review.group else ""
    weight = f"the number of {review.group} analysed" if review.group else "the number analysed"
    least = f"fewer than {review.least} participants were analysed" + (" in all (women and men together)." if review.group else ".")
    return f"""Protocol of a review
Question: by how many {measure.unit} does {drug} change {measure.name}{whom}, compared with placebo?
A report is excluded for one of these reasons; all others are included.
- design: participants were not allocated at random (by lot, by random numbers).
- population: not adults, that is, people of at least 18 years.
- outcome: something else than {measure.name} was measured.
- size: {least}
- date: published before 1 January {review.since}.
- duplicate: the same trial (the same registration number) was reported again later. Of several reports of a trial, the latest counts.
- retracted: the journal has retracted it. A statement of concern is no retraction.
Corrections of the journals count: what they say takes the place of what the abstract says.
Estimate: the mean of the included reports' differences ({drug} minus placebo), weighted by {weight}, in {measure.unit}. Where a report
gives the mean of both arms, the difference is that of the means; where it gives an interval, the difference is its middle."""


def _rng(review: Review, study: Study, part: str) -> random.Random:
    return random.Random(f"{review.seed}/{study.id}/{part}")


def _abstract(review: Review, study: Study) -> str:
    measure = review.measure.other if study.violation == "outcome" else review.measure.name
    allocated = study.printed_analysed + study.other_analysed + study.lost
    analysed = study.printed_analysed + study.other_analysed
    numbers = spin(
        _rng(review, study, "size"),
        f"{{{allocated} were allocated to $drug or placebo, {analysed} could be analysed|Of {allocated} participants that began, "
        f"{analysed} were analysed|The analysis has {analysed} of the {allocated} who were allocated}}.",
    )
    design = spin(_rng(review, study, "design"), _DESIGN[study.violation != "design"])
    people = spin(_rng(review, study, "people"), _POPULATION[study.violation != "population"])
    end = spin(_rng(review, study, "end"), _rng(review, study, "which end").choice(_ENDS))
    title = spin(_rng(review, study, "title"), _rng(review, study, "which title").choice(_TITLES))
    text = f"{numbers} {design} {people} {_results(review, study, measure)} {end}"
    text = text.replace("$drug", review.drug)
    title = title.replace("$drug", review.drug).replace("$Drug", review.drug.capitalize()).replace("$measure", measure)
    when = f"{study.published.day} {study.published:%B %Y}"
    return f"[{study.id}] {title}{'' if title.endswith('?') else '.'} {study.authors}, {when}. Registration {study.trial}.\n{text}"


def _results(review: Review, study: Study, measure: str) -> str:
    if study.other_effect is None:
        return _sentence(review, study, measure, study.printed_effect, study.control, "main")
    parts = {
        str(review.group): (study.printed_effect, study.printed_analysed),
        "men" if review.group == "women" else "women": (study.other_effect, study.other_analysed),
    }
    some = [
        f"Among the {n} {who}: {_sentence(review, study, measure, effect, study.control + (7 if who == 'men' else 0), who)}"
        for who, (effect, n) in sorted(parts.items(), key=lambda part: _rng(review, study, part[0]).random())
    ]
    return " ".join(some)


def _sentence(review: Review, study: Study, measure: str, effect: int, control: int, part: str) -> str:
    unit, small, rng = review.measure.unit, review.measure.small, _rng(review, study, f"result {part}")
    than = "lower" if effect < 0 else "higher"
    if study.style == "arms":
        with_drug, without = f"{(control + effect) / 10:.1f}", f"{control / 10:.1f}"
        forms = (
            f"{{The mean {measure} was {with_drug} {unit} under $drug and {without} {unit} under placebo"
            f"|Mean {measure}: placebo {without} {unit}, $drug {with_drug} {unit}}}."
        )
    elif study.style == "interval":
        low, high = (effect - study.half_width) / 10, (effect + study.half_width) / 10
        forms = (
            f"{{For {measure}, the 95 % interval of the difference ($drug minus placebo) runs from {low:.1f} to {high:.1f} {unit}"
            f"|The difference in {measure}, $drug minus placebo, has a 95 % interval of {low:.1f} to {high:.1f} {unit}}}."
        )
    else:
        fine = study.style == "small unit"
        amount = f"{abs(effect) * review.measure.factor // 10} {small}" if fine else f"{abs(effect) / 10:.1f} {unit}"
        forms = (
            f"{{{measure[0].upper()}{measure[1:]} was {amount} {than} under $drug than under placebo"
            f"|Under $drug, {measure} was {amount} {than} than under placebo}}."
        )
    return spin(rng, forms)


def _notices(review: Review) -> list[str]:
    rows = []
    for study in review.studies:
        if study.violation == "retracted":
            rows.append((study, f"{study.id} {{is retracted|has been retracted by the editors}}{{| because its data cannot be found}}."))
        if study.concern:
            rows.append((study, f"{study.id}: the editors state their concern and are looking into it{{| ; no decision yet}}."))
        if study.printed_effect != study.effect:
            than = "lower" if study.effect < 0 else "higher"
            right = f"{abs(study.effect) / 10:.1f} {review.measure.unit} {than}"
            rows.append((study, f"{study.id}, correction: under $drug, {review.measure.name} was {right} than under placebo."))
        if study.printed_analysed != study.analysed:
            rows.append((study, f"{study.id}, correction: the number analysed is {study.analysed}, not {study.printed_analysed}."))
    rows.sort(key=lambda row: _rng(review, row[0], "notice order").random())
    return [f"- {spin(_rng(review, study, 'notice'), text).replace('$drug', review.drug).replace(' ;', ';')}" for study, text in rows]
