"""Decoder block of the LLaMA family: RMS norms, rotary grouped-query attention and a SwiGLU network, without biases.

h = x + O attention(rotary(Q n), rotary(K n), V n) with n = norm(x); y = h + D (silu(G m) * (U m)) with m = norm(h). The rotary
tables of cosines and sines are inputs; the first position is random.
Source: Touvron et al., "LLaMA", 2023 and "Llama 2", 2023.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "length": 96, "width": 128, "heads": 4, "shared": 2, "hidden": 352},
    "gpu": {"batch": 2, "length": 2048, "width": 2048, "heads": 16, "shared": 4, "hidden": 5504},
    "odd": {"batch": 3, "length": 37, "width": 128, "heads": 4, "shared": 2, "hidden": 352},
}


def matrix(outputs: int, inputs: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)


def rms_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5) * gain


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)


class Model(nn.Module):
    def __init__(self, width: int, heads: int, shared: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.shared = heads, shared
        inner = width // heads * shared
        self.gain_attention = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.gain_network = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.q, self.k, self.v, self.o = matrix(width, width), matrix(inner, width), matrix(inner, width), matrix(width, width)
        self.gate, self.up, self.down = matrix(hidden, width), matrix(hidden, width), matrix(width, hidden)

    def split(self, x: torch.Tensor, heads: int) -> torch.Tensor:
        return x.view(*x.shape[:2], heads, -1).transpose(1, 2)

    def attend(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        copies = self.heads // self.shared
        q = rotate(self.split(F.linear(x, self.q), self.heads), cosine, sine)
        k = rotate(self.split(F.linear(x, self.k), self.shared), cosine, sine).repeat_interleave(copies, dim=1)
        v = self.split(F.linear(x, self.v), self.shared).repeat_interleave(copies, dim=1)
        length, width = q.shape[-2:]
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        scores = (torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width)).masked_fill(future, float("-inf"))
        mixed = torch.matmul(torch.softmax(scores, dim=-1), v)
        return F.linear(mixed.transpose(1, 2).reshape(x.shape), self.o)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(rms_norm(x, self.gain_attention), cosine, sine)
        normed = rms_norm(x, self.gain_network)
        return x + F.linear(F.silu(F.linear(normed, self.gate)) * F.linear(normed, self.up), self.down)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    position = torch.randint(0, 1000, ()) + torch.arange(shape["length"], dtype=torch.float64)
    half = shape["width"] // shape["heads"] // 2
    angle = torch.outer(position, 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
    return [torch.randn(shape["batch"], shape["length"], shape["width"]), angle.cos().float(), angle.sin().float()]


def get_init_inputs(size: str = "cpu") -> list[int]:
    shape = SIZES[size]
    return [shape["width"], shape["heads"], shape["shared"], shape["hidden"]]
