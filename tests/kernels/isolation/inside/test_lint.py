"""Cases that let wrong answers pass are named before anyone is examined by them; solutions are read, never refused for a word."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripos.kernels.isolation.inside.lint import Finding, static_findings, task_findings

torch = pytest.importorskip("torch")

from tripos.kernels.isolation.inside.compare import Rule  # noqa: E402

# -- cases -------------------------------------------------------------------------------------------------------------


def runs(function: Any, *, weights: bool = False, count: int = 3) -> dict[str, Any]:
    """What the judge hands over: one run of a case, the same in double and again, and runs from other seeds."""

    def outputs(seed: int, weight_seed: int = 0, dtype: Any = torch.float32) -> list[Any]:
        x = torch.randn(64, 32, generator=torch.Generator().manual_seed(seed)).to(dtype)
        w = torch.randn(32, 32, generator=torch.Generator().manual_seed(1000 + weight_seed)).to(dtype)
        made = function(x, w) if weights else function(x)
        return list(made) if isinstance(made, tuple) else [made]

    return {
        "base": outputs(0),
        "exact": outputs(0, dtype=torch.float64),
        "again": outputs(0),
        "other_inputs": [outputs(seed) for seed in range(1, count)],
        "other_weights": [outputs(0, seed) for seed in range(1, count)] if weights else None,
    }


def codes(findings: list[Finding], severity: str = "error") -> list[str]:
    return [each.code for each in findings if each.severity == severity]


@pytest.mark.parametrize(
    ("function", "weights"),
    [
        (lambda x: torch.softmax(x, -1), False),
        (lambda x: x.sum(), False),
        (lambda x, w: torch.relu(x @ w), True),
        (lambda x, w: torch.topk(x @ w, 2), True),
        (lambda x: torch.softmax(x * 1e-3, -1) * 1e-4, False),
    ],
)
def test_a_sound_case_has_no_findings(function: Any, weights: bool) -> None:
    assert task_findings(**runs(lambda *a: tuple(made) if isinstance(made := function(*a), tuple) else made, weights=weights)) == []


@pytest.mark.parametrize(
    ("function", "weights", "expected"),
    [
        (lambda x: x * 0, False, ["accepts_zeros", "accepts_mean", "ignores_inputs"]),
        (lambda x: x * 0 + 1, False, ["accepts_ones", "accepts_mean", "ignores_inputs"]),
        (lambda x: 1000 + 1e-3 * x, False, ["accepts_mean", "ignores_inputs"]),
        (lambda x: torch.arange(64.0) + 0 * x[:, 0], False, ["ignores_inputs"]),
        (lambda x, w: x + 0 * w.sum(), True, ["ignores_seed"]),
        (lambda x, w: (x > 100) | (w > 100)[:1], True, ["accepts_zeros", "accepts_mean", "ignores_inputs", "ignores_seed"]),
        (lambda x: x / (x - x), False, ["not_finite"]),
        (lambda x: (), False, ["no_output"]),
        (lambda x: x[:0], False, ["no_output"]),
    ],
)
def test_cases_that_examine_nothing_are_errors(function: Any, weights: bool, expected: list[str]) -> None:
    findings = task_findings(**runs(function, weights=weights))
    assert codes(findings) == expected
    assert all(each.sentence and each.line is None for each in findings)


def test_a_tolerance_above_the_outputs_accepts_zeros() -> None:
    assert codes(task_findings(**runs(lambda x: torch.softmax(x, -1)), rule=Rule(rtol=1e-2, atol=1.0))) == [
        "accepts_zeros",
        "accepts_ones",
        "accepts_mean",
        "ignores_inputs",
    ]


def test_an_output_that_depends_on_nothing_beside_one_that_does_is_a_remark() -> None:
    findings = task_findings(**runs(lambda x: (x, torch.zeros(5))))
    assert codes(findings) == []
    assert codes(findings, "warning") == ["accepts_zeros", "accepts_mean", "ignores_inputs"]
    assert findings[0].sentence == "for output 1 alone the rule accepts zeros everywhere as right"


def test_a_reference_must_repeat_itself() -> None:
    case = runs(lambda x: x.sin())
    drifting = {**case, "again": [case["base"][0] * 1.01]}
    assert codes(task_findings(**drifting)) == ["nondeterministic"]
    wobbling = {**case, "again": [case["base"][0] * (1 + 2e-7)]}
    assert [(f.severity, f.code) for f in task_findings(**wobbling)] == [("warning", "not_bitwise")]


def test_a_reference_that_agrees_with_itself_by_chance_shows_it_in_double() -> None:
    """Its double run is far off and makes the bound wide, so that two answers by chance may lie within it."""
    case = runs(lambda x: x.sin())
    chance = {**case, "exact": [case["exact"][0] * 5], "again": [case["base"][0] * 1.000001]}
    assert codes(task_findings(**chance)) == []
    assert codes(task_findings(**chance, exact_again=[case["exact"][0] * 4])) == ["nondeterministic"]
    wobbling = {**case, "again": [case["base"][0] * (1 + 2e-7)], "exact_again": [case["exact"][0] * (1 + 1e-15)]}
    assert codes(task_findings(**wobbling)) == []


def test_input_sets_of_other_shapes_are_not_compared() -> None:
    case = runs(lambda x: x.sin())
    assert task_findings(**{**case, "other_inputs": [[torch.ones(3)]]}) == []


def test_what_the_double_run_shows_is_remarked() -> None:
    case = runs(lambda x: x.sin())
    exact = case["exact"][0]
    assert codes(task_findings(**{**case, "exact": None}), "warning") == ["uncalibrated"]
    assert codes(task_findings(**{**case, "exact": None}, rule=Rule("dtype")), "warning") == []
    noisy = [(exact + 0.03 * torch.randn(64, 32, generator=torch.Generator().manual_seed(9))).float()]
    assert "loose" in codes(task_findings(**{**case, "base": noisy, "again": noisy}), "warning")
    jumping = exact.float().clone()
    jumping[3] = 1.0
    assert codes(task_findings(**{**case, "base": [jumping], "again": [jumping]}), "warning") == ["jumps"]


def test_integers_that_fall_the_other_way_in_double_want_an_allowance() -> None:
    case = runs(lambda x: torch.round(x * 50).to(torch.int8))
    tied = case["base"][0].clone()
    tied[0, 0] += 1
    case |= {"base": [tied], "again": [tied]}
    assert codes(task_findings(**case), "warning") == ["ties"]
    assert task_findings(**case, rule=Rule(off_by_one=1e-3)) == []


# -- solutions ---------------------------------------------------------------------------------------------------------

HONEST = textwrap.dedent('''
    """A gated norm. Threads, sockets, /proc and eval() are only mentioned here."""
    import torch
    from torch import nn

    # subprocess, sys.modules, time.perf_counter = None
    class ModelNew(nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(size))  # an attribute of its own
            self.threading = "try"

        def forward(self, x):
            out = torch.empty_like(x)
            out[:] = x * self.weight
            out.requires_grad = False
            return out
''')

TRITON = textwrap.dedent("""
    import torch, triton
    import triton.language as tl

    @triton.autotune(configs=[triton.Config({"BLOCK": 64})], key=["n"])
    @triton.jit
    def add_kernel(x, y, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(y + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)

    class ModelNew(torch.nn.Module):
        def forward(self, x):
            y = torch.empty_like(x)
            add_kernel[(triton.cdiv(x.numel(), 64),)](x, y, x.numel())
            return y
""")

CPP = textwrap.dedent("""
    from torch import nn
    from torch.utils.cpp_extension import load_inline as build

    module = build(name="m", cpp_sources="...", functions=["f"])

    class ModelNew(nn.Module):
        def forward(self, x):
            return module.f(x)
""")


@pytest.mark.parametrize(("source", "dsl"), [(HONEST, "pytorch"), (TRITON, "triton_cuda"), (TRITON, "triton_ascend"), (CPP, "cpp")])
def test_honest_solutions_have_no_remarks(source: str, dsl: str) -> None:
    assert static_findings(source, dsl) == []


@pytest.mark.parametrize(
    "source",
    [
        "class ModelNew: pass",
        "class _M: pass\nModelNew = _M",
        "from kernels import Fast as ModelNew",
        "try:\n    import triton\n    class ModelNew: pass\nexcept ImportError:\n    pass",
        "def ModelNew(*a): return lambda x: x",
        "ModelNew: type = object",
    ],
)
def test_a_model_may_be_bound_in_any_way(source: str) -> None:
    assert "no_model" not in [each.code for each in static_findings(source)]


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("", "no_model", None),
        ("class Model: pass", "no_model", None),
        ("def f():\n    class ModelNew: pass", "no_model", None),
        ("class Outer:\n    class ModelNew: pass", "no_model", None),
        ("# class ModelNew", "no_model", None),
        ("class ModelNew:\n  def forward(self, x)\n    return x", "syntax", 2),
        ("class ModelNew: pass\0", "syntax", None),
        ("(" * 100_000, "syntax", None),
    ],
)
def test_source_that_cannot_be_a_solution_is_an_error(source: str, code: str, line: int | None) -> None:
    errors = [each for each in static_findings(source) if each.severity == "error"]
    assert [each.code for each in errors] == [code]
    assert line is None or errors[0].line == line


def test_a_model_that_only_running_could_show_is_a_remark() -> None:
    for source in ("from kernels import *", "exec('class ModelNew: pass')", "globals()['ModelNew'] = object"):
        assert next((each.severity, each.code) for each in static_findings(source)) == ("warning", "no_model")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("import threading", "threads", "uses threading"),
        ("from concurrent.futures import ThreadPoolExecutor", "threads", "uses concurrent.futures"),
        ("import subprocess as s", "processes", "uses subprocess"),
        ("import os as o\no.fork()", "processes", "uses os.fork"),
        ("from os import system\nsystem('ls')", "processes", "uses os.system"),
        ("import urllib.request", "network", "imports urllib.request"),
        ("import sys\nf = sys._getframe(1)", "introspection", "uses sys._getframe"),
        ("import sys\nm = sys.modules['judge']", "introspection", "uses sys.modules"),
        ("import gc", "introspection", "uses gc"),
        ("eval('1')", "dynamic_code", "uses eval"),
        ("import time\ntime.perf_counter = lambda: 0", "replaces", "replaces time.perf_counter"),
        ("import torch as t\nt.Tensor.sum = None", "replaces", "replaces torch.Tensor.sum"),
        ("import torch\nsetattr(torch, 'allclose', None)", "replaces", "replaces torch"),
        ("import torch\ntorch.backends.cuda.matmul.allow_tf32 = True", "global_setting", "changes torch.backends.cuda.matmul.allow_tf32"),
        ("import torch\ntorch.set_num_threads(1)", "global_setting", "changes torch.set_num_threads"),
        ("import torch\ns = torch.cuda.Stream()", "streams", "uses torch.cuda.Stream"),
        ("open('/dev/shm/x')", "place", "names /dev/shm"),
        ("open(f'/proc/{1}/mem')", "place", "names /proc"),
        ("try:\n    pass\nexcept Exception:\n    pass", "try", "has a try statement"),
        ("cache = {}\ndef f(x): return cache[x.data_ptr()]", "pointer", "reads data_ptr()"),
        ("import torch\nclass Lazy(torch.Tensor): pass", "subclass", "defines Lazy"),
        ("class Lazy:\n    def __torch_dispatch__(self): pass", "subclass", "defines Lazy"),
    ],
)
def test_what_a_reader_should_know_is_a_remark_and_never_an_error(body: str, code: str, words: str) -> None:
    findings = static_findings(f"{body}\nclass ModelNew: pass")
    assert {each.severity for each in findings} == {"warning"}
    found = [each for each in findings if each.code == code]
    assert len(found) == 1
    assert found[0].sentence.startswith(words)
    assert found[0].line is not None


def test_a_remark_is_made_once_where_it_first_stands() -> None:
    source = "class ModelNew: pass\n" + "try: pass\nexcept E: pass\n" * 3
    assert [(each.code, each.line) for each in static_findings(source)] == [("try", 2)]


@pytest.mark.parametrize(
    ("source", "dsl", "code"),
    [
        (HONEST, "triton_cuda", "no_kernel"),
        (TRITON.replace("add_kernel[(triton.cdiv(x.numel(), 64),)](x, y, x.numel())", "y.copy_(x + 1)"), "triton_cuda", "no_launch"),
        (TRITON.replace("@triton.jit\n", "").replace("@triton.autotune", "@other"), "triton_cuda", "no_kernel"),
        (HONEST, "cpp", "no_kernel"),
        ("import torch\nw = torch.load('w')\nclass ModelNew: pass", "cpp", "no_kernel"),
    ],
)
def test_a_solution_without_a_kernel_of_its_language_is_remarked(source: str, dsl: str, code: str) -> None:
    assert [(each.severity, each.code) for each in static_findings(source, dsl)] == [("warning", code)]


@pytest.mark.parametrize(
    "line",
    [
        "m = torch.utils.cpp_extension.load(name='m', sources=['a.cpp'])",
        "import ctypes; m = ctypes.CDLL('./m.so')",
        "torch.ops.load_library('m.so')",
        "from torch.utils import cpp_extension as e; m = e.load_inline('m', '')",
    ],
)
def test_every_way_to_load_an_extension_counts(line: str) -> None:
    assert static_findings(f"import torch\n{line}\nclass ModelNew: pass", "cpp") == []


@given(st.text(max_size=200))
def test_no_source_breaks_the_reader(source: str) -> None:
    for each in static_findings(source, "triton_cuda"):
        assert each.severity in ("error", "warning")
        assert each.to_dict()["sentence"]


def test_reading_a_solution_does_not_load_torch() -> None:
    code = "import sys; from tripos.kernels.isolation.inside.lint import static_findings as s; s(''); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
