"""Returns a view into a padded result; most of what lies between its rows belongs to nobody.

Case: t1/matmul
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        padded = torch.empty(a.shape[0], 16 * b.shape[0] + 7)
        y = padded[:, 3 : 3 + b.shape[0]]
        y.copy_(a @ b.t())
        return y
