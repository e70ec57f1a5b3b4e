"""Splits the sum of the product into parts, which changes the order of addition.

Case: t1/matmul
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        parts = [left @ right.t() for left, right in zip(a.split(96, dim=1), b.split(96, dim=1), strict=True)]
        return torch.stack(parts).sum(dim=0)
