"""The parts behind the generated coding benchmarks: both definitions of each operation agree, mutants are held in check."""

from __future__ import annotations

import ast
import json
from random import Random
from typing import Any

import pytest

from tripos.benchmarks.use_cases.coding.guarded import Guarded, Outcome, same
from tripos.benchmarks.use_cases.coding.machines import register_machine
from tripos.benchmarks.use_cases.coding.module import Call, Module
from tripos.benchmarks.use_cases.coding.mutation import applied, mutations
from tripos.benchmarks.use_cases.coding.pipelines import OPS, pipeline
from tripos.benchmarks.use_cases.coding.repair import LIBRARY, _calls
from tripos.benchmarks.use_cases.coding.report import check_of, told, transcript
from tripos.benchmarks.use_cases.coding.simulations import simulation
from tripos.benchmarks.use_cases.coding.steps import filled
from tripos.benchmarks.use_cases.coding.words import function_name, phrase
from tripos.sandbox.bubblewrap import Bubblewrap
from tripos.scoring.code_tests import Check, run_checks

FIELDS = {"label": "team", "who": "name", "amount": "cost", "flag": "paid", "mass": "size", "kids": "parts"}


def values(kind: str, rng: Random) -> list[Any]:
    """A few values of a kind, an empty one among them where there is one."""

    def tree(depth: int) -> dict[str, Any]:
        return {"size": rng.randint(-6, 12), "parts": [tree(depth - 1) for _ in range(rng.randint(0, 3))] if depth else []}

    def records(missing: bool) -> list[dict[str, Any]]:
        return [
            {"name": rng.choice("AB"), "team": rng.choice(("red", "blue", "rust")), "paid": rng.random() < 0.5,
             "cost": None if missing and rng.random() < 0.3 else rng.randint(0, 20)}
            for _ in range(rng.randint(1, 8))
        ]  # fmt: skip

    def spans() -> list[list[int]]:
        return [[start, start + rng.randint(1, 9)] for start in (rng.randint(0, 25) for _ in range(rng.randint(1, 7)))]

    draws: dict[str, Any] = {
        "ints": lambda: [rng.randint(-9, 20) for _ in range(rng.randint(1, 12))],
        "text": lambda: phrase(rng),
        "words": lambda: phrase(rng).split(),
        "records": lambda: records(False),
        "raw": lambda: records(True),
        "table": lambda: {word: rng.randint(0, 15) for word in phrase(rng).split()},
        "spans": spans,
        "tree": lambda: tree(3),
    }
    empty: dict[str, Any] = {"text": "", "table": {}, "tree": tree(0)}
    return [empty.get(kind, []), *(draws[kind]() for _ in range(4))]


async def test_every_operation_does_as_code_what_it_does_as_a_function(sandbox: Bubblewrap) -> None:
    rng = Random("operations")
    source, checks = "", []
    for number, op in enumerate(OPS):
        step = op.step(rng, FIELDS)
        body = "\n".join("    " + line for line in step.code.splitlines())
        source += f"def op_{number}(v):\n{body}\n    return v\n\n"
        for value in values(op.source, rng):
            before = json.dumps(value)
            checks.append(Check(f"op_{number}", [value], expected=step.run(value), name=step.sentence))
            assert json.dumps(value) == before, f"the interpreter changes its argument: {step.sentence}"
    report = await run_checks(sandbox, source, checks)
    assert [result for result in report.results if not result.passed] == []


def test_every_operation_has_several_wordings_without_holes() -> None:
    rng = Random("wordings")
    for op in OPS:
        assert len(op.says) >= 2
        for says in op.says:
            assert "{" not in filled(says, {**op.draw(rng), **FIELDS}), says


@pytest.mark.parametrize("family", ["lists", "text", "records", "intervals", "trees"])
def test_a_pipeline_has_the_length_that_was_asked_for(family: str) -> None:
    for seed in range(40):
        program, _ = pipeline(Random(seed), family, 6)
        assert len(program.steps) == 6
        assert len(set(program.steps)) == 6


def test_leaving_a_rule_out_mostly_shows() -> None:
    """Machines in which it does not are possible; `draw_task` turns them down."""
    shows = 0
    for seed in range(40):
        for program, _ in (register_machine(Random(seed), 4), simulation(Random(seed), 4)):
            arguments = [program.inputs(Random(f"{seed}/{k}")) for k in range(40)]
            shows += all(any(program.run(a) != without(a) for a in arguments) for without in program.ablations)
    assert shows >= 40


