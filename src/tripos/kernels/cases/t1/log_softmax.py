"""Logarithm of the softmax over the last dimension, stable for large logits.

y_i = x_i - max(x) - log(sum_j exp(x_j - max(x))). Every fourth row is shifted by 200, where a version without the maximum overflows.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 1280, "width": 1000},
    "gpu": {"rows": 4096, "width": 32000},
    "odd": {"rows": 53, "width": 997},
}


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shifted = x - x.amax(dim=-1, keepdim=True)
        return shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    x = 2.0 * torch.randn(shape["rows"], shape["width"])
    x[::4] += 200.0
    return [x]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
