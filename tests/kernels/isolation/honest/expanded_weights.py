"""Its offset is one number, shown in the shape of the reference's offset: nobody can write there, and it is not asked to keep that.

Case: t1/layer_norm
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.shift = 0.3 * torch.randn(width)
        self.register_buffer("offset", torch.zeros(1).expand(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(x, (x.shape[-1],), self.gain, None, 1e-5) + self.shift + self.offset
