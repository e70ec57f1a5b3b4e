"""Transformer decoder block with layer normalisation first: causal multi-head attention, then a GELU network, each with a residual.

h = x + attention(norm(x)); y = h + W2 gelu(W1 norm(h) + b1) + b2. Source: Radford et al., "Language Models are Unsupervised Multitask
Learners", 2019 (GPT-2's order).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "length": 64, "width": 128, "heads": 4},
    "gpu": {"batch": 8, "length": 1024, "width": 1024, "heads": 16},
    "odd": {"batch": 1, "length": 53, "width": 128, "heads": 4},
}


def layer(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=inputs**-0.5)
    nn.init.normal_(linear.bias, std=0.3)
    return linear


def norm(width: int) -> nn.LayerNorm:
    module = nn.LayerNorm(width)
    nn.init.normal_(module.weight, mean=1.0, std=0.3)
    nn.init.normal_(module.bias, std=0.3)
    return module


class Model(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_network = norm(width), norm(width)
        self.qkv, self.out = layer(width, 3 * width), layer(width, width)
        self.expand, self.contract = layer(width, 4 * width), layer(4 * width, width)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width / self.heads)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        weights = torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
        return self.out(torch.matmul(weights, v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(self.norm_attention(x))
        return x + self.contract(F.gelu(self.expand(self.norm_network(x))))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    x = torch.randn(shape["batch"], shape["length"], shape["width"])
    x[:, ::8] *= 3e-3  # a variance near the first norm's eps, which decides there
    return [x]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["heads"]]
