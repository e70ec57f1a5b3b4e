"""Transformer block with a mixture of experts and ReLU routing: an expert counts by how far its router score is above zero.

h = x + attention(norm(x)); y = h + sum_e relu(R norm(h))_e expert_e(norm(h)). The gates are continuous, so no token jumps between experts.
Source: Wang, Zhu and Chen, "ReMoE: Fully Differentiable Mixture-of-Experts with ReLU Routing", 2024.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "length": 64, "width": 96, "heads": 4, "hidden": 128, "experts": 6},
    "gpu": {"batch": 4, "length": 1024, "width": 1024, "heads": 16, "hidden": 1024, "experts": 16},
    "odd": {"batch": 3, "length": 23, "width": 96, "heads": 4, "hidden": 128, "experts": 6},
}


def matrix(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) * shape[-1] ** -0.5)


def rms_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5) * gain


class Model(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.heads = heads
        self.gain_attention = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.gain_experts = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.qkv, self.out = matrix(3 * width, width), matrix(width, width)
        self.router, self.router_bias = matrix(experts, width), nn.Parameter(0.3 * torch.randn(experts) - 0.5)
        self.expand, self.contract = matrix(experts, hidden, width), matrix(experts, width, hidden)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = F.linear(x, self.qkv).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width / self.heads)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        weights = torch.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
        return F.linear(torch.matmul(weights, v).transpose(1, 2).reshape(x.shape), self.out)

    def mix(self, x: torch.Tensor) -> torch.Tensor:
        gates = F.relu(F.linear(x, self.router, self.router_bias))
        y = torch.zeros_like(x)
        for expert in range(gates.shape[-1]):
            token = torch.where(gates[:, expert] > 0)[0]
            inner = F.gelu(F.linear(x[token], self.expand[expert]))
            y[token] += gates[token, expert].unsqueeze(-1) * F.linear(inner, self.contract[expert])
        return y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(rms_norm(x, self.gain_attention))
        normed = rms_norm(x, self.gain_experts)
        return x + self.mix(normed.flatten(0, 1)).view_as(x)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["length"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    shape = SIZES[size]
    return [shape["width"], shape["heads"], shape["hidden"], shape["experts"]]
