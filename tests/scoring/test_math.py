r"""Equal answers are called equal and different ones different, whichever level decides."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import alive
from scripted_judge import answer_of
from tripos.core.errors import ScorerError
from tripos.core.records import Outcome, Sample, Verdict
from tripos.scoring import math as tripos_math
from tripos.scoring import math_worker
from tripos.scoring.math import BoxedAnswer, MathEquivalence, boxes, check_available
from tripos.scoring.math_structure import compare
from tripos.scoring.scorer import Instruments

QUESTION = Sample(record_id="q", input="?", reference="1")


async def score(gold: str, text: str, *, finish_reason: str = "stop", scorer: MathEquivalence = MathEquivalence()) -> Verdict:
    sample = Sample(record_id="q", input="?", reference=gold)
    verdict = scorer.score(sample, answer_of(sample, text, BoxedAnswer(), finish_reason=finish_reason), Instruments())
    return await verdict if isinstance(verdict, Awaitable) else verdict


def boxed(answer: str) -> str:
    return rf"Thus the answer is $\boxed{{{answer}}}$."


# gold, answer, what level decides (None: left to math-verify)
EQUAL = [
    (r"\frac{1}{2}", r"\frac12", "text"),
    (r"\frac{1}{2}", r"\dfrac{1}{2}", "text"),
    (r"\frac{1}{2}", "1/2", "structure"),
    (r"\frac{1}{2}", "0.5", "structure"),
    (r"\frac{1}{2}", ".50", "structure"),
    (r"\frac{2}{4}", r"\frac{1}{2}", "structure"),
    (r"-\frac{24}{25}", r"\frac{-24}{25}", "structure"),
    (r"1\frac{1}{2}", "1.5", "structure"),
    ("3 1/2", "7/2", "structure"),
    (r"\frac9{19}", r"\frac{9}{19}", "text"),
    ("1000", "1,000", "structure"),
    ("10080", r"10{,}080", "structure"),
    ("10080", r"10\,080", "text"),
    ("27648", "27 648", "structure"),
    ("28", "28.", "text"),
    ("4.5", r"\frac{9}{2}", "structure"),
    (r"1.5 \times 10^{3}", "1500", "structure"),
    (r"10\%", "10", "structure"),
    (r"10\%", "0.1", "structure"),
    ("0.1", r"10\%", "structure"),
    (r"76^\circ", "76", "structure"),
    ("76", r"76^{\circ}", "structure"),
    (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}^\circ", "structure"),
    (r"15\mbox{ cm}^2", "15", "structure"),
    (r"15\mbox{ cm}^2", r"15 \text{ square centimeters}", "structure"),
    ("8", r"8 \text{ apples}", "structure"),
    (r"\$5", "5", "text"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \frac{\pi}{2})", "text"),
    (r"\left(\frac{3}{5},\frac{8}{3}\right]", r"(0.6, \tfrac{8}{3}]", "structure"),
    ("(1,-16,-4,43)", r"\left(1, -16, -4, 43\right)", "text"),
    ("-2,1", r"1 \text{ and } -2", "structure"),
    ("-2,1", r"\{1, -2\}", "structure"),
    ("-2,1", "x = -2 or x = 1", None),
    (r"\text{east}", "East", "text"),
    (r"\text{(B)}", "B", "text"),
    (r"\text{even}", r"\textbf{even}", "text"),
    ("5", "x = 5", "text"),
    ("5", "3 + 2 = 5", None),
    ("4343_6", "4343_{6}", "structure"),
    ("4343_6", "4343", "structure"),
    (r"3\sqrt{13}", r"\sqrt{117}", None),
    (r"11\sqrt2", r"11\sqrt{2}", "text"),
    ("6+9i", "9i + 6", None),
    ("y = 2x + 3", "y=2x+3", "text"),
    ("x^3+3x-6", "3x + x^3 - 6", None),
    (r"\frac{3}{4}\pi", r"\frac{3\pi}{4}", None),
    (r"\{1\pm\sqrt{5},-2\}", r"-2, 1+\sqrt5, 1-\sqrt5", None),
    (r"(-\infty, 2) \cup (3, \infty)", r"(-\infty,2)\cup(3,\infty)", "text"),
    (r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}", r"\begin{pmatrix}-1&0\\0&-1\end{pmatrix}", "text"),
    ("5000000", r"5 \text{ million}", "structure"),
    ("2500", "2.5 thousand", "structure"),
    ("60", "5 dozen", "structure"),
    ("[-2,7)", r"-2 \le x < 7", "text"),
    (r"\left(\frac12, 3\right)", r"0.5 < t < 3", "structure"),
    ("5", "5,", "text"),
    ("-3", "\u200e−3\u200b", "text"),  # marks that nobody sees
    ("5", r"\bm{5}", "text"),
]
DIFFERENT = [
    ("6+5i", "6 - 5i", None),
    ("31/2", "3 1/2", "structure"),
    ("23", "2 3", None),
    ("12", "(1,2)", "structure"),
    ("(1,2)", "12", "structure"),
    ("12", "1,2", "structure"),
    ("x = 1", "x=-1", None),
    ("1", "x=-1", "structure"),
    ("(0,1]", "[0,1)", "structure"),
    ("[0,1]", "(0,1)", None),
    ("ab", "a/b", None),
    (r"\infty", "5", None),
    (r"\text{no solution}", r"\infty", None),
    (r"\frac{1}{2}", "1", "structure"),
    (r"\frac{1}{3}", "0.33", "structure"),
    ("5", "-5", "structure"),
    ("5", "5,-5", "structure"),
    ("7", r"\pm 7", None),
    ("(15,-29)", "(-29,15)", "structure"),
    ("(1,2)", "(1,2,3)", "structure"),
    ("-2,1", "-2,1,3", "structure"),
    ("4343_6", "4343_7", "structure"),
    (r"15\text{ inches}", r"15\text{ feet}", "structure"),
    (r"\text{east}", "west", "text"),
    (r"\text{even}", "odd", "text"),
    (r"\text{(B)}", "C", "text"),
    ("11", "1.1", "structure"),
    ("1000", "1", "structure"),
    ("2\\sqrt{5}", "2\\sqrt{3}", None),
    ("x^2", "x_2", None),
    ("5", r"\text{I do not know}", None),
    ("3", "2+2", None),
    ("5", "5 million", None),  # not a unit: another number
    ("5", "5 dozen", None),
    ("5", "5 sixths", None),
    ("5", "5 halves", None),
    ("5", "5 at least", None),
    ("5", "5 squared", None),
    ("5", r"\geq 5", "structure"),
    ("5", "< 5", "structure"),
    ("[-2,7]", "-2 < x < 7", None),
    ("[-2,7)", r"-2 < x \le 7", "structure"),
]


@pytest.mark.parametrize(("gold", "said", "level"), EQUAL)
async def test_equal_answers(gold: str, said: str, level: str | None) -> None:
    verdict = await score(gold, boxed(said))
    assert (verdict.is_correct, verdict.details["level"]) == (True, level or "math-verify")


@pytest.mark.parametrize(("gold", "said", "level"), DIFFERENT)
async def test_different_answers(gold: str, said: str, level: str | None) -> None:
    verdict = await score(gold, boxed(said))
    assert (verdict.is_correct, verdict.details["level"]) == (False, level or "math-verify")
    assert verdict.outcome is Outcome.SCORED


@given(st.fractions(max_denominator=1000), st.fractions(max_denominator=1000))
def test_rationals_are_compared_exactly(a: object, b: object) -> None:
    latex = rf"\frac{{{a.numerator}}}{{{a.denominator}}}"  # type: ignore[attr-defined]
    assert compare(latex, str(a))[1] is True
    if a != b:
        assert compare(latex, str(b))[1] is not True


@given(
    st.text(alphabet=r"0123456789.,-+/\{}()[]^_% xyfracsqrtpi=textboxed$", max_size=60),
    st.text(alphabet=r"01.,/\{}()[]^_%frac x", max_size=60),
)
def test_any_text_is_compared_without_raising_and_equals_itself(a: str, b: str) -> None:
    assert compare(a, b)[1] in (True, False, None)
    assert compare(a, a)[1] is not False


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        (r"So \boxed{4}. Wait: \boxed{5}", "5", "last box"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "last box"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "last box"),
        (r"\boxed{\left\{\frac{\sqrt{2}}{2}\right\}}", r"\left\{\frac{\sqrt{2}}{2}\right\}", "last box"),
        (r"\fbox{7}", "7", "last box"),
        (r"\boxed 7", "7", "last box"),
        (r"$x=\boxed{1}$ or $x=\boxed{2}$", "2", "last box"),
        (r"$\boxed{1}$ and $\boxed{2}$", "1, 2", "last box"),
        (r"Final: $\boxed{3}$. Again, \boxed{3}", "3", "last box"),
        (r"The answer is \boxed{3}, not \boxed{4", "3", "last box"),
        ("The final answer is $12$. I hope it is correct.", "12", "last statement"),
        ("Final answer: x = 3.5", "x = 3.5", "last statement"),
        ("**Answer:** 42", "42", "last statement"),
        ("The answer is $5$ because $2+3=5$.", "5", "last statement"),
        ("The answer is $7$, where $x = 2$ and $y=5$.", "7", "last statement"),
        ("The answer is 7, where $x = 2$ and $y=5$.", "7", "last statement"),
        ("Answer: $5$ (or $5.0$)", "5", "last statement"),
        ("Answer: 5 (that is, $2+3$)", "5", "last statement"),
        ("The answer is $2$, $3$ and $x = 4$.", "2, 3, x = 4", "last statement"),
        (r"The answer is $x = 2 \text{ where } y > 0$", r"x = 2 \text{ where } y > 0", "last statement"),
        (r"The answer is the point $(1, 2)$.", "(1, 2)", "last statement"),
        (r"The answer is 12 $\text{cm}^2$.", r"12 $\text{cm}^2$", "last statement"),
        ("The answer is\n\\[\n\\frac{1}{2}\n\\]", r"\frac{1}{2}", "last statement"),
        ("We get $a=2$, hence $a^2 = 4$", "a^2 = 4", "weak: last formula"),
        ("That makes 1,200 in 3 years, so 400", "400", "weak: last number"),
        ("No idea.", None, "no box, statement, formula or number"),
        ("", None, "nothing to read"),
    ],
)
def test_the_final_answer_is_read(text: str, answer: str | None, how: str) -> None:
    read = BoxedAnswer()(QUESTION, text)
    assert (read.answer, read.how) == (answer, how)


def test_boxes_know_their_place_and_stay_linear() -> None:
    text = r"a \boxed{b{c}} d"
    (box,) = boxes(text)
    assert text[box.start : box.end] == r"\boxed{b{c}}"
    assert boxes("\\boxed{" * 20_000) == []


@given(st.text(alphabet="\\boxed{}$[]() 12answer is.\n", max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    BoxedAnswer()(QUESTION, text)


@pytest.mark.parametrize(
    ("text", "finish_reason", "is_correct", "outcome"),
    [
        ("", "stop", False, Outcome.REFUSED),
        ("I cannot help with that.", "stop", False, Outcome.WRONG_FORMAT),
        ("So far we have 1, 2, 5", "length", False, Outcome.TRUNCATED),  # the last number of a text cut off is no answer
        ("", "length", False, Outcome.TRUNCATED),
        (r"\boxed{5} because", "length", True, Outcome.SCORED),
        ("So we have 5", "stop", True, Outcome.SCORED),
        (r"\boxed{1} \boxed{2} \boxed{5}", "stop", False, Outcome.SCORED),  # everything listed is nothing chosen
    ],
)
async def test_outcomes(text: str, finish_reason: str, is_correct: bool, outcome: Outcome) -> None:
    verdict = await score("5", text, finish_reason=finish_reason)
    assert (verdict.is_correct, verdict.value, verdict.outcome) == (is_correct, float(is_correct), outcome)


async def test_a_sample_without_a_reference_is_invalid() -> None:
    assert (await score("", r"\boxed{5}")).outcome is Outcome.SAMPLE_INVALID


async def test_an_answer_that_never_ends_is_wrong_and_the_next_one_is_graded() -> None:
    scorer = MathEquivalence(cpu_seconds=1)
    hostile = await score("5", boxed("9^{9^{9^{9}}} + x"), scorer=scorer)
    assert hostile.is_correct is False
    assert hostile.details["note"] is not None
    assert (await score(r"3\sqrt{13}", boxed(r"\sqrt{117}"))).is_correct is True


async def test_a_long_answer_is_wrong_without_parsing() -> None:
    verdict = await score("5", boxed("1+" * 5000 + "1"))
    assert (verdict.is_correct, verdict.details["level"]) == (False, "text")


async def test_cancelling_one_question_does_not_disturb_the_others() -> None:
    questions = [asyncio.ensure_future(score(rf"{n}\sqrt{{2}}", boxed(rf"\sqrt{{{2 * n * n}}}"))) for n in range(2, 12)]
    await asyncio.sleep(0.02)
    for question in questions[::2]:
        question.cancel()
    done = await asyncio.gather(*questions, return_exceptions=True)
    assert all(verdict.is_correct for verdict in done if isinstance(verdict, Verdict))
    assert sum(isinstance(verdict, Verdict) for verdict in done) >= 5
    assert (await score(r"3\sqrt{2}", boxed(r"\sqrt{17}"))).is_correct is False


def test_one_worker_serves_every_event_loop() -> None:
    seen = set()
    for _ in range(2):
        assert asyncio.run(score(r"\sqrt{8}", boxed(r"2\sqrt{2}"))).is_correct is True
        process = math_worker._worker.process
        assert process is not None
        seen.add(process.pid)
    assert len(seen) == 1


def test_a_program_that_used_the_worker_ends_at_once_and_leaves_nothing_behind() -> None:
    program = (
        "import asyncio; from tripos.scoring import math_worker as w\n"
        "print(asyncio.run(w.verify('\\\\sqrt{8}', '2\\\\sqrt{2}')).equal, w._worker.process.pid)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=600, check=True)
    equal, pid = done.stdout.split()
    assert (equal, done.stderr) == ("True", "")
    assert not alive(int(pid))


def test_a_missing_math_verify_is_said_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MathEquivalence().needs == {"math-verify"}
    check_available()
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(ScorerError, match=r"pip install 'tripos\[math\]'"):
        tripos_math.check_available()
