"""The reference changes an input in place, and so does this.

Case: t1/momentum_step
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, weight: torch.Tensor, gradient: torch.Tensor, velocity: torch.Tensor) -> torch.Tensor:
        torch.add(gradient, velocity, alpha=0.9, out=velocity)
        return torch.sub(weight, gradient, alpha=0.1).sub_(velocity, alpha=0.09)
