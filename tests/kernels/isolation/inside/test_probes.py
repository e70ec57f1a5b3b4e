"""Right answers pass and wrong ones do not, on slices of realistic problems, and calibration is what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from kernel_problems import PROBLEMS, Problem  # noqa: E402
from tripos.kernels.isolation.inside import calibration as calibration_module  # noqa: E402
from tripos.kernels.isolation.inside.compare import Calibration, Rule, Scale, calibrate, compare, compare_at, native, pool  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tests run beside each other; threads that wait for each other's cores make them slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(name: str, seed: int = 1) -> Problem:
    torch.manual_seed(seed)
    return PROBLEMS[name]()


# -- the probes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROBLEMS)
def test_right_answers_pass_and_wrong_ones_fail(name: str) -> None:
    problem = made(name)
    calibration, rule = calibrate(problem.native, problem.exact), Rule(**problem.tolerance)
    for answer, value in problem.right.items():
        report = compare(problem.native, calibration, problem.answer(value), rule)
        assert report.ok, f"{answer}: {report.detail}"
    for answer, value in problem.wrong.items():
        report = compare(problem.native, calibration, problem.answer(value), rule)
        assert report.kind == "value", f"{answer}: {report.detail}"
        assert report.mismatched > 0
        assert report.worst_index is not None


@pytest.mark.parametrize("name", PROBLEMS)
def test_right_answers_to_fresh_inputs_pass_without_a_double_run(name: str) -> None:
    """Every element of them, 2.7 million in all over the problems: no peek at any position could have been unlucky."""
    known, fresh = made(name), made(name, seed=2)
    calibration, rule = calibrate(known.native, known.exact), Rule(**known.tolerance)
    for answer, value in fresh.right.items():
        for output, got in enumerate(fresh.answer(value)):
            report = compare_at(fresh.native[output].reshape(-1), got.reshape(-1), calibration, output, rule)
            assert report.ok, f"{answer}: {report.detail}"
        assert compare(fresh.native, native(calibration, fresh.native), fresh.answer(value), rule)


@pytest.mark.parametrize("name", PROBLEMS)
def test_stale_and_constant_answers_to_fresh_inputs_are_seen_at_a_few_positions(name: str) -> None:
    known, fresh = made(name), made(name, seed=2)
    calibration, rule = calibrate(known.native, known.exact), Rule(**known.tolerance)
    generator = torch.Generator().manual_seed(3)
    for answer in (known.native, fresh.answer(fresh.wrong["zeros"])):
        caught = 0
        for _ in range(20):
            places = torch.randint(fresh.native[0].numel(), (16,), generator=generator)
            want, got = (t[0].reshape(-1)[places] for t in (fresh.native, answer))
            caught += not compare_at(want, got, calibration, 0, rule)
        assert caught == 20


@pytest.mark.parametrize(
    ("name", "answer", "strict", "dtype"),
    [
        ("sigmoid_scale_sum", "double, rounded", True, True),
        ("softmax", "double, rounded", True, True),
        ("gemm bfloat16 32x8192", "float32", False, True),
        ("matmul_biasadd float16", "fused", False, False),
        ("add_rmsnorm_cast", "double, rounded", True, True),
        ("add_rmsnorm_quant", "double, rounded", False, True),
        ("moe_topk_softmax", "top first", True, True),
        ("layernorm_gated float16", "float32 inside", False, False),
        ("attention", "double, rounded", False, True),
    ],
)
def test_the_older_rules_refuse_exact_answers_where_the_calibrated_one_does_not(name: str, answer: str, strict: bool, dtype: bool) -> None:
    problem = made(name)
    calibration, got = calibrate(problem.native, problem.exact), problem.answer(problem.right[answer])
    assert compare(problem.native, calibration, got, Rule(**problem.tolerance))
    assert compare(problem.native, calibration, got, Rule("strict")).ok is strict
    assert compare(problem.native, calibration, got, Rule("dtype", **problem.tolerance)).ok is dtype


def test_zeros_for_a_softmax_pass_an_absolute_tolerance_but_not_this_one() -> None:
    x = torch.softmax(torch.zeros(4, 1 << 17), -1)
    calibration = calibrate([x], [torch.softmax(torch.zeros(4, 1 << 17).double(), -1)])
    assert compare([x], calibration, [torch.zeros_like(x)], Rule("dtype"))
    assert not compare([x], calibration, [torch.zeros_like(x)])


def test_a_sum_in_one_float32_accumulator_over_millions_of_terms_is_wrong() -> None:
    torch.manual_seed(0)
    x = torch.randn(1 << 21) ** 2
    accumulated = torch.from_numpy(x.numpy().cumsum(dtype="float32"))[-1] / x.numel()
    calibration = calibrate([x.mean()], [x.double().mean()])
    assert not compare([x.mean()], calibration, [accumulated])
    assert compare([x.mean()], calibration, [x.view(1024, -1).sum(-1).sum() / x.numel()])


# -- calibration -------------------------------------------------------------------------------------------------------


def test_a_more_inexact_reference_asks_for_less() -> None:
    torch.manual_seed(0)
    exact = torch.randn(10_000, dtype=torch.float64)
    widenings = [
        calibrate([(exact + noise * torch.randn(10_000)).float()], [exact]).outputs[0].widening for noise in (0.0, 1e-6, 1e-4, 3e-2)
    ]
    assert widenings == sorted(widenings)
    assert widenings[0] < 1e-6
    assert widenings[-1] == calibration_module.WIDEST


def test_without_a_double_run_native_values_are_the_target_with_twice_the_floor() -> None:
    torch.manual_seed(0)
    x = torch.randn(1000)
    floor = 2e-5 * (x.abs() + x.abs().mean())
    for exact in (None, [None], [torch.randn(3)], [torch.randn(1000).double()], [torch.arange(1000)]):
        calibration = calibrate([x], exact)
        assert not calibration.outputs[0].calibrated
        assert compare([x], calibration, [x + 1.9 * floor])
        assert not compare([x], calibration, [x + 2.1 * floor])


def test_where_the_reference_jumps_as_many_others_may_jump_as_far() -> None:
    """Tokens of a router near a tie: 20 of 1,000 rows go elsewhere when computed in double."""
    torch.manual_seed(0)
    here, there = torch.randn(1000, 64), torch.randn(1000, 64).clamp(-2, 2)
    expected = here.clone()
    expected[:20] = there[:20]
    calibration = calibrate([expected], [here.double()])
    share = calibration.outputs[0].jump_share
    assert 0.015 < share <= 0.02
    others = here.clone()
    others[500:520] = there[500:520]
    assert compare([expected], calibration, [expected])
    assert compare([expected], calibration, [others])
    assert not compare([expected], calibration, [there])
    assert not compare([expected], calibration, [here + 100.0 * (torch.arange(1000) == 7).unsqueeze(-1)])


def test_a_double_run_of_other_random_numbers_is_no_yardstick() -> None:
    torch.manual_seed(0)
    expected = torch.randn(1000)
    calibration = calibrate([expected], [torch.randn(1000).double()])
    assert compare([expected], calibration, [expected])
    assert not compare([expected], calibration, [torch.zeros(1000)])


def test_pooled_sets_share_the_widest_widths_and_at_least_the_middle_magnitude() -> None:
    sets = [Calibration((Scale(m, w, j, j, True, exact=m),)) for m, w, j in ((0.0, 0.0, 0.1), (1.0, 1e-3, 0.0), (5.0, 1e-4, 0.0))]
    scales = [each.outputs[0] for each in pool(sets)]
    assert [s.magnitude for s in scales] == [1.0, 1.0, 5.0]
    assert {(s.widening, s.jump_share, s.jump_size) for s in scales} == {(1e-3, 0.1, 0.1)}
    assert [s.exact for s in scales] == [0.0, 1.0, 5.0]


def test_fresh_outputs_have_twice_the_bound() -> None:
    torch.manual_seed(0)
    x = torch.randn(1000)
    calibration, floor = calibrate([x], [x.double()]), 2e-5 * (x.abs() + x.abs().mean())
    places = [7, 900, 31]
    for factor, ok in ((1.9, True), (2.2, False)):
        got = x + factor * floor
        assert compare([x], native(calibration, [x]), [got]).ok is ok
        assert compare([x], calibration, [got]).ok is False
        assert compare_at(x[places], got[places], calibration, 0, positions=places).ok is ok
    got = x.clone()
    got[900] += 1
    assert compare_at(x[places], got[places], calibration, 0, positions=places).worst_index == [900]
    assert compare_at(x[places], got[places].double(), calibration, 0).kind == "dtype"
