"""Transposed two-dimensional convolution that doubles height and width, with bias.

4 x 4 taps, stride 2, padding 1: every input pixel adds its weighted patch to the output.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "inputs": 64, "outputs": 32, "height": 24, "width": 24},
    "gpu": {"batch": 32, "inputs": 256, "outputs": 128, "height": 64, "width": 64},
    "odd": {"batch": 1, "inputs": 64, "outputs": 32, "height": 11, "width": 13},
}


class Model(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs, 4, 4) * (4 * inputs) ** -0.5)
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["inputs"], shape["height"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["inputs"], SIZES[size]["outputs"]]
