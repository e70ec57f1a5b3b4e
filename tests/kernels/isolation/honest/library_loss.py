"""The library's loss, which sums in another order.

Case: t2/cross_entropy
"""

import torch
from torch import nn


class ModelNew(nn.Module):
    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=0.1)
