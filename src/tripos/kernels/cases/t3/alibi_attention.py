"""Causal attention whose scores fall linearly with distance, one slope a head.

scores_ij = q_i k_j / sqrt(d) - 2^(-8 (h + 1) / heads) (i - j). Source: Press et al., "Train Short, Test Long", 2021.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "heads": 4, "length": 192, "width": 32},
    "gpu": {"batch": 2, "heads": 32, "length": 2048, "width": 64},
    "odd": {"batch": 1, "heads": 5, "length": 83, "width": 29},
}


class Model(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        heads, length, width = q.shape[1:]
        head = torch.arange(1, heads + 1, device=q.device, dtype=q.dtype)
        slope = torch.exp2(-8.0 * head / heads).view(heads, 1, 1)
        position = torch.arange(length, device=q.device, dtype=q.dtype)
        distance = position.unsqueeze(1) - position.unsqueeze(0)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width) - slope * distance
        weights = torch.softmax(scores.masked_fill(distance < 0, float("-inf")), dim=-1)
        return torch.matmul(weights, v)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["batch"], shape["heads"], shape["length"], shape["width"])
    q, k, v = 2.0 * torch.randn(dims), torch.randn(dims), torch.randn(dims)
    # All scores of every 32nd query start from 100, whatever the order of the sums: exp overflows without the maximum.
    k[..., 0], q[:, :, ::32], q[:, :, ::32, 0] = 1.0, 0.0, 100.0 * math.sqrt(shape["width"])
    return [q, k, v]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
