"""A prefix sum in blocks, added in another order.

Case: t1/cumulative_sum
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length = x.shape[0], x.shape[-1]
        width = 64
        padded = nn.functional.pad(x, (0, -length % width)).view(rows, -1, width)
        inner = torch.cumsum(padded, dim=-1)
        before = torch.cumsum(inner[..., -1], dim=-1) - inner[..., -1]
        return (inner + before.unsqueeze(-1)).view(rows, -1)[:, :length]
