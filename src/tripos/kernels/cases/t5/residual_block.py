"""Residual block of a ResNet in evaluation: two 3 x 3 convolutions with batch normalisation, ReLU between and after the addition.

y = relu(x + bn2(conv2(relu(bn1(conv1(x)))))), the normalisations with stored means and variances. Inputs are not negative, as they
come out of a ReLU. Source: He et al., "Deep Residual Learning for Image Recognition", 2015.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "channels": 48, "height": 28, "width": 28},
    "gpu": {"batch": 64, "channels": 256, "height": 56, "width": 56},
    "odd": {"batch": 3, "channels": 48, "height": 13, "width": 17},
}


class Normalisation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(0.5 + torch.rand(channels))
        self.offset = nn.Parameter(0.5 * torch.randn(channels))
        self.register_buffer("mean", torch.randn(channels))
        self.register_buffer("variance", 0.5 + torch.rand(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.mean, self.variance, self.gain, self.offset, training=False)


class Model(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        std = (9 * channels) ** -0.5
        self.first = nn.Parameter(torch.randn(channels, channels, 3, 3) * std)
        self.second = nn.Parameter(torch.randn(channels, channels, 3, 3) * std)
        self.norm_first, self.norm_second = Normalisation(channels), Normalisation(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.norm_first(F.conv2d(x, self.first, padding=1)))
        return F.relu(x + self.norm_second(F.conv2d(inner, self.second, padding=1)))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [2.0 * torch.randn(shape["batch"], shape["channels"], shape["height"], shape["width"]).abs()]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["channels"]]
