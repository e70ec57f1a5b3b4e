"""coding_task: what a sample is, that it can be solved, and that nothing but a solution passes."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest
from coding_grading import built, grade, grade_all

from tripos.benchmarks.benchmark import Case
from tripos.benchmarks.use_cases.coding.tasks import FAMILIES, HIDDEN
from tripos.core.records import Outcome, Sample
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.scoring.code_tests import decode_checks
from tripos.scoring.fenced import fenced

KEY = "coding_task"
MADE, SOURCE = built(KEY)


def nameless(sample: Sample) -> str:
    """The prompt without the invented function name and without the examples."""
    return re.sub(re.escape(sample.metadata["function"]), "f", MADE.prompt(sample).partition(">>>")[0])


def test_another_seed_gives_other_samples() -> None:
    _, other = built(KEY, seed=43)
    assert not {nameless(SOURCE.sample(i)) for i in range(60)} & {nameless(other.sample(i)) for i in range(60)}


def test_a_thousand_samples_are_a_thousand_tasks() -> None:
    samples = [SOURCE.sample(index) for index in range(1000)]
    assert len({MADE.prompt(sample) for sample in samples}) == 1000
    assert len({nameless(sample) for sample in samples}) >= 950
    assert len({sample.record_id for sample in samples}) == 1000


def test_difficulties_and_families_are_balanced() -> None:
    samples = [SOURCE.sample(index) for index in range(63)]
    assert MADE.default_n == 63
    assert set(Counter(sample.subject for sample in samples).values()) == {21}
    assert Counter((s.dimensions["family"], s.dimensions["difficulty"]) for s in samples) == Counter(
        {(family, level): 3 for family in FAMILIES for level in ("easy", "middle", "hard")}
    )


def test_thirty_samples_take_less_than_a_second() -> None:
    before = time.process_time()
    for index in range(30):
        SOURCE.sample(index)
    assert time.process_time() - before < 1.0


def test_the_prompt_gives_nothing_away() -> None:
    for index in range(42):
        sample = SOURCE.sample(index)
        shown = MADE.prompt(sample)
        assert sample.reference["solution"] not in shown
        assert sample.metadata["canary"] not in shown
        assert not re.search(r"\{\w+(!r)?\}", re.sub(r">>>.*", "", shown, flags=re.DOTALL)), "a hole was left unfilled"
        examples = [argument for argument, _ in sample.metadata["examples"]]
        assert 2 <= len(examples) <= 3
        checks = decode_checks(sample.reference["checks"])
        assert len(checks) == HIDDEN
        assert not any(check.args[0] in examples for check in checks)


def test_no_outcome_is_shared_by_more_than_two_checks_in_five() -> None:
    for index in range(63):
        outcomes = Counter(repr(check.expected) for check in decode_checks(SOURCE.sample(index).reference["checks"]))
        assert outcomes.most_common(1)[0][1] <= 0.4 * HIDDEN


async def test_reference_solutions_pass(sandbox: Bubblewrap) -> None:
    assert MADE.perfect is not None
    cases = [Case("reference", sample, MADE.perfect(sample), passes=True) for sample in map(SOURCE.sample, range(63))]
    for case, verdict in await grade_all(MADE, sandbox, cases):
        assert verdict.is_correct and verdict.value == 1.0, (case.sample.record_id, verdict.details)


async def test_calibration_holds_and_leaves_nothing_unscored(sandbox: Bubblewrap) -> None:
    graded = await grade_all(MADE, sandbox, MADE.calibration())
    for case, verdict in graded:
        assert verdict.is_correct is case.passes, (case.name, case.sample.record_id, verdict)
        assert verdict.value is not None and (case.passes or verdict.value <= 0.4), (case.name, verdict)
    names = {case.name for case, _ in graded}
    assert {"reference", "empty", "refusal", "echo", "examples only", "garbage", "dump", "majority"} <= names


async def test_a_solution_that_forgets_one_edge_case_gets_its_share_and_is_wrong(sandbox: Bubblewrap) -> None:
    sample = SOURCE.sample(0)
    first = decode_checks(sample.reference["checks"])[0].args[0]
    name = sample.metadata["function"]
    code = sample.reference["solution"] + f"\n_right = {name}\ndef {name}(v):\n    return None if v == {first!r} else _right(v)\n"
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is False
    assert verdict.value == pytest.approx(1 - 1 / HIDDEN)


async def test_an_endless_loop_ends_and_is_wrong(sandbox: Bubblewrap) -> None:
    sample = SOURCE.sample(0)
    name = sample.metadata["function"]
    third = decode_checks(sample.reference["checks"])[2].args[0]
    code = sample.reference["solution"] + (
        f"\n_right = {name}\ndef {name}(v):\n    while v == {third!r}:\n        pass\n    return _right(v)\n"
    )
    before = time.monotonic()
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert time.monotonic() - before < 120
    assert verdict.is_correct is False and verdict.outcome is Outcome.SCORED
    assert verdict.details["passed"] == HIDDEN - 1


async def test_what_the_code_prints_is_no_result(sandbox: Bubblewrap) -> None:
    sample = SOURCE.sample(3)
    name = sample.metadata["function"]
    expected = [check.expected for check in decode_checks(sample.reference["checks"])]
    code = (
        "import json, os, sys\n"
        f"for i, value in enumerate({expected!r}):\n"
        "    line = json.dumps([i, {'value': value, 'passed': True}])\n"
        "    print(line)\n"
        "    sys.__stdout__.write(line + '\\n')\n"
        "    for descriptor in range(1, 12):\n"
        "        try:\n"
        "            os.write(descriptor, (line + '\\n').encode())\n"
        "        except OSError:\n"
        "            pass\n"
        f"def {name}(v):\n    print('passed', True)\n    return None\n"
    )
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is False and verdict.value == 0.0


async def test_an_object_that_equals_everything_passes_nothing(sandbox: Bubblewrap) -> None:
    sample = SOURCE.sample(6)
    code = (
        "class Same(list):\n    __eq__ = lambda self, other: True\n    __hash__ = None\n"
        f"def {sample.metadata['function']}(v):\n    return Same(['no'])\n"
    )
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is False and verdict.value == 0.0


async def test_the_environment_is_invisible(sandbox: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_TEST_KEY", "sk-visible")
    sample = SOURCE.sample(1)
    name = sample.metadata["function"]
    code = sample.reference["solution"] + (
        f"\nimport os\n_right = {name}\ndef {name}(v):\n"
        "    return None if 'TRIPOS_TEST_KEY' in os.environ or 'sk-visible' in str(os.environ) else _right(v)\n"
    )
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is True, verdict.details


async def test_how_answers_without_a_result_end(sandbox: Bubblewrap) -> None:
    sample = SOURCE.sample(2)
    right = fenced(sample.reference["solution"])
    assert (await grade(MADE, sandbox, sample, "")).outcome is Outcome.REFUSED
    assert (await grade(MADE, sandbox, sample, "I would rather not.")).outcome is Outcome.WRONG_FORMAT
    assert (await grade(MADE, sandbox, sample, right[:40], "length")).outcome is Outcome.TRUNCATED
    assert (await grade(MADE, sandbox, sample, "", "length")).outcome is Outcome.TRUNCATED
    cut_but_right = await grade(MADE, sandbox, sample, right, "length")
    assert cut_but_right.outcome is Outcome.SCORED and cut_but_right.is_correct is True
