"""Our readers beside the published rules of others, as far as these are regular expressions or arithmetic.

Compared with the packages themselves (inspect-evals 0.26, inspect-ai 0.3.285, lm-eval 0.4.13, math-verify 0.9), once:

* GAIA's `question_scorer`, 6,148 pairs: 100 differ, all of them by the two quirks that `scoring/exact.py` does not follow
  (a reference "inf", 77; references or predictions of punctuation alone, 21) and by "nan", which equals itself here, 2;
* SimpleQA's aggregates, 2,000 lists of grades: none differs by more than 1e-15. Its way of reading a grade, the first A, B or C
  anywhere and else "not attempted", takes INCORRECT for C and NOT_ATTEMPTED for A; ours reads the last line and asks again;
* math-verify on answers in a box, 1,258 pairs: 93 differ. A full stop, a text command or `x =` inside the box (48 answers that are the
  gold, refused there and accepted here), an answer given twice (43: "5,5", accepted there as a set, refused here), and the
  percent sign of a negative number (2: there it may only follow positive ones);
* the string rules of the MATH paper (lm-eval, hendrycks_math) on the same pairs: 204 equal answers missed there, 15 accepted
  there for a unit that makes no sense (`\\text{east} \\text{cm}`, a tuple of degrees);
* letters: below.
"""

from __future__ import annotations

import re

import pytest

from tripos.core.records import Sample
from tripos.scoring.choice import ChoiceLetter

CHOICES = ("photosynthesis", "cell respiration", "osmotic pressure", "nuclear fission", "plate tectonics", "surface tension")
SAMPLE = Sample(record_id="q", input="Which?", reference="C", choices=CHOICES)

SETTLED = """Answer: {}|ANSWER: {}|Answer: {}.|The answer is {}|The answer is ({}).|The answer is **{}**.|**Answer:** {}|**Answer: {}**
Answer: **{}**|Answer: ({})|({})|{}|{}.|Therefore the correct option is {}.|So the answer is {}, because of the data.|Final Answer: {}
The final answer is: {}|I first thought A. Answer: {}|Options A and B are out. Answer: {}|Based on evidence E, the answer is {}.
> Answer: {}|- Answer: {}|Answer - {}|My choice: {}|Option {} is correct.|{} is the answer|{} is the correct answer.
Answer：{}|Answer: Option {}
<answer>{}</answer>|The best answer is option {}.|the answer is \\boxed{{{}}}|$\\boxed{{{}}}$""".replace("\n", "|").split("|")
OPEN = """I cannot answer this question.|As an AI I think hard|Is the answer {}?|If the answer is {}, then pigs fly.|The answer is A or {}.
Answer: A, {}|Answer: {} and A|The answer is a matter of debate.|Answer: Z|Answer: A{}""".replace("\n", "|").split("|")


def mmlu_pro(text: str) -> str | None:
    """The three steps of TIGER-AI-Lab/MMLU-Pro, without the random draw at the end."""
    steps = (r"answer is \(?([A-J])\)?", r".*[aA]nswer:\s*([A-J])", r"\b([A-J])\b(?!.*\b[A-J]\b)")
    found = (re.search(step, text, re.DOTALL if "?!" in step else 0) for step in steps)
    return next((match[1] for match in found if match), None)


def inspect_ai(text: str) -> str | None:
    """The last `ANSWER: X` of Inspect's multiple-choice solver, in any case and without emphasis."""
    plain = re.sub(r"\*\*\s*([A-Za-z\d][A-Za-z\d ,]*?)\s*\*\*", r"\1", text)
    found = re.findall(r"(?i)ANSWER\s*:\s*\(?([A-Za-z\d ,]+)(?:[^\w]|\n|$|\.)", plain)
    return found[-1].strip().upper() if found and found[-1].strip().upper() in set("ABCDEF") else None


@pytest.mark.parametrize("letter", "BCDEF")
@pytest.mark.parametrize("template", SETTLED)
def test_a_letter_that_the_published_rules_read_is_ours(template: str, letter: str) -> None:
    text = template.format(letter)
    assert {mmlu_pro(text), inspect_ai(text)} - {None} == {letter}
    assert ChoiceLetter()(SAMPLE, text).answer == letter


@pytest.mark.parametrize("letter", "BCDEF")
@pytest.mark.parametrize("template", OPEN)
def test_no_letter_is_ours_where_the_text_settles_on_none_though_a_rule_finds_one(template: str, letter: str) -> None:
    assert ChoiceLetter()(SAMPLE, template.format(letter)).answer is None


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("The answer is A. Wait, no. The answer is E.", "E", "A"),  # the first mention counts there, the last one here
        ("Answer: A\n\nThat neglects heat, and the third law speaks for another one.\n\nAnswer: E", "E", "A"),
        ("The answer is not A but E.", None, "E"),
        ("plate tectonics", "E", None),  # an option's text is no answer there
        ("The answer is plate tectonics.", "E", None),
        ("answer: e", "E", None),
        ("It must be E.", None, "E"),  # any last capital letter is the answer there
    ],
)
def test_where_we_differ_from_mmlu_pro(text: str, ours: str | None, theirs: str | None) -> None:
    assert (ChoiceLetter()(SAMPLE, text).answer, mmlu_pro(text)) == (ours, theirs)
