"""Runs in inference mode, which makes tensors of a special kind.

Case: t2/group_norm_silu
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.norm.weight.data = 1.0 + 0.3 * torch.randn(channels)
        self.norm.bias.data = torch.randn(channels)

    @torch.inference_mode()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.silu(self.norm(x), inplace=True)
