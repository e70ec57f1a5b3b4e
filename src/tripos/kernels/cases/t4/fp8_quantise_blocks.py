"""Quantisation to 8-bit floating point (e4m3): the bytes, and one scale for each block of 128 values of a row.

scale = max|x| / 448 over the block; byte = the e4m3 value nearest to x / scale, ties to even. No input is so small that it becomes zero.
Source: Micikevicius et al., "FP8 Formats for Deep Learning", 2022; blocks as in DeepSeek-AI, "DeepSeek-V3 Technical Report", 2024.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 768, "blocks": 8},
    "gpu": {"rows": 16384, "blocks": 56},
    "odd": {"rows": 37, "blocks": 5},
}
TOLERANCE = {"off_by_one": 0.001}
BLOCK = 128


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        blocks = x.view(x.shape[0], -1, BLOCK)
        scale = blocks.abs().amax(dim=-1) / 448.0
        codes = (blocks / scale.unsqueeze(-1)).clamp(-448.0, 448.0).to(torch.float8_e4m3fn)
        return codes.view(torch.uint8).view(x.shape), scale


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    rows, width = SIZES[size]["rows"], SIZES[size]["blocks"] * BLOCK
    x = torch.randn(rows, width)
    x += 0.05 * torch.where(x < 0, -1.0, 1.0)
    x[:, ::8] *= 5e-4  # down to the subnormals, but not to zero
    return [x * (1.0 + 9.0 * torch.rand(rows, 1))]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