def test_invented_names_are_identifiers() -> None:
    assert all(function_name(Random(seed)).isidentifier() for seed in range(200))


@pytest.mark.parametrize("module", LIBRARY, ids=lambda module: module.main[0])
async def test_every_library_module_does_in_the_sandbox_what_it_does_here(sandbox: Bubblewrap, module: Module) -> None:
    rng = Random(module.main[0])
    source, chosen = module.drawn(rng)
    assert source.isascii() and "@" not in source and 'f"' not in source
    assert ast.get_docstring(ast.parse(source).body[0]), "the docstring is the specification"  # type: ignore[arg-type]
    guarded = Guarded(ast.parse(source))
    calls = _calls(rng, module, chosen)
    assert calls, "there are not enough different calls"
    report = await run_checks(sandbox, source, [check_of(call, guarded.run(call)) for call in calls])
    assert [result for result in report.results if not result.passed] == []


@pytest.mark.parametrize("module", LIBRARY, ids=lambda module: module.main[0])
def test_mutations_are_small_edits_of_code(module: Module) -> None:
    source, _ = module.drawn(Random(1))
    found = mutations(source)
    assert len(found) >= 20
    assert len({edit.kind for edit in found}) >= 6
    docstring = ast.get_docstring(ast.parse(source).body[0], clean=False)  # type: ignore[arg-type]
    for edit in found:
        mutant = applied(source, [edit])
        assert mutant != source
        assert docstring is not None and docstring in mutant
        ast.parse(mutant)


def run(source: str, *args: Any) -> Outcome:
    return Guarded(ast.parse(source)).run(Call("f", args))[0]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    while True:\n        pass\n",
        "def f():\n    for n in iter(int, 1):\n        pass\n",
        "def f():\n    return [n for n in iter(int, 1)]\n",
        "def f():\n    text = 'ab'\n    while True:\n        text += text\n",
        "def f():\n    n = 3\n    while True:\n        n = n * n\n",
        "def f():\n    out = [1]\n    while True:\n        out.extend(out)\n",
        "def f():\n    try:\n        while True:\n            pass\n    except Exception:\n        return 1\n",
    ],
)
def test_what_never_ends_or_grows_without_bound_is_stopped(source: str) -> None:
    assert run(source) == ("endless", None)


def test_exceptions_and_values_are_outcomes() -> None:
    assert run("def f(a, b):\n    return a // b\n", 7, 2) == ("value", 3)
    assert run("def f(a, b):\n    return a // b\n", 7, 0) == ("raises", "ZeroDivisionError")


def test_a_call_cannot_change_what_the_next_one_is_given() -> None:
    guarded = Guarded(ast.parse("def f(v):\n    v.append(1)\n    return len(v)\n"))
    call = Call("f", [[5]])
    assert guarded.run(call) == guarded.run(call) == [("value", 2)]


def test_outcomes_are_compared_type_by_type() -> None:
    assert same([("value", {"a": 1, "b": 2})], [("value", {"b": 2, "a": 1})])
    for one, other in ((1, True), (1, 1.0), ([1], (1,)), (None, 0)):
        assert not same([("value", one)], [("value", other)])


@pytest.mark.parametrize(
    ("actual", "claimed", "words"),
    [
        (("value", 3), ("value", 4), "too small"),
        (("value", [1, 2]), ("value", [2, 1]), "wrong order"),
        (("value", [1]), ("value", [2, 1]), "too few"),
        (("value", True), ("value", False), "says True where False"),
        (("raises", "KeyError"), ("value", 1), "fails with KeyError"),
        (("value", 1), ("raises", "ValueError"), "refuse with ValueError"),
        (("endless", None), ("value", 1), "never comes back"),
        (("value", {"a": 1}), ("value", {"a": 2}), "wrong values"),
        (("value", "ab"), ("value", "abc"), "wrong length"),
        (("value", None), ("value", 0), "wrong kind"),
    ],
)
def test_the_report_says_what_is_seen(actual: Outcome, claimed: Outcome, words: str) -> None:
    assert words in told(Random(1), Call("f", [1]), [actual], [claimed])


def test_a_transcript_ends_with_the_first_wrong_step() -> None:
    call = Call("Box", [], [("put", [1]), ("get", []), ("get", [])])
    shown = transcript(call, [("value", 1), ("value", 5), ("value", 9)], [("value", 1), ("value", 1), ("value", 9)])
    assert "thing.put(1)  # returns 1" in shown
    assert shown.endswith("thing.get()  # returns 5; expected was that it returns 1")
