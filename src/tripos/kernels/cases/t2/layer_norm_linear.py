"""Layer normalisation followed by a linear map with bias.

y = ((x - mean) / sqrt(variance + eps) * gain + offset) W^T + b.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 512, "width": 384, "outputs": 512},
    "gpu": {"rows": 8192, "width": 4096, "outputs": 4096},
    "odd": {"rows": 43, "width": 384, "outputs": 512},
}


class Model(nn.Module):
    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, outputs)
        nn.init.normal_(self.norm.weight, mean=1.0, std=0.3)
        nn.init.normal_(self.norm.bias, std=0.3)
        nn.init.normal_(self.linear.weight, std=width**-0.5)
        nn.init.normal_(self.linear.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.norm(x))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    x = torch.randn(rows, width) * (0.5 + torch.rand(rows, 1)) + torch.randn(rows, 1)
    x[::8] *= 3e-3  # a variance near eps, which decides there
    return [x]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["outputs"]]
