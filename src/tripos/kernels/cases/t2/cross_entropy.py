"""Cross-entropy of each row of logits against an integer target, with label smoothing.

loss = (1 - s) (lse - x_target) + s (lse - mean(x)), lse = log(sum(exp(x))), s = 0.1. One loss a row, no averaging.
Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture", 2016.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 640, "classes": 2000},
    "gpu": {"rows": 4096, "classes": 50000},
    "odd": {"rows": 71, "classes": 1999},
}


class Model(nn.Module):
    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        smoothing = 0.1
        total = torch.logsumexp(logits, dim=-1)
        chosen = logits.gather(1, targets.unsqueeze(1)).squeeze(1)
        return (1.0 - smoothing) * (total - chosen) + smoothing * (total - logits.mean(dim=-1))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    logits = 2.0 * torch.randn(shape["rows"], shape["classes"])
    logits[::4] += 100.0  # exp overflows without the maximum
    targets = torch.randint(0, shape["classes"], (shape["rows"],))
    return [logits, targets]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
