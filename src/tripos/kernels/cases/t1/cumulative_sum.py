"""Running (inclusive prefix) sum along each row.

y_i = x_0 + ... + x_i. The terms have mean 0.5, so that sums grow instead of wandering around zero.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 320, "length": 4096},
    "gpu": {"rows": 4096, "length": 32768},
    "odd": {"rows": 23, "length": 1531},
}


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(x, dim=-1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [0.5 + torch.rand(shape["rows"], shape["length"]) - 0.5 * torch.rand(shape["rows"], 1)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
