"""Multiplies by the reciprocal of the scale, so that some ties fall the other way.

Case: t4/int8_quantise_rows
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        largest = torch.amax(x.abs(), dim=-1, keepdim=True)
        return (x * (127.0 / largest)).round_().clamp_(-127, 127).to(torch.int8), largest / 127.0
