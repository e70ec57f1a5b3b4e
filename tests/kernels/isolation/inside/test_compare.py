"""What is compared, how exactly, and what a report says; see test_probes for right and wrong answers to realistic problems."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from tripos.kernels.isolation.inside import calibration as calibration_module  # noqa: E402
from tripos.kernels.isolation.inside.compare import (  # noqa: E402
    Report,
    Rule,
    calibrate,
    compare,
    first_difference,
)

NAN, INF = math.nan, math.inf


def judged(expected: Any, got: Any, rule: Rule | None = None, exact: Any = "double", paths: tuple[str, ...] = ()) -> Report:
    """One output or several; the double run is the native one in double unless given."""
    want, have = ([each] if not isinstance(each, list) else each for each in (expected, got))
    if exact == "double":
        exact = [t.to(torch.complex128 if t.is_complex() else torch.float64) if _floating(t) else t for t in want]
    return compare(want, calibrate(want, exact), have, rule, paths)


def _floating(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex())


# -- structure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "got", "kind", "words"),
    [
        ([torch.ones(2)], [], "structure", "1 outputs were expected, 0 came back"),
        ([torch.ones(2)], [1.0], "structure", "mask is of type float, expected a tensor of float32"),
        ([None], [0], "structure", "mask is of type int, expected of type NoneType"),
        ([True], [1], "structure", "mask is of type int, expected of type bool"),
        ([torch.ones(2, 3)], [torch.ones(3, 2)], "shape", "mask has shape (3, 2), expected (2, 3)"),
        ([torch.ones(2)], [torch.ones(1)], "shape", "mask has shape (1,), expected (2,)"),
        ([torch.ones(2)], [torch.ones(2, dtype=torch.float64)], "dtype", "mask is a tensor of float64, expected a tensor of float32"),
        ([torch.ones(2).bool()], [torch.ones(2).byte()], "dtype", "mask is a tensor of uint8, expected a tensor of bool"),
        ([3], [4], "value", "mask is 4, expected 3"),
        (["a"], ["b"], "value", "mask is 'b', expected 'a'"),
    ],
)
def test_what_cannot_be_compared_is_named(expected: list[Any], got: list[Any], kind: str, words: str) -> None:
    for rule in (Rule(), Rule("dtype"), Rule("strict")):
        report = judged(expected, got, rule, paths=("mask",))
        assert (report.ok, report.kind, report.detail) == (False, kind, words)
        assert report.max_abs is None or kind == "value"


def test_plain_values_empty_tensors_and_scalars_are_compared_too() -> None:
    same = [None, 3, "x", True, 0.5, torch.empty(0, 4), torch.tensor(2.0), torch.empty(0, dtype=torch.int64)]
    report = judged(same, list(same))
    assert (report.ok, report.max_abs) == (True, 0.0)
    assert judged([], []).ok
    assert judged([0.5], [0.5 + 1e-9]).ok
    assert judged([0.5], [0.5001]).kind == "value"
    scalar = judged(torch.tensor(2.0), torch.tensor(3.0))
    assert (scalar.kind, scalar.worst_index, scalar.expected, scalar.got, scalar.total) == ("value", [], 2.0, 3.0, 1)


def test_a_report_is_true_where_it_is_ok_and_can_be_written_as_json() -> None:
    report = judged(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, INF]]), Rule(nonfinite=True))
    assert not report
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["got"] == "inf"
    assert (report.worst_index, report.max_abs, report.worst) == ([1, 1], None, None)


def test_the_first_failing_output_is_described_and_the_maxima_are_over_all() -> None:
    x = torch.linspace(1, 2, 100)
    report = judged([x, x, x], [x, x + 0.5, x + 1.0])
    assert (report.output, report.mismatched, report.total) == (1, 100, 100)
    assert report.max_abs == pytest.approx(1.0)
    assert report.detail.startswith("output 1: 100 of 100 elements are outside the bound; worst at [0]: expected 1.0, got 1.5, ")


# -- integers, complex, double -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "value", "other"),
    [
        (torch.int64, 2**24, 2**24 + 1),
        (torch.int64, 2**53, 2**53 + 1),
        (torch.int64, 2**63 - 1, -(2**63)),
        (torch.int32, 2**31 - 1, -(2**31)),
        (torch.int8, 127, -128),
        (torch.uint8, 255, 0),
        (torch.bool, True, False),
    ],
)
def test_integers_are_equal_or_wrong_however_large(dtype: Any, value: int, other: int) -> None:
    expected = torch.full((8,), value, dtype=dtype)
    got = expected.clone()
    got[5] = other
    report = judged(expected, got)
    assert (report.kind, report.mismatched, report.worst_index, report.expected, report.got) == ("value", 1, [5], value, other)
    if abs(int(value) - int(other)) > 1:
        assert judged(expected, got, Rule(off_by_one=1.0)).kind == "value"  # no step wraps around
    assert judged(expected, expected.clone()).ok


def test_unsigned_64_bit_integers_keep_their_order() -> None:
    expected = torch.tensor([2**63 - 1, 5]).view(torch.uint64)
    got = torch.tensor([-(2**63), 5]).view(torch.uint64)  # one more, without a sign
    assert judged(expected, got).kind == "value"
    assert judged(expected, got, Rule(off_by_one=0.5)).ok


def test_off_by_one_is_allowed_to_the_stated_share_and_never_by_two() -> None:
    expected = torch.zeros(1000, dtype=torch.int8)
    for count, rule, ok in ((10, Rule(off_by_one=0.01), True), (11, Rule(off_by_one=0.01), False), (1, Rule(), False)):
        got = expected.clone()
        got[:count:2], got[1:count:2] = 1, -1
        assert judged(expected, got, rule).ok is ok
    got = expected.clone()
    got[0] = 2
    assert not judged(expected, got, Rule(off_by_one=1.0))
    assert not judged(expected, got.clamp(max=1), Rule("strict", off_by_one=1.0))


def test_an_index_that_falls_the_other_way_in_double_is_no_error() -> None:
    expected, exact = torch.tensor([3, 1, 4]), torch.tensor([3, 2, 4])
    assert judged(expected, exact.clone(), exact=[exact])
    assert not judged(expected, exact.clone(), Rule("dtype"), exact=[exact])
    assert not judged(expected, torch.tensor([3, 0, 4]), exact=[exact])


def test_both_parts_of_a_complex_number_count() -> None:
    expected = torch.tensor([1 + 2j, 3 - 1j])
    for rule in (Rule(), Rule("dtype"), Rule("strict")):
        assert judged(expected, expected.clone(), rule).ok
        report = judged(expected, torch.tensor([1 + 5j, 3 - 1j]), rule)
        assert (report.kind, report.mismatched, report.worst_index, report.expected) == ("value", 1, [0], "(1+2j)")
        assert report.max_abs == pytest.approx(3.0)


def test_double_precision_is_examined_in_double() -> None:
    torch.manual_seed(0)
    x = torch.randn(1000, dtype=torch.float64)
    assert judged(x.sin(), (x + 1e-14).sin())
    assert not judged(x.sin(), x.float().sin().double())


def test_eight_bit_floats_may_round_the_other_way() -> None:
    torch.manual_seed(0)
    exact = torch.randn(1000).double()
    expected = exact.to(torch.float8_e4m3fn)
    assert judged(expected, (exact * 1.001).to(torch.float8_e4m3fn), exact=[exact])
    assert not judged(expected, torch.zeros_like(expected), exact=[exact])


# -- NaN and Inf -------------------------------------------------------------------------------------------------------


def test_a_reference_that_is_not_finite_is_the_cases_fault_and_a_solution_its_own() -> None:
    finite, broken = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, NAN, 3.0])
    for rule in (Rule(), Rule("dtype"), Rule("strict")):
        assert judged(broken, finite, rule).kind == "case"
        assert judged(broken, broken, rule).kind == "case"
        assert judged(finite, broken, rule).kind == "finite"
        assert judged(finite, torch.tensor([1.0, -INF, 3.0]), rule).kind == "finite"
    report = judged([finite, broken], [finite + 1, broken])
    assert (report.kind, report.output) == ("case", 1)
    assert report.detail == "output 1: the reference gives NaN or Inf in 1 of 3 elements, which the case does not declare"


@pytest.mark.parametrize("special", [NAN, INF, -INF])
def test_where_they_are_part_of_the_problem_they_agree_in_place_and_sign(special: float) -> None:
    expected = torch.tensor([1.0, special, 3.0, 4.0])
    for rule in (Rule(nonfinite=True), Rule("dtype", nonfinite=True), Rule("strict", nonfinite=True)):
        assert judged(expected, expected.clone(), rule).ok
        for wrong in ([1.0, 2.0, 3.0, 4.0], [1.0, special, special, 4.0], [special, 2.0, 3.0, 4.0], [1.0, special, 3.0, 4.5]):
            report = judged(expected, torch.tensor(wrong), rule)
            assert report.kind == "value", wrong
    for other in {str(NAN): NAN, str(INF): INF, str(-INF): -INF}.values():
        got = torch.tensor([1.0, other, 3.0, 4.0])
        assert judged(expected, got, Rule(nonfinite=True)).ok is (str(other) == str(special))


def test_an_infinity_and_the_exact_value_are_both_right_where_only_the_native_run_overflows() -> None:
    exact = torch.tensor([60000.0, 70000.0, 1.0], dtype=torch.float64)
    expected = exact.half()
    assert judged(expected, expected.clone(), exact=[exact]).kind == "case"
    assert judged(expected, expected.clone(), Rule(nonfinite=True), exact=[exact])
    assert judged(expected, torch.tensor([60000.0, NAN, 1.0]).half(), Rule(nonfinite=True), exact=[exact]).kind == "value"


# -- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "exact"}, "unknown rule 'exact'; choose one of calibrated, dtype, strict"),
        ({"rtol": -1}, "rtol must be a number of 0 or more, not -1"),
        ({"atol": NAN}, "atol must be a number of 0 or more, not nan"),
        ({"atol": "1e-3"}, "atol must be a number of 0 or more, not '1e-3'"),
        ({"off_by_one": None}, "off_by_one must be a number of 0 or more, not None"),
        ({"off_by_one": 2}, "off_by_one is a share of the elements, 0 to 1, not 2"),
        ({"nonfinite": 1}, "nonfinite must be true or false, not 1"),
        ({"rtoll": 1}, "unknown tolerance key 'rtoll'; choose among name, rtol, atol, off_by_one, step, nonfinite"),
    ],
)
def test_a_bad_rule_is_one_sentence(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as error:
        Rule.from_dict(values)
    assert str(error.value) == words


def test_rules_survive_a_dictionary() -> None:
    rule = Rule("dtype", rtol=0.1, off_by_one=0.5, step=0.25, nonfinite=True)
    assert Rule.from_dict(rule.to_dict()) == rule
    assert Rule.from_dict({}) == Rule()


def test_given_tolerances_replace_the_floor() -> None:
    x = torch.tensor([1.0, 10.0])
    for rule, ok in (
        (Rule(rtol=0.1, atol=0.0), True),
        (Rule(rtol=0.0, atol=0.5), True),
        (Rule(rtol=0.01, atol=0.0), False),
        (Rule("dtype", rtol=0.06), True),
        (Rule("dtype", rtol=0.01), False),
        (Rule("strict", rtol=0.06, atol=0.6), True),
        (Rule("strict", rtol=0.06, atol=0.4), False),
        (Rule("strict", rtol=0.04, atol=0.6), False),
    ):
        assert judged(x, x * 1.05, rule).ok is ok, rule


def test_the_strict_rule_keeps_the_two_maxima_apart() -> None:
    x = torch.tensor([0.0, 1000.0])
    assert judged(x, torch.tensor([1e-9, 1000.0]), Rule("strict")).kind == "value"  # relative to 1e-8
    assert judged(x, torch.tensor([0.0, 1000.02]), Rule("strict")).kind == "value"  # absolute
    assert judged(x, torch.tensor([0.0, 1000.005]), Rule("strict"))


@given(
    st.lists(st.floats(-100, 100, width=16), min_size=1, max_size=20),
    st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=20),
    st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
)
def test_the_rule_by_type_is_torchs_own(values: list[float], shifts: list[float], dtype: str) -> None:
    expected = torch.tensor(values, dtype=getattr(torch, dtype))
    got = expected * (1 + torch.tensor((shifts * 20)[: len(values)], dtype=expected.dtype))
    try:
        torch.testing.assert_close(got.double(), expected.double(), **_tolerances(dtype))
        accepted = True
    except AssertionError:
        accepted = False
    assert judged(expected, got, Rule("dtype")).ok is accepted


def _tolerances(dtype: str) -> dict[str, float]:
    rtol, atol = torch.testing._comparison.default_tolerances(getattr(torch, dtype))
    return {"rtol": rtol, "atol": atol}


# -- properties --------------------------------------------------------------------------------------------------------

dtypes = st.sampled_from(
    [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.int8, torch.bool]
)
shapes = st.lists(st.integers(1, 7), max_size=3)


def random_tensor(seed: int, shape: list[int], dtype: Any) -> Any:
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool or not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(-100, 100, shape, generator=generator).to(dtype)
    return torch.randn(shape, generator=generator, dtype=torch.complex128 if dtype.is_complex else torch.float64).to(dtype)


@given(st.integers(0, 10**6), shapes, dtypes, st.sampled_from(["calibrated", "dtype", "strict"]))
def test_a_copy_always_passes(seed: int, shape: list[int], dtype: Any, name: str) -> None:
    x = random_tensor(seed, shape, dtype)
    report = judged(x, x.clone(), Rule(name))
    assert (report.ok, report.mismatched, report.max_abs) == (True, 0, 0.0)


@given(
    st.integers(0, 10**6), st.integers(2, 200), st.sampled_from([0.0, 1e-5, 1e-3, 1.0]), st.sampled_from(["calibrated", "dtype", "strict"])
)
def test_the_verdict_does_not_depend_on_the_order_of_the_elements(seed: int, size: int, noise: float, name: str) -> None:
    x, error, order = random_tensor(seed, [size], torch.float32), random_tensor(seed + 1, [size], torch.float32), torch.randperm(size)
    got = x + noise * error
    one, other = judged(x, got, Rule(name)), judged(x[order], got[order], Rule(name))
    assert (one.ok, one.kind, one.mismatched, one.max_abs, one.max_rel) == (
        other.ok,
        other.kind,
        other.mismatched,
        other.max_abs,
        other.max_rel,
    )
    assert one.worst_index is not None and other.worst_index is not None
    assert one.worst_index[0] == int(order[other.worst_index[0]]) or noise == 0.0


@given(st.integers(0, 10**6), st.lists(st.integers(1, 9), min_size=1, max_size=3), dtypes, st.data())
def test_one_element_beyond_the_bound_is_found_and_located(seed: int, shape: list[int], dtype: Any, data: st.DataObject) -> None:
    x = random_tensor(seed, shape, dtype)
    place = data.draw(st.integers(0, x.numel() - 1))
    got = x.clone()
    flat = got.view(-1)
    if dtype == torch.bool:
        flat[place] = ~flat[place]
    elif dtype.is_floating_point or dtype.is_complex:
        scale = calibrate([x], [x.double() if not dtype.is_complex else x.to(torch.complex128)]).outputs[0]
        rtol, atol = scale.bounds(dtype)
        size = abs(x.view(-1)[place].item())
        flat[place] += 2.5 * (rtol * size + atol) + size * torch.finfo(dtype).eps
    else:
        flat[place] += 1
    report = judged(x, got)
    assert (report.ok, report.kind, report.mismatched) == (False, "value", 1)
    assert report.worst_index is not None
    assert got[tuple(report.worst_index)] != x[tuple(report.worst_index)]


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_no_element_is_lost_where_chunks_meet(offset: int) -> None:
    size = 2 * calibration_module.CHUNK + 1
    x = torch.ones(size)
    for place in (calibration_module.CHUNK + offset, size - 1):
        got = x.clone()
        got[place] = 2.0
        report = judged(x, got)
        assert (report.mismatched, report.worst_index, report.total) == (1, [place], size)
        counted = judged(x.to(torch.int32), got.to(torch.int32))
        assert (counted.mismatched, counted.worst_index) == (1, [place])


def test_tensors_that_are_not_contiguous_are_compared_by_their_elements() -> None:
    x = torch.randn(6, 8)
    got = x.clone()
    got[4, 2] += 1
    report = judged(x.t(), got.t())
    assert report.worst_index == [2, 4]


# -- bits --------------------------------------------------------------------------------------------------------------


def test_the_first_leaf_that_differs_in_a_bit_is_named() -> None:
    x = torch.tensor([1.0, NAN, 0.0])
    assert first_difference([x, 3, NAN], [x.clone(), 3, NAN]) is None
    assert first_difference([x, torch.zeros(2)], [x.clone(), -torch.zeros(2)]) == 1
    assert first_difference([x], [x.double()]) == 0
    assert first_difference([x, x], [x]) == 1
    assert first_difference([x, 1], [x, True]) == 1
    assert first_difference([torch.tensor([1 + 2j])], [torch.tensor([1 + 3j])]) == 0
