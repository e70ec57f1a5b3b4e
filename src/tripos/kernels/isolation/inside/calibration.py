"""How exact can one ask a solution to be? As exact as the reference itself has shown to be, measured against float64.

Two maxima over a whole tensor reject right answers; a loose `allclose` accepts approximations. So the reference runs twice, as it
is (*native*) and in double (*exact*). For every floating output, with x the exact value, s the mean of |x| over the output and u
the rounding unit of its type, a solution must keep, element by element,

    |got - x| <= (f + min(c*k, 0.1)) * (|x| + s),      k = 95th percentile of (|native - x| - u*|x|) / (|x| + s)

- f, the floor: what honest orders of summation and one more rounding cost where the reference happens to be nearly exact. In
  float32 right answers (one running sum over 4,096 terms, E[x2]-mu2, any blocking) reach 1.1e-5 and wrong ones (fp16 or TF32
  products, tanh for erf) begin at 8e-4 wherever errors do not average out, hence 2e-5; in half precision, twice the spacing at 1.
- k, the reference's own error beyond its last rounding: nobody is refused for being as inexact as the reference, or less.
- c = 20. Measured over GELU, softmax, norms, GEMM, attention, scans, convolution and blocks in three types: half precision
  attention against a fused reference needs 13.7 unfused (22.8 with totals kept in float16, which is refused); the nearest wrong
  answer, float8 inside bfloat16, stays out until 34.
- Jumps (rounding to a grid, thresholds, routing): where the native reference itself leaves the bound, as many elements (times
  four, plus chance) may leave it, none more than 1.5 times as far as the reference did. Beyond 5 % of the elements the double run
  is no yardstick (random numbers, overflow, branches on the type): then native values are the target, with twice the floor.

What averages out cannot be seen: float16 rounding before a float32 sum of thousands of positive terms is as near as a running
sum. One float32 running sum over millions of terms is refused: it is wrong by 7e-4.

Where there is no double run (timed calls), native values are the target and every bound doubles, since |got - native| <=
|got - x| + |native - x| and the second keeps the same bound.

Everything goes in chunks that stay in the cache, so that a 1 GB output costs about 10 MB more. Runs inside the box: standard
library and torch only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

Leaf = Any
"""A tensor on the CPU, or a plain number, string or None, as flattened from a model's outputs."""

WIDENING = 20.0
PERCENTILE = 0.95
WIDEST = 0.1
MOST_JUMPS = 0.05
CHUNK = 1 << 16
_FLOORS = {torch.float64: 1e-11, torch.float32: 2e-5, torch.float16: 2 * 2.0**-10, torch.bfloat16: 2 * 2.0**-7}
_OCTAVES, _STEPS = 64, 4


@dataclass(frozen=True)
class Scale:
    """What calibration learned about one output.

    Attributes:
        magnitude: s, the mean of |x|.
        widening: min(c*k, 0.1).
        jump_share: share of the elements where the native reference leaves its own bound (integers: differs from the double run).
        jump_size: the furthest of these, as an absolute difference.
        calibrated: False where the double run is missing or no yardstick.
        exact: the double run's values; None where they are not known (fresh inputs).
    """

    magnitude: float = 0.0
    widening: float = 0.0
    jump_share: float = 0.0
    jump_size: float = 0.0
    calibrated: bool = False
    exact: Leaf = field(default=None, repr=False, compare=False)

    def bounds(self, dtype: torch.dtype, rtol: float | None = None, atol: float | None = None) -> tuple[float, float]:
        """(rtol, atol) of the bound atol + rtol * |target|; given values replace the floor, the widening stays."""
        info = torch.finfo(dtype.to_real())
        floor = _FLOORS.get(dtype.to_real(), info.eps) * (1 if self.calibrated else 2)
        relative = floor if rtol is None else rtol
        absolute = floor * self.magnitude if atol is None else atol
        return relative + self.widening, absolute + self.widening * self.magnitude + info.tiny * info.eps


@dataclass(frozen=True)
class Calibration:
    """One `Scale` an output, in order. `fresh`: for outputs of other inputs than those it was made from, so bounds double."""

    outputs: tuple[Scale, ...]
    fresh: bool = False

    def light(self) -> Calibration:
        """Without the exact values, for fresh inputs."""
        return Calibration(tuple(replace(scale, exact=None) for scale in self.outputs), fresh=True)


def calibrate(reference: Sequence[Leaf], exact: Sequence[Leaf] | None) -> Calibration:
    """The error of the native outputs `reference` against the same computed in double; None where that was not possible."""
    values = exact if exact is not None and len(exact) == len(reference) else [None] * len(reference)
    return Calibration(tuple(_scale(native, x) for native, x in zip(reference, values, strict=True)))


def native(calibration: Calibration | None, expected: Sequence[Leaf]) -> Calibration:
    """For whole outputs of fresh inputs, whose exact values are not known: native values are the target, bounds double."""
    own = calibrate(expected, None).outputs
    learned = own if calibration is None else calibration.light().outputs
    pairs = zip(learned, own, strict=True)
    return Calibration(tuple(replace(scale, magnitude=max(scale.magnitude, mine.magnitude)) for scale, mine in pairs), fresh=True)


