"""Adaptive layer normalisation of a diffusion transformer: scale, shift and gated residual from a conditioning vector.

(shift, scale, gate) = c W^T + b; y = x + gate * (norm(x) (1 + scale) + shift), the norm without its own weights.
Source: Peebles and Xie, "Scalable Diffusion Models with Transformers", 2022 (adaLN).
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 16, "tokens": 128, "width": 256},
    "gpu": {"batch": 64, "tokens": 1024, "width": 1152},
    "odd": {"batch": 3, "tokens": 37, "width": 256},
}


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.5 * torch.randn(3 * width, width) * width**-0.5)
        self.bias = nn.Parameter(0.5 * torch.randn(3 * width))

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        modulation = F.linear(F.silu(condition), self.weight, self.bias).unsqueeze(1)
        shift, scale, gate = modulation.chunk(3, dim=-1)
        normed = F.layer_norm(x, x.shape[-1:], eps=1e-6)
        return x + gate * (normed * (1.0 + scale) + shift)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, width = shape["batch"], shape["width"]
    x = torch.randn(batch, shape["tokens"], width)
    x[:, ::8] *= 1e-3  # a variance near eps, which decides there
    return [x, torch.randn(batch, width)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"]]
