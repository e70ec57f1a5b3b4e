"""Gathers and adds in one function.

Case: t1/embedding_bag_mean
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(entries, width))

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding_bag(indices, self.table, mode="mean")