def pool(calibrations: Sequence[Calibration]) -> list[Calibration]:
    """The same calibrations, each with the widest widths of all and at least the middle magnitude: one set of a small output says
    little about its error (a scalar may be right by luck, or near zero), several sets say more. Exact values stay with their set."""
    pooled = []
    columns = [list(column) for column in zip(*(c.outputs for c in calibrations), strict=True)]
    for calibration in calibrations:
        scales = []
        for scale, column in zip(calibration.outputs, columns, strict=True):
            widest = {key: max(getattr(other, key) for other in column) for key in ("widening", "jump_share", "jump_size")}
            middle = sorted(other.magnitude for other in column)[len(column) // 2]
            scales.append(replace(scale, magnitude=max(scale.magnitude, middle), **widest))
        pooled.append(replace(calibration, outputs=tuple(scales)))
    return pooled


def _scale(leaf: Leaf, exact: Leaf) -> Scale:
    if isinstance(leaf, float):
        leaf = single(leaf)
        exact = torch.tensor(exact, dtype=torch.float64) if isinstance(exact, float) else None
    if not isinstance(leaf, torch.Tensor):
        return Scale()
    usable = isinstance(exact, torch.Tensor) and exact.shape == leaf.shape
    if not is_float(leaf):
        if not usable or exact.dtype != leaf.dtype:
            return Scale()
        apart = ((integer(a).double() - integer(b).double()).abs() for _, (a, b) in chunks(leaf, exact))
        found = [(int((each > 0).sum()), float(each.max())) for each in apart]
        jumps, size = sum(count for count, _ in found), max((far for _, far in found), default=0.0)
        return Scale(jump_share=jumps / max(1, leaf.numel()), jump_size=size, calibrated=True, exact=exact)
    if not usable or not is_float(exact) or exact.is_complex() != leaf.is_complex():
        return Scale(magnitude=_magnitude(leaf))
    scale = Scale(_magnitude(exact), calibrated=True, exact=exact)
    typical, largest = _beyond_rounding(leaf, exact, scale.magnitude)
    scale = replace(scale, widening=min(WIDENING * typical, WIDEST))
    rtol, atol = scale.bounds(leaf.dtype)
    if largest + torch.finfo(leaf.dtype).eps / 2 <= rtol:
        return scale
    jumps, size = 0, 0.0
    for _, (a, b) in chunks(leaf, exact):
        error, value = _error(a, b)
        outside = error > rtol * value + atol
        jumps += int(outside.sum())
        size = max(size, float(torch.where(outside, error, 0.0).max()))
    share = jumps / max(1, leaf.numel())
    return replace(scale, jump_share=share, jump_size=size) if share <= MOST_JUMPS else Scale(magnitude=_magnitude(leaf))


def _magnitude(values: Leaf) -> float:
    """Mean of |x| over the finite elements; 0 of none."""
    total, count = 0.0, 0
    for _, (chunk,) in chunks(single(values) if isinstance(values, float) else values):
        size = wide(chunk).abs()
        size = size[torch.isfinite(size)]
        total, count = total + float(size.sum()), count + size.numel()
    return total / count if count else 0.0


def _beyond_rounding(leaf: torch.Tensor, exact: torch.Tensor, magnitude: float) -> tuple[float, float]:
    """k and the maximum of what k is the 95th percentile of: the error beyond the last rounding, in units of (|x| + s). k is the
    upper edge of its bin, of 4 an octave."""
    info = torch.finfo(leaf.dtype.to_real())
    last = _OCTAVES * _STEPS + 1
    counts, largest = torch.zeros(last + 1, dtype=torch.int64), 0.0
    for _, (a, b) in chunks(leaf, exact):
        error, value = _error(a, b)
        rounding = (info.eps * value + info.tiny * info.eps) / 2
        beyond = (error - rounding).clamp(min=0.0) / (value + magnitude).clamp(min=info.tiny)
        largest = max(largest, float(beyond.max()))
        steps = ((torch.log2(beyond.float()) + _OCTAVES) * _STEPS).floor().clamp(-1, last - 1) + 1
        counts += torch.bincount(steps.to(torch.int64), minlength=last + 1)
    if not int(counts.sum()):
        return 0.0, 0.0
    step = int((counts.cumsum(0) >= math.ceil(PERCENTILE * int(counts.sum()))).nonzero()[0])
    return float(2.0 ** (step / _STEPS - _OCTAVES)) if step else 0.0, largest


def _error(leaf: torch.Tensor, exact: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """|native - exact| and |exact|, zero where either is not finite."""
    a, b = wide(leaf), wide(exact)
    finite = torch.isfinite(a) & torch.isfinite(b)
    return torch.where(finite, (a - b).abs(), 0.0), torch.where(finite, b.abs(), 0.0)


def chunks(*tensors: torch.Tensor | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Flat slices of tensors of one size, with the position of their first element; None stays None."""
    flat = [None if t is None else t.detach().resolve_conj().resolve_neg().reshape(-1) for t in tensors]
    total = next(f.numel() for f in flat if f is not None)
    for start in range(0, total, CHUNK):
        yield start, tuple(None if f is None else f[start : start + CHUNK] for f in flat)


def is_float(leaf: Leaf) -> bool:
    """Whether errors of this leaf are a matter of degree: a Python float, a floating or a complex tensor."""
    return leaf.is_floating_point() or leaf.is_complex() if isinstance(leaf, torch.Tensor) else isinstance(leaf, float)


def wide(values: torch.Tensor) -> torch.Tensor:
    """In double, complex or not; no value changes."""
    return values.to(torch.complex128 if values.is_complex() else torch.float64)


def integer(values: torch.Tensor) -> torch.Tensor:
    """In int64, in the same order; uint64 by its bits with the highest flipped."""
    if values.dtype == torch.uint64:
        return values.view(torch.int64) ^ torch.iinfo(torch.int64).min
    return values.to(torch.int64)


def single(number: float) -> torch.Tensor:
    """A Python number out of a model, which has been computed in float32 as a rule."""
    return torch.tensor(number, dtype=torch.float64).to(torch.float32)
