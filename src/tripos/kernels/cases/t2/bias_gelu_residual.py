"""Bias, tanh-form GELU and residual of float16 activations in one pass; computed in float32, rounded once.

y = residual + gelu(x + bias) with gelu(u) = u (1 + tanh(sqrt(2 / pi) (u + 0.044715 u^3))) / 2.
Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 384, "width": 1024},
    "gpu": {"rows": 16384, "width": 8192},
    "odd": {"rows": 51, "width": 1024},
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(width).to(torch.float16))

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        u = x.to(wide) + self.bias.to(wide)
        gelu = 0.5 * u * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (u + 0.044715 * u**3)))
        return (residual.to(wide) + gelu).to(x.dtype)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    x = torch.randn(shape["rows"], shape["width"]).to(torch.float16)
    residual = torch.randn(shape["rows"], shape["width"]).to(torch.float16)
    return [x, residual]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"]]
