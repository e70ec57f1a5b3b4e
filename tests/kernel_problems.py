"""Slices of realistic kernel problems: the reference, and answers that are right and wrong.

Right: exact and rounded, accumulated in float32, other orders of summation, other blockings, fused. Wrong: lower precision than the
problem's, approximations, constants, other rows, forgotten terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

Answers = dict[str, Any]


@dataclass
class Problem:
    native: list[torch.Tensor]
    exact: list[torch.Tensor]
    right: Answers = field(default_factory=dict)
    wrong: Answers = field(default_factory=dict)
    tolerance: Answers = field(default_factory=dict)

    def answer(self, value: Any) -> list[torch.Tensor]:
        """As the problem's types."""
        values = value if isinstance(value, list | tuple) else [value]
        return [v.to(n.dtype) for v, n in zip(values, self.native, strict=True)]


def problem(
    function: Callable[..., Any], inputs: list[torch.Tensor], right: Answers, wrong: Answers, tolerance: Answers | None = None
) -> Problem:
    def outputs(*tensors: torch.Tensor) -> list[torch.Tensor]:
        made = function(*tensors)
        return list(made) if isinstance(made, tuple) else [made]

    native, exact = outputs(*inputs), outputs(*(double(t) for t in inputs))
    first = native[0]
    wrong = {"zeros": [torch.zeros_like(n) for n in native], **wrong}
    if first.is_floating_point():
        wrong["constant"] = [torch.full_like(n, n.double().mean().item()) if n.is_floating_point() else n for n in native]
    if first.dim() > 1:
        wrong["shifted by one row"] = [n.roll(1, 0) for n in native]
    return Problem(native, exact, {"identical copy": native, "double, rounded": exact, **right}, wrong, tolerance or {})


def double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def in_type(function: Callable[..., Any], dtype: torch.dtype, *inputs: torch.Tensor) -> Any:
    """Computed in a lower precision, stored in the problem's."""
    return function(*(t.to(dtype) if t.is_floating_point() else t for t in inputs))


def running_sum(values: torch.Tensor) -> torch.Tensor:
    """Over the last dimension, one accumulator, one term after the other."""
    total = torch.zeros_like(values[..., 0])
    for term in values.unbind(-1):
        total = total + term
    return total


