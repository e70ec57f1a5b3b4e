"""coding_assistant: every bug is real and can be mended, handing the file back is worth nothing, and nothing can be forged."""

from __future__ import annotations

import time
from collections import Counter

import msgspec
import pytest
from coding_grading import built, grade, grade_all

from tripos.benchmarks.benchmark import Case
from tripos.benchmarks.use_cases.coding.repair import FAMILIES, HIDDEN
from tripos.core.records import Outcome, Sample
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.scoring.code_tests import decode_checks, extract_code, run_checks
from tripos.scoring.fenced import fenced

KEY = "coding_assistant"
MADE, SOURCE = built(KEY)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [SOURCE.sample(index) for index in range(60)]


def bugs(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.dimensions["control"] == "bug"]


def controls(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.dimensions["control"] == "no bug"]


def test_a_thousand_samples_are_a_thousand_tasks() -> None:
    made = [SOURCE.sample(index) for index in range(1000)]
    assert len({MADE.prompt(sample) for sample in made}) >= 950
    assert len({sample.reference["shown"] for sample in made}) >= 900
    assert len({kind for sample in made for kind in sample.metadata["mutations"]}) >= 15


def test_difficulties_families_and_controls_are_balanced(samples: list[Sample]) -> None:
    assert MADE.default_n == 60
    assert Counter(sample.subject for sample in samples) == {"easy": 20, "middle": 20, "hard": 20}
    families = Counter(sample.dimensions["family"] for sample in samples)
    assert set(families) == set(FAMILIES) and len(families) >= 5 and max(families.values()) - min(families.values()) <= 3
    assert Counter(sample.subject for sample in controls(samples)) == {"easy": 2, "middle": 2, "hard": 2}


def test_thirty_samples_take_less_than_a_second() -> None:
    before = time.process_time()
    for index in range(30):
        SOURCE.sample(index)
    assert time.process_time() - before < 1.0


def test_every_bug_shows_in_two_hidden_checks_and_spares_one_call(samples: list[Sample]) -> None:
    for sample in bugs(samples):
        before = sample.reference["passed_before"]
        assert len(before) == HIDDEN == len(sample.reference["checks"])
        assert before.count(False) >= 2
        assert sample.reference["shown"] != sample.reference["solution"]
        assert len(sample.metadata["mutations"]) == (2 if sample.subject == "hard" else 1)


def test_controls_show_right_code_and_a_mistaken_report(samples: list[Sample]) -> None:
    for sample in controls(samples):
        assert sample.reference["shown"] == sample.reference["solution"]
        assert all(sample.reference["passed_before"])
        assert "expected was that it" in MADE.prompt(sample)


def test_the_prompt_shows_the_file_and_one_call_but_not_the_answer(samples: list[Sample]) -> None:
    for sample in samples:
        shown = MADE.prompt(sample)
        assert extract_code(shown) == sample.reference["shown"]
        assert "@" not in shown.replace("@staticmethod", ""), "a hole was left unfilled"
        if sample.dimensions["control"] == "bug":
            assert sample.reference["solution"] not in shown


