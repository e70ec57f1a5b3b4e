"""Returns every second element of a larger result.

Case: t1/gelu
"""

import torch
from torch import nn
from torch.nn import functional as F


class ModelNew(nn.Module):
    def forward(self, x):
        y = F.gelu(x)
        return torch.stack([y, y], -1)[..., 0]
