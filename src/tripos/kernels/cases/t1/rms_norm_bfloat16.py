"""Root-mean-square normalisation of bfloat16 rows with a learned gain; computed in float32, rounded once.

y = x / sqrt(mean(x^2) + eps) * gain. Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 768, "width": 1024},
    "gpu": {"rows": 32768, "width": 4096},
    "odd": {"rows": 45, "width": 1024},
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter((1.0 + 0.3 * torch.randn(width)).to(torch.bfloat16))
        self.eps = 1e-6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        root = torch.sqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return (wide / root * self.gain).to(x.dtype)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    x = torch.randn(rows, width) * (0.5 + torch.rand(rows, 1))
    x[::8] *= 1e-3  # a mean square near eps, which decides there
    return [x.to(torch.bfloat16)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"]]
