"""Splits the work over threads of its own that have ended when it returns.

Case: t1/gelu
"""

import concurrent.futures

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat(list(self.pool.map(nn.functional.gelu, x.chunk(2))))
