"""Two labels: the last label line is the answer, and the figures are those of the textbooks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_attacks import attacks
from scripted_judge import answer_of, with_judge
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring.detection import Detection, LabelLine, detection_figures

LABELS = LabelLine(labels=("anomaly", "normal"), also=(("anomaly", ("anomalous",)),))
FAULTY = Sample(record_id="f", input="?", reference="anomaly")
SOUND = Sample(record_id="s", input="?", reference="normal")


def label(text: str) -> Any:
    return LABELS(FAULTY, text).answer


def verdict(sample: Sample, text: str, finish_reason: str = "stop") -> Verdict:
    return Detection("anomaly", "normal").score(sample, answer_of(sample, text, LABELS, finish_reason=finish_reason), with_judge(None))


@pytest.mark.parametrize(
    "text",
    [
        "Label: anomaly",
        "So much for that.\n\n**Label:** Anomaly.",
        "The final label: `anomalous`",
        '{"label": "anomaly"}',
        '```json\n{\n  "label": "anomaly",\n}\n```',
        "Label: normal\nOn a second look:\nLabel: anomaly",
        "Verdict: anomaly",
        "Verdict: normal\nLabel: anomaly\nClassification: done",
        "It is broken.\nANOMALY",
        "label = anomaly",
        "Label：anomaly",
        "Label: <anomaly>",  # brackets of the prompt's own form
        "Label: [Anomaly]",
        "Label: anomaly ✅",
        "\u200eLabel: anomaly\u200b",
        "Label: anomaly (a replica is missing)",
    ],
)
def test_the_last_label_line_is_the_answer(text: str) -> None:
    assert label(text) == "anomaly"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Label: not an anomaly",
        "Label: no anomaly",
        "Label: anomaly or normal",
        "Label: <anomaly | normal>",
        "Label: anomaly (or normal)",
        "Label: anomaly?",
        "Label: (anomaly) (normal)",
        "Label: anomaly\nLabel: unsure",
        "No anomaly, everything is normal.",
        "This is an anomaly.",
        "anomaly\nnormal?",
        '{"label": "anomaly", "also": "normal"}',
        "Label: anomaly" + " " * 400 + "x",
    ],
)
def test_what_is_not_one_label_and_nothing_else_is_none(text: str) -> None:
    assert label(text) is None


@given(
    st.lists(
        st.sampled_from(["label", ":", "anomaly", "normal", "not ", "{", '"', "}", "\n", "*", "verdict"])
        | st.text(st.characters(codec=None), max_size=5)
    ).map("".join)
)
def test_reading_a_label_never_raises(text: str) -> None:
    assert label(text) in {None, "anomaly", "normal"}


@pytest.mark.parametrize("filler", ["label", "label:", "the ", "{", "*", "\n", " ", "the label "])
def test_reading_a_label_takes_linear_time(filler: str) -> None:
    began = time.thread_time()
    label(filler * 50_000)
    assert time.thread_time() - began < 2


def test_right_and_wrong() -> None:
    assert [(v.value, v.is_correct) for v in (verdict(FAULTY, "Label: anomaly"), verdict(SOUND, "Label: anomaly"))] == [
        (1.0, True),
        (0.0, False),
    ]
    assert verdict(SOUND, "Label: anomaly").metrics == {"positive": 0.0, "detected": 1.0, "answered": 1.0}


@pytest.mark.parametrize(("sample", "detected"), [(FAULTY, 0.0), (SOUND, 1.0)])
def test_no_label_is_wrong_on_either_side(sample: Sample, detected: float) -> None:
    for text, outcome in (("I cannot say.", Outcome.WRONG_FORMAT), ("", Outcome.REFUSED)):
        found = verdict(sample, text)
        assert (found.is_correct, found.outcome, found.metrics["detected"], found.metrics["answered"]) == (False, outcome, detected, 0.0)
    assert verdict(sample, "It seems", "length").outcome is Outcome.TRUNCATED


def test_a_row_without_a_label_is_invalid() -> None:
    for reference in (None, "", "odd"):
        assert verdict(Sample(record_id="x", input="?", reference=reference), "Label: normal").outcome is Outcome.SAMPLE_INVALID


@pytest.mark.parametrize("attack", attacks("Label: normal", "anomaly").values(), ids=attacks("", "").keys())
def test_words_for_a_judge_change_nothing(attack: str) -> None:
    assert verdict(FAULTY, attack).is_correct is False


def test_always_normal_has_no_f1_and_no_correlation() -> None:
    figures = detection_figures([(True, False)] * 3 + [(False, False)] * 97)
    assert (figures["f1"], figures["recall"], figures["mcc"], figures["balanced_accuracy"]) == (0.0, 0.0, 0.0, 0.5)
    assert figures["precision"] is None
    assert figures["base_rate"] == 0.03


def test_what_has_no_denominator_is_none() -> None:
    assert set(detection_figures([]).values()) == {None, 0.0}
    only_normal = detection_figures([(False, False)] * 5)
    assert [only_normal[name] for name in ("f1", "recall", "mcc", "balanced_accuracy")] == [None] * 4


def test_aggregate_leaves_out_what_was_not_scored() -> None:
    rows: list[Any] = [(v.outcome, v.metrics) for v in (verdict(FAULTY, "Label: anomaly"), verdict(SOUND, "hm"), verdict(SOUND, "normal"))]
    found = Detection("anomaly", "normal").aggregate([*rows, (Outcome.INFRASTRUCTURE_FAILED, {})])
    assert [found[name] for name in ("precision", "recall", "answered", "true_negatives")] == [0.5, 1.0, 2 / 3, 1.0]
    assert Detection("anomaly", "normal").aggregate([])["answered"] is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_figures_agree_with_their_definitions(pairs: list[tuple[bool, bool]]) -> None:
    figures = detection_figures(pairs)
    truth, said = np.array(pairs, float).T
    if figures["precision"] and figures["recall"] and figures["f1"]:
        assert 2 / figures["f1"] == pytest.approx(1 / figures["precision"] + 1 / figures["recall"])
    if truth.std() and said.std():
        assert figures["mcc"] == pytest.approx(np.corrcoef(truth, said)[0, 1])
    assert sum(figures[name] or 0 for name in ("true_positives", "false_positives", "false_negatives", "true_negatives")) == len(pairs)
