"""Is this output right, and if not, where and how far off?

Structure, shape and type must be those of the reference; integers and booleans are equal, however large; floating and complex
elements keep an element-wise bound (see `calibration`). Runs inside the box: standard library and torch only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from .calibration import Calibration, Leaf, Scale, calibrate, chunks, integer, is_float, native, pool, single, wide

__all__ = [
    "NAMES", "Calibration", "Leaf", "Report", "Rule", "Scale",
    "calibrate", "compare", "compare_at", "first_difference", "native", "pool",
]  # fmt: skip

JUMP_REACH = 1.5  # the largest of other jumps may be larger; two levels of a grid are not
NAMES = ("calibrated", "dtype", "strict")
_ASSERT_CLOSE = {torch.float64: (1e-7, 1e-7), torch.float32: (1.3e-6, 1e-5), torch.float16: (1e-3, 1e-5), torch.bfloat16: (1.6e-2, 1e-5)}
_STRICT = 1e-2
_TINY = 1e-8


@dataclass(frozen=True)
class Rule:
    """How outputs are compared.

    Attributes:
        name: `calibrated`: see `calibration`. `dtype`: the bounds of `torch.testing.assert_close`, against the native reference.
            `strict`: the seed's two maxima, |got - native| <= atol and |got - native| / (|native| + 1e-8) <= rtol, to compare with
            old results; types, integers and non-finite values are examined as under the other rules.
        rtol, atol: replace the floor (calibrated: rtol*|x| + atol + widening*(|x| + s)), the type's bounds, or strict's 1e-2.
        off_by_one: share of an output's elements that may differ by one level; not under `strict`. A level is 1 for integers;
        step: for floating outputs on a grid (dequantised values), where it must be given.
        nonfinite: NaN and Inf are part of the problem and must agree in place and sign; otherwise they are an error.

    Raises ValueError with one sentence for a bad value.
    """

    name: str = "calibrated"
    rtol: float | None = None
    atol: float | None = None
    off_by_one: float = 0.0
    step: float | None = None
    nonfinite: bool = False

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"unknown rule {self.name!r}; choose one of {', '.join(NAMES)}")
        for key in ("rtol", "atol", "off_by_one", "step"):
            value = getattr(self, key)
            if value is None and key != "off_by_one":
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
                raise ValueError(f"{key} must be a number of 0 or more, not {value!r}")
        if self.off_by_one > 1:
            raise ValueError(f"off_by_one is a share of the elements, 0 to 1, not {self.off_by_one!r}")
        if not isinstance(self.nonfinite, bool):
            raise ValueError(f"nonfinite must be true or false, not {self.nonfinite!r}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rule:
        """Missing keys take their defaults; raises ValueError with one sentence for an unknown key or a bad value."""
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                raise ValueError(f"unknown tolerance key {key!r}; choose among {', '.join(known)}")
        return cls(**values)

    def bounds(self, scale: Scale, dtype: torch.dtype) -> tuple[float, float]:
        """(rtol, atol) of one floating output."""
        if self.name == "calibrated":
            return scale.bounds(dtype, self.rtol, self.atol)
        own = _ASSERT_CLOSE.get(dtype.to_real(), (torch.finfo(dtype).eps, 1e-5)) if self.name == "dtype" else (_STRICT, _STRICT)
        return own[0] if self.rtol is None else self.rtol, own[1] if self.atol is None else self.atol


@dataclass(frozen=True)
class Report:
    """The verdict; true where it is ok.

    Attributes:
        kind: None when ok, else structure, shape, dtype, finite, value, or `case` where the reference itself is to blame.
        detail: one sentence.
        max_abs, max_rel: largest |difference| and |difference| / (|expected| + 1e-8) over all outputs; None where nothing could
            be compared or a difference is infinite.
        mismatched, total: elements outside the bound, and all, of the output described: the first that failed, else the one
            nearest its bound.
        worst: its largest error, in units of the bound (integers: the difference itself). `worst_index`, `expected` and `got`
            say where and what; complex and non-finite values as text.
        output: its index.
    """

    ok: bool
    detail: str
    kind: str | None = None
    max_abs: float | None = None
    max_rel: float | None = None
    mismatched: int = 0
    total: int = 0
    worst: float | None = None
    worst_index: list[int] | None = None
    expected: float | int | str | None = None
    got: float | int | str | None = None
    output: int | None = None

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    expected: Sequence[Leaf], calibration: Calibration, got: Sequence[Leaf], rule: Rule | None = None, paths: Sequence[str] = ()
) -> Report:
    """Compares flat lists of leaves: `expected` from the native reference, `paths` their names in sentences."""
    rule = rule or Rule()
    names = [paths[i] if i < len(paths) else f"output {i}" for i in range(len(expected))]
    if len(got) != len(expected):
        return Report(False, f"{len(expected)} outputs were expected, {len(got)} came back", "structure")
    refused = [_structure(want, have, names[i], i) for i, (want, have) in enumerate(zip(expected, got, strict=True))]
    first = next((each for each in refused if each is not None), None)
    if first is not None:
        return first
    slack = 2.0 if calibration.fresh else 1.0
    cases = zip(expected, got, calibration.outputs, strict=True)
    return _gather([_examine(want, have, scale, rule, (i, names[i], slack)) for i, (want, have, scale) in enumerate(cases)])


def compare_at(
    expected: torch.Tensor,
    got: torch.Tensor,
    calibration: Calibration,
    output: int,
    rule: Rule | None = None,
    positions: Sequence[int] | None = None,
) -> Report:
    """The rule for a few elements (1-D, native type) of one output whose exact values are not known: twice the bound.

    `positions` are their flat positions in the output, for the report.
    """
    name = f"output {output}"
    refused = _structure(expected, got, name, output)
    if refused is not None:
        return refused
    report = _examine(expected, got, replace(calibration.outputs[output], exact=None), rule or Rule(), (output, name, 2.0))
    return replace(report, worst_index=[int(positions[report.worst_index[0]])]) if positions and report.worst_index else report


def first_difference(first: Sequence[Leaf], second: Sequence[Leaf]) -> int | None:
    """Index of the first leaf that is not bit for bit the same (NaN included); None if all are. For mutated inputs and repeats."""
    if len(first) != len(second):
        return min(len(first), len(second))
    pairs = enumerate(zip(first, second, strict=True))
    return next((index for index, (a, b) in pairs if not _same_bits(a, b)), None)


def _same_bits(a: Leaf, b: Leaf) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        same = a.dtype == b.dtype and a.shape == b.shape
        return same and all(torch.equal(*(each.contiguous().view(torch.uint8) for each in pair)) for _, pair in chunks(a, b))
    return type(a) is type(b) and repr(a) == repr(b)


def _structure(want: Leaf, have: Leaf, name: str, index: int) -> Report | None:
    if not isinstance(want, torch.Tensor) or not isinstance(have, torch.Tensor):
        if type(want) is not type(have):
            return Report(False, f"{name} is {_kind(have)}, expected {_kind(want)}", "structure", output=index)
        return None
    if want.shape != have.shape:
        return Report(False, f"{name} has shape {tuple(have.shape)}, expected {tuple(want.shape)}", "shape", output=index)
    if want.dtype != have.dtype:
        return Report(False, f"{name} is {_kind(have)}, expected {_kind(want)}", "dtype", output=index)
    return None


def _kind(leaf: Leaf) -> str:
    return f"a tensor of {str(leaf.dtype).removeprefix('torch.')}" if isinstance(leaf, torch.Tensor) else f"of type {type(leaf).__name__}"


def _examine(want: Leaf, have: Leaf, scale: Scale, rule: Rule, place: tuple[int, str, float]) -> Report:
    """One output; `place` is its index, its name, and how many bounds wide its bound is."""
    index, name, slack = place
    if isinstance(want, float):
        want, have = single(want), single(have)
    if not isinstance(want, torch.Tensor):
        if want == have:
            return Report(True, "equal", max_abs=0.0, max_rel=0.0, total=1, output=index, worst=0.0)
        return Report(False, f"{name} is {have!r}, expected {want!r}", "value", mismatched=1, total=1, output=index)
    tally = _Tally(rule, scale, want, slack)
    x = scale.exact if rule.name == "calibrated" and scale.calibrated else None
    for start, (reference, exact, got) in chunks(want, x, have):
        if tally.floating:
            tally.floats(start, wide(reference), None if exact is None else wide(exact), wide(got))
        else:
            tally.integers(start, integer(reference), None if exact is None else integer(exact), integer(got))
    return tally.report(index, name)


class _Tally:
    """One output, chunk by chunk."""

    def __init__(self, rule: Rule, scale: Scale, want: torch.Tensor, slack: float) -> None:
        self.rule, self.scale, self.slack = rule, scale, slack
        self.shape, self.total, self.floating = want.shape, want.numel(), is_float(want)
        self.rtol, self.atol = rule.bounds(scale, want.dtype) if self.floating else (0.0, 0.0)
        self.mismatched = self.nonfinite_reference = self.nonfinite_got = 0
        self.max_abs = self.max_rel = self.furthest = 0.0
        self.worst, self.where = -1.0, 0
        self.shown: tuple[Any, Any] = (None, None)

    def floats(self, start: int, reference: torch.Tensor, exact: torch.Tensor | None, got: torch.Tensor) -> None:
        target = reference if exact is None else torch.where(torch.isfinite(exact), exact, reference)
        difference = (got - target).abs()
        if not bool(torch.isfinite(difference).all()) or not bool(torch.isfinite(reference).all()):
            target, difference = self._special(reference, target, got, difference)
        size = torch.nan_to_num(target.abs(), nan=0.0, posinf=0.0)
        relative = difference / (size + _TINY)
        excess = (
            _ratio(difference, (self.rtol * size).add_(self.atol))
            if self.rule.name != "strict"
            else _two_maxima(self, difference, relative)
        )
        outside = excess > self.slack
        count = int(outside.sum())
        self.mismatched += count
        self.max_abs = max(self.max_abs, float(difference.max()))
        self.max_rel = max(self.max_rel, float(relative.max()))
        if count:
            self.furthest = max(self.furthest, float(difference[outside].max()))
        at = int(excess.argmax())
        self._note(float(excess[at]) / self.slack, start + at, target[at], got[at])

    def _special(
        self, reference: torch.Tensor, target: torch.Tensor, got: torch.Tensor, difference: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """NaN and Inf agree with the native reference or differ by infinity. Where only the native run overflows, its infinity and
        the exact value are both right."""
        finite = torch.isfinite(reference)
        self.nonfinite_reference += int((~finite).sum())
        self.nonfinite_got += int((~torch.isfinite(got)).sum())
        same = _same(got, reference)
        difference = torch.where(torch.isfinite(target) & torch.isfinite(got), difference, math.inf)
        return torch.where(finite | ~same, target, reference), torch.where(same & ~finite, 0.0, difference)

    def integers(self, start: int, reference: torch.Tensor, exact: torch.Tensor | None, got: torch.Tensor) -> None:
        differs = reference != got
        if exact is not None:  # what falls the other way in double is no error
            differs &= got != exact
        places = differs.nonzero().reshape(-1)
        if not places.numel():
            self._note(0.0, start, reference[0], got[0])
            return
        reference, got = reference[places], got[places]
        up, down = got > reference, got < reference  # asked first, so that no step wraps around
        by_one = (up & (got - 1 == reference)) | (down & (got + 1 == reference))
        self.mismatched += int(places.numel())
        distance = torch.where(by_one, 1.0, (got.double() - reference.double()).abs().clamp(min=2.0))  # doubles lose ones beyond 2**53
        self.max_abs = self.furthest = max(self.max_abs, float(distance.max()))
        self.max_rel = max(self.max_rel, float((distance / (reference.double().abs() + _TINY)).max()))
        at = int(distance.argmax())
        self._note(float(distance[at]), start + int(places[at]), reference[at], got[at])

    def _note(self, excess: float, where: int, want: torch.Tensor, got: torch.Tensor) -> None:
        if excess > self.worst:
            self.worst, self.where, self.shown = excess, where, (_plain(want), _plain(got))

    def report(self, index: int, name: str) -> Report:
        kind, reason = self._verdict()
        place = _unravel(self.where, self.shape) if self.total else None
        if kind is None:
            detail = "within the bound" + (f"; {self.mismatched} of {self.total} elements excused, {reason}" if reason else "")
        elif kind == "value":
            detail = f"{name}: {self.mismatched} of {self.total} elements are outside the bound; worst at {place}: "
            detail += f"expected {self.shown[0]}, got {self.shown[1]}"
            detail += f", {self.worst:.3g} times the bound" if self.floating and math.isfinite(self.worst) else ""
        else:
            detail = f"{name}: {reason}"
        return Report(
            kind is None,
            detail,
            kind,
            max_abs=_measured(self.max_abs),
            max_rel=_measured(self.max_rel),
            mismatched=self.mismatched,
            total=self.total,
            worst=_measured(max(0.0, self.worst)),
            worst_index=place,
            expected=self.shown[0],
            got=self.shown[1],
            output=index,
        )

    def _verdict(self) -> tuple[str | None, str]:
        """The kind of failure or None, and the reason of a failure or an excuse."""
        rule, total = self.rule, self.total
        if not rule.nonfinite and self.nonfinite_reference:
            return (
                "case",
                f"the reference gives NaN or Inf in {self.nonfinite_reference} of {total} elements, which the case does not declare",
            )
        if not rule.nonfinite and self.nonfinite_got:
            return "finite", f"{self.nonfinite_got} of {total} elements are NaN or Inf where the reference is finite"
        if not self.mismatched:
            return None, ""
        level = 1.0 if not self.floating else rule.step or 0.0
        share = rule.off_by_one if rule.name != "strict" else 0.0
        allowed = math.ceil(share * total) if self.slack == 1 else _chance(share * total)
        if self.furthest <= 1.01 * level and self.mismatched <= allowed:
            return None, f"each by one level; {share:.2g} of the elements may be"
        jumps = _chance(4 * self.scale.jump_share * total) if rule.name == "calibrated" and (self.floating or self.slack > 1) else 0
        reach = JUMP_REACH * self.scale.jump_size * (self.slack if self.floating else 1.0)
        if self.furthest <= reach and self.mismatched <= jumps:
            return None, "the reference itself jumps as far and as often"
        return "value", ""


def _gather(reports: list[Report]) -> Report:
    """The first failure (a fault of the case before all others), else the output nearest its bound; maxima over all of them."""
    if not reports:
        return Report(True, "no outputs", worst=0.0)
    failures = sorted((r for r in reports if not r.ok), key=lambda r: r.kind != "case")
    chosen = failures[0] if failures else max(reports, key=lambda r: r.worst or 0.0)
    compared = [r for r in reports if r.total]
    return replace(chosen, max_abs=_largest([r.max_abs for r in compared]), max_rel=_largest([r.max_rel for r in compared]))


def _largest(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _measured(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _two_maxima(tally: _Tally, difference: torch.Tensor, relative: torch.Tensor) -> torch.Tensor:
    absolute = _ratio(difference, torch.full_like(difference, tally.atol))
    return torch.maximum(absolute, _ratio(relative, torch.full_like(relative, tally.rtol)))


def _ratio(value: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """value / bound, with 0 / 0 = 0."""
    return torch.where(value == 0, 0.0, value / bound)


def _same(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.is_complex():
        return _same(torch.view_as_real(a), torch.view_as_real(b)).all(-1)
    return (a == b) | (torch.isnan(a) & torch.isnan(b))


def _chance(expected: float) -> int:
    """More than this many of a rare event, of which `expected` are, do not happen by chance (six deviations of a Poisson law)."""
    return int(expected + 6 * math.sqrt(expected) + 1) if expected > 0 else 0


def _plain(element: torch.Tensor) -> float | int | str:
    value = element.item()
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value if isinstance(value, float) else int(value)


def _unravel(position: int, shape: Sequence[int]) -> list[int]:
    index = []
    for size in reversed(shape):
        position, at = divmod(position, size)
        index.append(at)
    return index[::-1]
