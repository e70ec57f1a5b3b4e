"""Compiled by torch.jit.script, which needs the file that the source lies in.

Case: t1/layer_norm
"""

import torch
from torch import nn


@torch.jit.script
def normalise(x: torch.Tensor, gain: torch.Tensor, offset: torch.Tensor, eps: float) -> torch.Tensor:
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return torch.addcmul(offset, (x - mean) * torch.rsqrt(variance + eps), gain)


class ModelNew(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.offset = nn.Parameter(0.3 * torch.randn(width))
        self.eps = 1e-5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return normalise(x, self.gain, self.offset, self.eps)
