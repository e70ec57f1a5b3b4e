"""Causal depthwise one-dimensional convolution of bfloat16 sequences with bias and SiLU, as in state-space models.

y_ct = silu(b_c + sum_k w_ck x_c(t - K + 1 + k)), with zeros before the start; every channel has its own K weights.
Computed in float32 and rounded once.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "channels": 256, "length": 1024, "taps": 4},
    "gpu": {"batch": 8, "channels": 4096, "length": 2048, "taps": 4},
    "odd": {"batch": 1, "channels": 256, "length": 173, "taps": 4},
}


class Model(nn.Module):
    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, taps).to(torch.bfloat16))
        self.bias = nn.Parameter(torch.randn(channels).to(torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, taps = self.weight.shape
        wide = torch.promote_types(x.dtype, torch.float32)
        padded = F.pad(x.to(wide), (taps - 1, 0))
        mixed = F.conv1d(padded, self.weight.to(wide).unsqueeze(1), self.bias.to(wide), groups=channels)
        return F.silu(mixed).to(x.dtype)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["channels"], shape["length"]).to(torch.bfloat16)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["channels"], SIZES[size]["taps"]]
