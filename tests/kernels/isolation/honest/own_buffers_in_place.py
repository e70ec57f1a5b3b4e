"""Works in place, in tensors of its own.

Case: t1/gelu
"""

import math

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x / math.sqrt(2.0)
        return y.erf_().add_(1.0).mul_(x).mul_(0.5)