async def test_the_reference_passes_everything(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    assert MADE.perfect is not None
    cases = [Case("reference", sample, MADE.perfect(sample), passes=True) for sample in samples]
    for case, verdict in await grade_all(MADE, sandbox, cases):
        assert verdict.is_correct and verdict.value == 1.0, (case.sample.record_id, verdict.details)


async def test_what_the_shown_file_passes_is_what_we_say_it_passes(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    """Our own evaluation of a mutant agrees with the sandbox, check by check."""
    for sample in bugs(samples)[:24]:
        report = await run_checks(sandbox, sample.reference["shown"], decode_checks(sample.reference["checks"]))
        assert [result.passed for result in report.results] == sample.reference["passed_before"], sample.record_id


async def test_the_unchanged_file_is_worth_nothing(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    cases = [Case("unchanged", sample, fenced(sample.reference["shown"]), passes=False) for sample in bugs(samples)[:30]]
    for case, verdict in await grade_all(MADE, sandbox, cases):
        assert verdict.value == 0.0 and verdict.is_correct is False, (case.sample.record_id, verdict)
        assert verdict.metrics["fix_rate"] == 0.0
        assert verdict.metrics["regression_rate"] in (0.0, None)


async def test_the_unchanged_file_is_right_where_there_is_no_bug(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    cases = [Case("unchanged", sample, fenced(sample.reference["shown"]), passes=True) for sample in controls(samples)]
    for _, verdict in await grade_all(MADE, sandbox, cases):
        assert verdict.is_correct is True and verdict.value == 1.0


async def test_believing_a_mistaken_report_is_wrong(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    sample = next(s for s in controls(samples) if s.metadata["example"])
    name = sample.metadata["name"]
    code = sample.reference["shown"] + f"\n_right = {name}\ndef {name}(*args):\n    return [_right(*args)]\n"
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is False and verdict.value == 0.0


async def test_a_repair_that_breaks_something_else_is_wrong_and_says_so(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    def fits(sample: Sample) -> bool:
        checks = decode_checks(sample.reference["checks"])
        return sample.reference["passed_before"].count(True) > 0 and not checks[0].steps and not any(check.raises for check in checks)

    sample = next(sample for sample in bugs(samples) if fits(sample))
    kept = sample.reference["passed_before"].index(True)
    args = tuple(decode_checks(sample.reference["checks"])[kept].args)
    name = sample.metadata["name"]
    code = sample.reference["solution"] + (
        f"\n_right = {name}\ndef {name}(*args):\n    return None if args == {args!r} else _right(*args)\n"
    )
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is False
    assert verdict.metrics["fix_rate"] == 1.0
    assert verdict.metrics["regression_rate"] == pytest.approx(1 / sample.reference["passed_before"].count(True))
    assert verdict.value is not None and 0 < verdict.value < 1


async def test_calibration_holds_and_leaves_nothing_unscored(sandbox: Bubblewrap) -> None:
    graded = await grade_all(MADE, sandbox, MADE.calibration())
    for case, verdict in graded:
        assert verdict.is_correct is case.passes, (case.name, case.sample.record_id, verdict)
        assert verdict.value is not None
    names = {case.name for case, _ in graded}
    assert {"reference", "empty", "refusal", "echo", "unchanged", "example only", "garbage", "dump", "majority"} <= names


async def test_an_endless_loop_ends_and_is_wrong(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    first = bugs(samples)[0]
    short = {name: first.reference[name][:3] for name in ("checks", "passed_before")}  # each check costs a second of CPU
    sample = msgspec.structs.replace(first, reference={**first.reference, **short})
    before = time.monotonic()
    verdict = await grade(MADE, sandbox, sample, fenced(f"def {sample.metadata['name']}(*args):\n    while True:\n        pass\n"))
    assert time.monotonic() - before < 240
    assert verdict.value == 0.0 and verdict.is_correct is False and verdict.outcome is Outcome.SCORED
    assert "time" in verdict.details["failures"][0]


async def test_forged_output_and_early_exit_pass_nothing(sandbox: Bubblewrap, samples: list[Sample]) -> None:
    sample = bugs(samples)[1]
    for code in (
        "print('16 passed')\nimport sys\nsys.exit(0)\n",
        "import os\nos.write(1, b'[0, {\"value\": []}]\\n')\nos._exit(0)\n",
        f"import builtins\nbuiltins.print = lambda *a: None\n{sample.metadata['name']} = type('x', (), {{'__call__': lambda s, *a: s, "
        "'__eq__': lambda s, o: True})()\n",
    ):
        verdict = await grade(MADE, sandbox, sample, fenced(code))
        assert verdict.is_correct is False and verdict.value == 0.0, code


async def test_the_environment_is_invisible(sandbox: Bubblewrap, samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOS_TEST_KEY", "sk-visible")
    sample = bugs(samples)[2]
    code = "import os\nassert 'TRIPOS_TEST_KEY' not in os.environ\n" + sample.reference["solution"]
    verdict = await grade(MADE, sandbox, sample, fenced(code))
    assert verdict.is_correct is True, verdict.details
