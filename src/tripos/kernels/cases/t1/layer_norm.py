"""Layer normalisation over the last dimension with a learned gain and offset.

y = (x - mean) / sqrt(variance + eps) * gain + offset, with the variance over n (not n - 1).
Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 1024, "width": 768},
    "gpu": {"rows": 32768, "width": 4096},
    "odd": {"rows": 61, "width": 768},
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.offset = nn.Parameter(0.3 * torch.randn(width))
        self.eps = 1e-5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred * torch.rsqrt(variance + self.eps) * self.gain + self.offset


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    x = torch.randn(rows, width) * (0.5 + torch.rand(rows, 1)) + torch.randn(rows, 1)
    x[::8] *= 3e-3  # a variance near eps, which decides there
    return [x]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"]]
