"""Residual addition followed by root-mean-square normalisation: returns the normalised rows and the new residual.

r = x + residual; y = r / sqrt(mean(r^2) + eps) * gain. Source of the norm: Zhang and Sennrich, 2019.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 768, "width": 768},
    "gpu": {"rows": 16384, "width": 4096},
    "odd": {"rows": 47, "width": 768},
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.eps = 1e-6

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total = x + residual
        scale = torch.rsqrt(total.square().mean(dim=-1, keepdim=True) + self.eps)
        return total * scale * self.gain, total


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    x, residual = torch.randn(rows, width), torch.randn(rows, width) * (0.5 + torch.rand(rows, 1))
    x[::8] *= 1e-3  # with the residual, a mean square near eps, which decides there
    residual[::8] *= 1e-3
    return [x, residual]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"]]
