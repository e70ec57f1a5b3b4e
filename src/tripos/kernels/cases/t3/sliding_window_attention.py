"""Causal attention limited to a window of the latest positions.

Position i sees j with i - window < j <= i. Source: Beltagy et al., "Longformer", 2020; Jiang et al., "Mistral 7B", 2023.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "heads": 4, "length": 224, "width": 32, "window": 48},
    "gpu": {"batch": 1, "heads": 16, "length": 4096, "width": 64, "window": 512},
    "odd": {"batch": 3, "heads": 3, "length": 101, "width": 31, "window": 48},
}


class Model(nn.Module):
    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        length, width = q.shape[-2:]
        position = torch.arange(length, device=q.device)
        distance = position.unsqueeze(1) - position.unsqueeze(0)
        hidden = (distance < 0) | (distance >= self.window)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width)
        weights = torch.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1)
        return torch.matmul(weights, v)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["batch"], shape["heads"], shape["length"], shape["width"])
    q, k, v = 2.0 * torch.randn(dims), torch.randn(dims), torch.randn(dims)
    # All scores of every 32nd query are 100, whatever the order of the sums: exp overflows without the maximum.
    k[..., 0], q[:, :, ::32], q[:, :, ::32, 0] = 1.0, 0.0, 100.0 * math.sqrt(shape["width"])
    return [q, k, v]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["window"]]
