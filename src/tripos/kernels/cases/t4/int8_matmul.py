"""Product of int8 activations and int8 weights, summed exactly in integers, then scaled to float32 with a bias.

y_ij = (sum_k a_ik w_jk) s_i t_j + b_j, with a scale s a row, t and b a column. The inner length is at most 1024, so that the
reference's float32 sums of integers stay below 2^24 and are exact.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 320, "inner": 768, "columns": 512},
    "gpu": {"rows": 8192, "inner": 1024, "columns": 8192},
    "odd": {"rows": 53, "inner": 768, "columns": 512},
}


class Model(nn.Module):
    def __init__(self, inner: int, columns: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randint(-127, 128, (columns, inner), dtype=torch.int8))
        self.register_buffer("weight_scale", (0.5 + torch.rand(columns)) / 127.0)
        self.bias = nn.Parameter(torch.randn(columns))

    def forward(self, codes: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        total = torch.matmul(codes.to(scale.dtype), self.weight.to(scale.dtype).transpose(0, 1))
        return total * scale * self.weight_scale + self.bias


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, inner = shape["rows"], shape["inner"]
    codes = torch.randint(-127, 128, (rows, inner), dtype=torch.int8)
    return [codes, (0.5 + torch.rand(rows, 1)) / (127.0 * inner**0.5)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["inner"], SIZES[size]["columns"]]
