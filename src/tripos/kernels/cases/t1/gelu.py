"""Gaussian error linear unit, exact form, element by element.

y = x * Phi(x) with the normal distribution function Phi(x) = (1 + erf(x / sqrt(2))) / 2.
Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016. The tanh approximation is up to 5e-4 off and does not pass.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 256, "width": 2048},
    "gpu": {"rows": 16384, "width": 8192},
    "odd": {"rows": 37, "width": 1013},
}


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [1.5 * torch.randn(shape["rows"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
