"""Two-dimensional 3 x 3 convolution with bias and ReLU, padding 1.

y = max(0, conv(x, W) + b). The biases are positive, so that most outputs are not cut off.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 4, "inputs": 32, "outputs": 64, "height": 28, "width": 28},
    "gpu": {"batch": 64, "inputs": 128, "outputs": 256, "height": 56, "width": 56},
    "odd": {"batch": 1, "inputs": 32, "outputs": 64, "height": 19, "width": 23},
}


class Model(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) * (9 * inputs) ** -0.5)
        self.bias = nn.Parameter(0.5 + torch.rand(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(F.conv2d(x, self.weight, self.bias, padding=1))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["inputs"], shape["height"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["inputs"], SIZES[size]["outputs"]]
