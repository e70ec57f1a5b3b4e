"""Causal attention with rotary positions: queries and keys are rotated pair by pair, then attended.

The halves (a, b) of a head turn by the angle position * 10000^(-2 i / d): (a cos - b sin, a sin + b cos). The tables of
cosines and sines are inputs; the first position is random.
Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "heads": 4, "length": 192, "width": 32},
    "gpu": {"batch": 2, "heads": 32, "length": 2048, "width": 128},
    "odd": {"batch": 1, "heads": 3, "length": 75, "width": 26},
}


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


class Model(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        length, width = q.shape[-2:]
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width)
        future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
        weights = torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
        return torch.matmul(weights, v)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["batch"], shape["heads"], shape["length"], shape["width"])
    q, k, v = 2.0 * torch.randn(dims), torch.randn(dims), torch.randn(dims)
    start = torch.randint(0, 1000, ())
    position = start + torch.arange(shape["length"], dtype=torch.float64)
    half = shape["width"] // 2
    # All scores of every 32nd query are near 100, as this pair hardly turns: exp overflows without the maximum.
    k[..., half - 1], q[:, :, ::32], q[:, :, ::32, half - 1] = 5.0, 0.0, 20.0 * math.sqrt(shape["width"])
    angle = torch.outer(position, 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
    return [q, k, v, angle.cos().float(), angle.sin().float()]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
