"""Symmetric int8 quantisation of every row: codes and one scale a row.

scale = max|x| / 127; code = round(x / scale), ties to even, in [-127, 127].
Source: Dettmers et al., "LLM.int8()", 2022 (row-wise absmax).
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 1024, "width": 1024},
    "gpu": {"rows": 16384, "width": 8192},
    "odd": {"rows": 63, "width": 1021},
}
TOLERANCE = {"off_by_one": 0.001}


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = x.abs().amax(dim=-1, keepdim=True) / 127.0
        codes = torch.round(x / scale).clamp(-127, 127).to(torch.int8)
        return codes, scale


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width = shape["rows"], shape["width"]
    return [torch.randn(rows, width) * (5.0 + 20.0 * torch.rand(rows, 1))]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
