"""Goes through the rows in blocks that fit into the cache.

Case: t1/gelu
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty_like(x)
        for start in range(0, len(x), 16):
            part = x[start : start + 16]
            y[start : start + 16] = 0.5 * part * (1.0 + torch.erf(part * 0.7071067811865476))
        return y
