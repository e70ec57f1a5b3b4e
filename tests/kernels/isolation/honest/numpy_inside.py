"""Computes with numpy on the same memory.

Case: t1/log_softmax
"""

import numpy as np
import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = x.numpy()
        shifted = values - values.max(axis=-1, keepdims=True)
        return torch.from_numpy(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