def rounded_to_tf32(values: torch.Tensor) -> torch.Tensor:
    return ((values.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def float8(values: torch.Tensor) -> torch.Tensor:
    return values.to(torch.float8_e4m3fn).float()


def gelu() -> Problem:
    x = torch.randn(1 << 18)
    wrong = {
        "tanh for erf": functional.gelu(x, approximate="tanh"),
        "sigmoid for erf": x * torch.sigmoid(1.702 * x),
        "bfloat16": in_type(functional.gelu, torch.bfloat16, x),
        "float16": in_type(functional.gelu, torch.float16, x),
    }
    return problem(functional.gelu, [x], {"x * Phi(x)": x * 0.5 * (1 + torch.erf(x * 0.70710678))}, wrong)


def gelu_half() -> Problem:
    x = torch.randn(1 << 18).half()
    unfused = x * 0.5 * (1 + torch.erf(x * 0.7071))
    return problem(functional.gelu, [x], {"unfused in float16": unfused}, {"float8": functional.gelu(float8(x))})


def sigmoid_scale_sum() -> Problem:
    def function(x: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(2 * x + b).sum(-1)

    x, b = torch.randn(256, 8192), torch.randn(8192)
    terms = torch.sigmoid(2 * x + b)
    right = {"one running sum": running_sum(terms), "blocks of 64": terms.view(256, 128, 64).sum(-1).sum(-1)}
    wrong = {
        "bfloat16": in_type(function, torch.bfloat16, x, b),
        "float16": in_type(function, torch.float16, x, b),
        "shifted by one": function(x, b).roll(1),
        "last term missing": terms[:, :-1].sum(-1),
    }
    return problem(function, [x, b], right, wrong)


def softmax(spread: float = 1.0) -> Problem:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1)

    x = torch.randn(128, 4096) * spread
    e = torch.exp(x - x.amax(-1, keepdim=True))
    right = {"one running sum": e / running_sum(e).unsqueeze(-1)}
    return problem(function, [x], right, {"float16": in_type(function, torch.float16, x), "1/n": torch.full_like(x, 1 / 4096)})


def rmsnorm(spread: float = 1.0) -> Problem:
    def function(x: torch.Tensor, w: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w

    x, w = torch.randn(256, 4096) * spread, torch.randn(4096)
    mean = running_sum(x * x).unsqueeze(-1) / 4096
    wrong = {"eps of 1e-3": function(x, w, 1e-3), "bfloat16": in_type(function, torch.bfloat16, x, w)}
    if spread < 1:
        wrong["no eps"] = function(x, w, 0)
    else:
        wrong["float16"] = in_type(function, torch.float16, x, w)
    return problem(function, [x, w], {"one running sum": x / torch.sqrt(mean + 1e-6) * w}, wrong)


def layernorm() -> Problem:
    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (1024,), w, b)

    x, w, b = torch.randn(256, 1024) * 2 + 3, torch.randn(1024), torch.randn(1024)
    mean = x.mean(-1, keepdim=True)
    right = {"E[x2] - mean2": (x - mean) * torch.rsqrt((x * x).mean(-1, keepdim=True) - mean * mean + 1e-5) * w + b}
    wrong = {"float16": in_type(function, torch.float16, x, w, b), "n - 1": (x - mean) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5) * w + b}
    return problem(function, [x, w, b], right, wrong)


def layernorm_gated(dtype: torch.dtype = torch.float16, spread: float = 1.0) -> Problem:
    def function(x: torch.Tensor, z: torch.Tensor, w: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
        y = x * functional.silu(z)
        return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * w

    x, z, w = ((torch.randn(*size) * s).to(dtype) for size, s in (((128, 4096), spread), ((128, 4096), 1), ((4096,), 1)))
    y = x * functional.silu(z)
    right = {
        "float32 inside": function(x.float(), z.float(), w.float()),
        "weights first": (y * w) * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5),
        "divided by the root": y / torch.sqrt((y * y).mean(-1, keepdim=True) + 1e-5) * w,
    }
    wrong = {
        "no gate": x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)) * w,
        "float8 gate": function(x.float(), float8(z), w.float()),
    }
    if spread < 1:
        right.pop("divided by the root")
        wrong["no eps"] = function(x.float(), z.float(), w.float(), 0)
    return problem(function, [x, z, w], right, wrong)


