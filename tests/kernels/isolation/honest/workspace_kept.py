"""Keeps one workspace for intermediate results; the output is new each time.

Case: t1/gelu
"""

import math

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.workspace = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.workspace.shape != x.shape:
            self.workspace = torch.empty_like(x)
        torch.mul(x, 1.0 / math.sqrt(2.0), out=self.workspace)
        self.workspace.erf_().add_(1.0)
        return torch.mul(x, self.workspace).mul_(0.5)
