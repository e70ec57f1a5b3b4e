"""Grouped and dilated two-dimensional convolution with a stride.

3 x 3 taps two pixels apart, stride 2, padding 2, four groups of channels, bias.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 4, "inputs": 64, "outputs": 64, "height": 48, "width": 48},
    "gpu": {"batch": 64, "inputs": 256, "outputs": 256, "height": 64, "width": 64},
    "odd": {"batch": 1, "inputs": 64, "outputs": 64, "height": 27, "width": 21},
}


class Model(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.groups = 4
        fan = 9 * inputs // self.groups
        self.weight = nn.Parameter(torch.randn(outputs, inputs // self.groups, 3, 3) * fan**-0.5)
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight, self.bias, stride=2, padding=2, dilation=2, groups=self.groups)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["inputs"], shape["height"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["inputs"], SIZES[size]["outputs"]]
