"""Linear map with 8-bit floating-point (e4m3) weights kept as bytes, one scale an output.

A byte is sign (1 bit), exponent e (4 bits, bias 7), mantissa m (3 bits): value = 2^(e-7) (1 + m/8), or 2^-6 m/8 where e = 0.
Source: Micikevicius et al., "FP8 Formats for Deep Learning", 2022. The two not-a-number bytes do not occur.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 32, "inputs": 384, "outputs": 384},
    "gpu": {"rows": 128, "inputs": 8192, "outputs": 8192},
    "odd": {"rows": 11, "inputs": 384, "outputs": 384},
}


class Model(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        magnitude = torch.randint(0, 127, (outputs, inputs), dtype=torch.uint8)
        magnitude[::8] %= 16  # the two smallest exponents only, under a scale to match
        sign = torch.randint(0, 2, (outputs, inputs), dtype=torch.uint8) << 7
        self.register_buffer("weight", magnitude | sign)
        scale = (0.5 + torch.rand(outputs)) / (110.0 * inputs**0.5)
        scale[::8] *= 2.0**12
        self.register_buffer("scale", scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bits = self.weight.to(torch.int32)
        exponent, mantissa = (bits >> 3) & 15, (bits & 7).to(x.dtype) / 8.0
        normal = torch.ldexp(1.0 + mantissa, exponent - 7)
        value = torch.where(exponent == 0, mantissa * 2.0**-6, normal)
        weight = torch.where(bits >= 128, -value, value)
        return torch.matmul(x, weight.transpose(0, 1)) * self.scale


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["rows"], shape["inputs"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["inputs"], SIZES[size]["outputs"]]
