"""Causal scaled dot-product attention over several heads.

y = softmax(q k^T / sqrt(d) + mask) v; position i sees the positions up to i.
Source: Vaswani et al., "Attention Is All You Need", 2017.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "heads": 4, "length": 192, "width": 32},
    "gpu": {"batch": 2, "heads": 32, "length": 2048, "width": 128},
    "odd": {"batch": 1, "heads": 3, "length": 77, "width": 29},
}


class Model(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        length, width = q.shape[-2:]
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width)
        future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
        weights = torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
        return torch.matmul(weights, v)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["batch"], shape["heads"], shape["length"], shape["width"])
    q, k, v = 2.0 * torch.randn(dims), torch.randn(dims), torch.randn(dims)
    # All scores of every 32nd query are 100, whatever the order of the sums: exp overflows without the maximum.
    k[..., 0], q[:, :, ::32], q[:, :, ::32, 0] = 1.0, 0.0, 100.0 * math.sqrt(shape["width"])
    return [q, k, v]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