def gemm(dtype: torch.dtype, rows: int = 32, inner: int = 8192, columns: int = 512) -> Problem:
    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a @ b if a.dtype != torch.float16 else (a.float() @ b.float()).half()

    def blocked(size: int, total: torch.dtype = torch.float32) -> torch.Tensor:
        out = torch.zeros(rows, columns, dtype=total)
        for k in range(0, inner, size):
            out = (out.float() + a[:, k : k + size].float() @ b[k : k + size].float()).to(total)
        return out

    a, b = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
    right = {"float32": a.float() @ b.float(), "blocks of 64": blocked(64)}
    wrong = {"one product missing": a[:, :-1].float() @ b[:-1].float(), "float8": float8(a) @ float8(b)}
    if dtype == torch.float32:
        right["blocks of 1"] = blocked(1)
        wrong |= {
            "TF32": rounded_to_tf32(a) @ rounded_to_tf32(b),
            "bfloat16": a.bfloat16().float() @ b.bfloat16().float(),
            "float16": a.half().float() @ b.half().float(),
        }
    else:
        right["two halves, each rounded"] = blocked(inner // 2, dtype)
        wrong["total kept in half precision"] = blocked(64, dtype)
    return problem(function, [a, b], right, wrong)


def matmul_biasadd() -> Problem:
    def function(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return (a.float() @ b.float()).half() + c if a.dtype == torch.float16 else a @ b + c

    a, b, c = torch.randn(8, 4096).half(), torch.randn(4096, 1024).half(), torch.randn(1024).half()
    fused = a.float() @ b.float() + c.float()
    return problem(function, [a, b, c], {"fused": fused}, {"no bias": a.float() @ b.float(), "bias twice": fused + c.float()})


def attention(dtype: torch.dtype = torch.float32, fused_reference: bool = False) -> Problem:
    def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.softmax(q @ k.transpose(-1, -2) / 8, -1) @ v

    def online(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        top, norm, out = (
            torch.full((*q.shape[:-1], 1), -6e4, dtype=q.dtype),
            torch.zeros(*q.shape[:-1], 1, dtype=q.dtype),
            torch.zeros_like(q),
        )
        for start in range(0, k.shape[-2], 64):
            scores = q @ k[..., start : start + 64, :].transpose(-1, -2) / 8
            higher = torch.maximum(top, scores.amax(-1, keepdim=True))
            p, fade = torch.exp(scores - higher), torch.exp(top - higher)
            norm, out, top = norm * fade + p.sum(-1, keepdim=True), out * fade + p @ v[..., start : start + 64, :], higher
        return out / norm

    q, k, v = (torch.randn(1, 4, 256, 64).to(dtype) for _ in range(3))
    wide = [t.float() for t in (q, k, v)]
    right = {
        "online in float32": online(*wide),
        "online": online(q, k, v),
        "plain": plain(q, k, v),
        "torch's own": functional.scaled_dot_product_attention(q, k, v),
    }
    wrong = {
        "not scaled": torch.softmax(wide[0] @ wide[1].transpose(-1, -2), -1) @ wide[2],
        "last key missing": plain(wide[0], wide[1][..., :-1, :], wide[2][..., :-1, :]),
        "shifted by one row": plain(*wide).roll(1, -2),
    }
    if dtype == torch.float32:
        wrong |= {
            "float16": in_type(plain, torch.float16, q, k, v),
            "bfloat16": in_type(plain, torch.bfloat16, q, k, v),
        }
    made = problem(functional.scaled_dot_product_attention if fused_reference else plain, [q, k, v], right, {})
    return Problem(made.native, made.exact, made.right, {"zeros": made.wrong["zeros"], "constant": made.wrong["constant"], **wrong})


def scan() -> Problem:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x.cumsum(-1)

    x = torch.randn(64, 4096)
    total, steps = torch.zeros(64), []
    for term in x.unbind(-1):
        total = total + term
        steps.append(total)
    blocks = x.view(64, 64, 64).cumsum(-1)
    carried = functional.pad(blocks[..., -1].cumsum(-1)[:, :-1], (1, 0)).unsqueeze(-1)
    right = {"one running sum": torch.stack(steps, -1), "blocks of 64": (blocks + carried).reshape(64, 4096)}
    wrong = {"exclusive": function(x) - x, "float16 terms": function(x.half().float()), "one column late": function(x).roll(1, -1)}
    return problem(function, [x], right, wrong)


def recurrence() -> Problem:
    def function(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        state, steps = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            state = a[:, t] * state + x[:, t]
            steps.append(state)
        return torch.stack(steps, 1)

    a, x = torch.sigmoid(torch.randn(16, 256, 64) + 2), torch.randn(16, 256, 64)
    wrong = {"float16": in_type(function, torch.float16, a, x), "bfloat16": in_type(function, torch.bfloat16, a, x)}
    return problem(function, [a, x], {}, wrong)


def add_rmsnorm_cast() -> Problem:
    def function(x: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        y = x + r
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return y.half() if y.dtype == torch.float32 else y

    x, r = torch.randn(64, 4096), torch.randn(64, 4096)
    return problem(function, [x, r], {}, {"residual forgotten": function(x, torch.zeros_like(r))})


def add_rmsnorm_quant() -> Problem:
    def function(x: torch.Tensor, r: torch.Tensor, scale: float = 0.01, step: int = 0) -> torch.Tensor:
        y = x + r
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return (torch.round(y / scale) + step).clamp(-128, 127).to(torch.int8)

    x, r = torch.randn(256, 4096), torch.randn(256, 4096)
    near = function(x, r).clone()
    near.view(-1)[::100_000] += torch.where(near.view(-1)[::100_000] > 0, -1, 1).to(torch.int8)
    wrong = {
        "off by two in one element": bumped(function(x, r), 2),
        "all off by one": function(x, r, step=1),
        "truncated": ((x + r) * torch.rsqrt((x + r).pow(2).mean(-1, keepdim=True) + 1e-6) / 0.01).clamp(-128, 127).to(torch.int8),
    }
    return problem(function, [x, r], {"a few off by one": near}, wrong, {"off_by_one": 1e-4})


def bumped(values: torch.Tensor, by: int) -> torch.Tensor:
    changed = values.clone()
    flat = changed.view(-1)
    flat[flat.numel() // 3] += -by if int(flat[flat.numel() // 3]) > 0 else by
    return changed


def moe_topk_softmax() -> Problem:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        p, i = torch.topk(torch.softmax(x, -1), 2)
        return p / p.sum(-1, keepdim=True), i

    x = torch.randn(1024, 8)
    top, order = torch.topk(x.double(), 2)
    p, i = function(x)
    wrong = {
        "not normalised": (torch.topk(torch.softmax(x, -1), 2).values, i),
        "one index": (p, bumped(i, 1)),
        "smallest": function(-x),
    }
    return problem(function, [x], {"top first": (torch.softmax(top, -1), order)}, wrong)


def fake_quant() -> Problem:
    """Values on a grid: near a tie, right answers differ by a whole step, which no smooth bound allows."""

    def function(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.round(x @ w / 0.05) * 0.05

    x, w = torch.randn(256, 512), torch.randn(512, 512) / 22
    exact = x.double() @ w.double()
    right = {"another blocking": torch.round((x[:, :100] @ w[:100] + x[:, 100:] @ w[100:]) / 0.05) * 0.05}
    wrong = {
        "two steps off": function(x, w) + 0.1,
        "one step off": function(x, w) + 0.05,
        "grid of half the step": torch.round(exact / 0.025) * 0.025,
    }
    return problem(function, [x, w], right, wrong, {"off_by_one": 1e-4, "step": 0.05})


def swiglu_block(dtype: torch.dtype = torch.bfloat16) -> Problem:
    def function(x: torch.Tensor, w1: torch.Tensor, w2: torch.Tensor, w3: torch.Tensor) -> torch.Tensor:
        return x + functional.linear(functional.silu(functional.linear(x, w1)) * functional.linear(x, w2), w3)

    sizes = ((128, 256), (704, 256), (704, 256), (256, 704))
    x, w1, w2, w3 = ((torch.randn(*s) / (s[1] ** 0.5 if s[0] != 128 else 1)).to(dtype) for s in sizes)
    wide = [t.float() for t in (x, w1, w2, w3)]
    wrong = {"no residual": function(*wide) - wide[0], "float8": function(*(float8(t) for t in wide))}
    return problem(function, [x, w1, w2, w3], {"float32 inside": function(*wide)}, wrong)


def long_mean() -> Problem:
    """A mean over 131,072 terms: one float32 accumulator is still good enough."""

    def function(x: torch.Tensor) -> torch.Tensor:
        return x.mean(-1)

    x = torch.rand(8, 1 << 17)
    late = {"stale": function(torch.rand(8, 1 << 17)), "half the terms": function(x[:, : 1 << 16])}
    return problem(function, [x], {"one accumulator": x.t().contiguous().cumsum(0, dtype=torch.float32)[-1] / (1 << 17)}, late)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "gelu": gelu,
    "gelu float16": gelu_half,
    "sigmoid_scale_sum": sigmoid_scale_sum,
    "softmax": softmax,
    "softmax, peaked": lambda: softmax(5.0),
    "rmsnorm": rmsnorm,
    "rmsnorm, tiny rows": lambda: rmsnorm(1e-3),
    "layernorm": layernorm,
    "layernorm_gated float16": layernorm_gated,
    "layernorm_gated bfloat16": lambda: layernorm_gated(torch.bfloat16),
    "layernorm_gated, tiny rows": lambda: layernorm_gated(torch.bfloat16, 1e-3),
    "gemm bfloat16 32x8192": lambda: gemm(torch.bfloat16),
    "gemm float16 32x8192": lambda: gemm(torch.float16),
    "gemm float32 64x1024": lambda: gemm(torch.float32, 64, 1024),
    "matmul_biasadd float16": matmul_biasadd,
    "attention": attention,
    "attention bfloat16": lambda: attention(torch.bfloat16),
    "attention float16, fused reference": lambda: attention(torch.float16, fused_reference=True),
    "attention bfloat16, fused reference": lambda: attention(torch.bfloat16, fused_reference=True),
    "scan": scan,
    "recurrence": recurrence,
    "add_rmsnorm_cast": add_rmsnorm_cast,
    "add_rmsnorm_quant": add_rmsnorm_quant,
    "moe_topk_softmax": moe_topk_softmax,
    "fake_quant": fake_quant,
    "swiglu block bfloat16": swiglu_block,
    "long mean": long_mean,
}
