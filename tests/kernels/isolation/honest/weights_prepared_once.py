"""Joins and transposes the weights once, in the constructor, and keeps only that.

Case: t2/swiglu
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        gate = torch.randn(hidden, width) * width**-0.5
        up = torch.randn(hidden, width) * width**-0.5
        down = 2.0 * torch.randn(width, hidden) * hidden**-0.5
        self.register_buffer("joined", torch.cat([gate, up]).t().contiguous())
        self.register_buffer("back", down.t().contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = (x @ self.joined).chunk(2, dim=-1)
        return (nn.functional.silu(gate) * up) @ self.back
