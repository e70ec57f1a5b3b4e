"""Product of two dense float32 matrices, the second one stored transposed.

y = a b^T for a (rows, inner) and b (columns, inner), both contiguous.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 384, "inner": 512, "columns": 640},
    "gpu": {"rows": 4096, "inner": 4096, "columns": 4096},
    "odd": {"rows": 67, "inner": 131, "columns": 93},
}


class Model(nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.matmul(a, b.transpose(0, 1))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    a = torch.randn(shape["rows"], shape["inner"])
    b = torch.randn(shape["columns"], shape["inner"]) / shape["inner"] ** 0.5
    return [a, b]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
