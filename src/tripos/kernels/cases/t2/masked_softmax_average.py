"""Softmax of masked scores, used at once as weights of an average: the inner part of attention with any boolean mask.

w = softmax(scores where mask else -inf); y = w values. About a third of the positions is hidden; every row keeps one.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "rows": 128, "columns": 192, "width": 64},
    "gpu": {"batch": 64, "rows": 1024, "columns": 1024, "width": 128},
    "odd": {"batch": 3, "rows": 77, "columns": 131, "width": 59},
}


class Model(nn.Module):
    def forward(self, scores: torch.Tensor, mask: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        visible = scores.masked_fill(~mask, float("-inf"))
        return torch.matmul(torch.softmax(visible, dim=-1), values)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, rows, columns = shape["batch"], shape["rows"], shape["columns"]
    scores = 3.0 * torch.randn(batch, rows, columns)
    scores[:, ::4] += 100.0  # exp overflows without the maximum
    mask = torch.rand(batch, rows, columns) > 0.35
    kept = torch.randint(0, columns, (batch, rows, 1))
    mask.scatter_(2, kept, True)
    values = torch.randn(batch, columns, shape["width"])
    return [scores, mask, values]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
