"""Gated feed-forward network: SiLU of one projection times another, projected back.

y = (silu(x G^T) * (x U^T)) D^T. Source: Shazeer, "GLU Variants Improve Transformer", 2020.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"rows": 256, "width": 192, "hidden": 512},
    "gpu": {"rows": 4096, "width": 4096, "hidden": 11008},
    "odd": {"rows": 39, "width": 192, "hidden": 512},
}


class Model(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(hidden, width) * width**-0.5)
        self.up = nn.Parameter(torch.randn(hidden, width) * width**-0.5)
        self.down = nn.Parameter(2.0 * torch.randn(width, hidden) * hidden**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(F.silu(F.linear(x, self.gate)) * F.linear(x, self.up), self.down)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["rows"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["hidden"]]
