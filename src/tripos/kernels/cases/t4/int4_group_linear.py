"""Linear map of float16 rows with 4-bit weights: two codes a byte, a scale and a zero point for each group of inputs.

w = (code - zero) scale, low half of the byte first; y = x w^T. Computed in float32 and rounded once; the tolerance admits kernels
that unpack the weights to float16.
Source: Frantar et al., "GPTQ", 2022; Lin et al., "AWQ", 2023 (group-wise weight-only quantisation).
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 32, "inputs": 1024, "outputs": 768, "group": 64},
    "gpu": {"rows": 64, "inputs": 8192, "outputs": 8192, "group": 128},
    "odd": {"rows": 7, "inputs": 1024, "outputs": 768, "group": 64},
}
TOLERANCE = {"rtol": 0.002, "atol": 0.002}


class Model(nn.Module):
    def __init__(self, inputs: int, outputs: int, group: int) -> None:
        super().__init__()
        groups = inputs // group
        self.register_buffer("packed", torch.randint(0, 256, (outputs, inputs // 2), dtype=torch.uint8))
        self.register_buffer("scale", ((0.5 + torch.rand(outputs, groups)) * 0.2 * inputs**-0.5).half())
        self.register_buffer("zero", torch.randint(5, 11, (outputs, groups), dtype=torch.uint8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs, groups = self.scale.shape
        codes = torch.stack([self.packed & 15, self.packed >> 4], dim=-1).view(outputs, groups, -1)
        wide = torch.promote_types(x.dtype, torch.float32)
        weight = (codes.to(wide) - self.zero.unsqueeze(-1).to(wide)) * self.scale.unsqueeze(-1).to(wide)
        return torch.matmul(x.to(wide), weight.view(outputs, -1).transpose(0, 1)).to(x.dtype)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["rows"], shape["inputs"]).half()]


def get_init_inputs(size: str = "cpu") -> list[int]:
    shape = SIZES[size]
    return [shape["inputs"], shape["outputs"], shape["group"]]
