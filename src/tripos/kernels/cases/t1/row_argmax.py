"""Largest value of every row and its position: two outputs, float32 and int64.

The largest value of a row is at least 0.1 ahead of the second, so its position is unique.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 3072, "width": 768},
    "gpu": {"rows": 65536, "width": 1024},
    "odd": {"rows": 131, "width": 509},
}


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, positions = x.max(dim=-1)
        return values, positions


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    x = torch.randn(rows, width)
    ahead = x.amax(dim=-1, keepdim=True) + 0.1 + torch.rand(rows, 1)
    return [x.scatter(1, torch.randint(0, width, (rows, 1)), ahead)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
