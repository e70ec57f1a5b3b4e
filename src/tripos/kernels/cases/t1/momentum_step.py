"""One step of gradient descent with Nesterov momentum; the momentum buffer is updated in place.

v <- mu v + g (in place); returns w - rate (g + mu v). Source: Sutskever et al., "On the importance of initialization and
momentum in deep learning", 2013, in the form that deep-learning libraries use.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"elements": 800000},
    "gpu": {"elements": 50000000},
    "odd": {"elements": 30011},
}


class Model(nn.Module):
    def forward(self, weight: torch.Tensor, gradient: torch.Tensor, velocity: torch.Tensor) -> torch.Tensor:
        velocity.mul_(0.9).add_(gradient)
        return weight - 0.1 * (gradient + 0.9 * velocity)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    elements = SIZES[size]["elements"]
    return [torch.randn(elements), torch.randn(elements), 2.0 * torch.randn(elements)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
