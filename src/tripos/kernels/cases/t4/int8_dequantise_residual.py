"""Dequantisation of asymmetric uint8 codes, block by block, added to a residual stream.

x = (code - zero) scale, one scale and zero point for each block of 64 codes of a row; y = residual + x.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 1024, "blocks": 16},
    "gpu": {"rows": 16384, "blocks": 64},
    "odd": {"rows": 37, "blocks": 13},
}
BLOCK = 64


class Model(nn.Module):
    def forward(self, codes: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        rows, blocks = scale.shape
        levels = codes.view(rows, blocks, -1).to(scale.dtype) - zero.unsqueeze(-1).to(scale.dtype)
        return residual + (levels * scale.unsqueeze(-1)).view(rows, -1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    rows, blocks = SIZES[size]["rows"], SIZES[size]["blocks"]
    codes = torch.randint(0, 256, (rows, blocks * BLOCK), dtype=torch.uint8)
    scale = 0.01 + 0.03 * torch.rand(rows, blocks)
    zero = torch.randint(96, 160, (rows, blocks), dtype=torch.uint8)
    return [codes, scale, zero, torch.randn(rows, blocks * BLOCK)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
