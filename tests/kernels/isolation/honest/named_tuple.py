"""Returns the named tuple of the library's function.

Case: t1/row_argmax
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor):
        return torch.max(x, dim=-1)
