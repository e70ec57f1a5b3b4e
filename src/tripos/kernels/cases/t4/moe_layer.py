"""Mixture of experts: each token goes through the SwiGLU networks of its two best experts, weighted and summed.

The router's scores are an input; scores of a token lie apart, so that rounding cannot change the choice. Weights are a softmax over the
two chosen scores. Source: Jiang et al., "Mixtral of Experts", 2024.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"tokens": 96, "width": 96, "hidden": 160, "experts": 8},
    "gpu": {"tokens": 4096, "width": 2048, "hidden": 1408, "experts": 16},
    "odd": {"tokens": 29, "width": 96, "hidden": 160, "experts": 8},
}


class Model(nn.Module):
    def __init__(self, width: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(experts, hidden, width) * width**-0.5)
        self.up = nn.Parameter(torch.randn(experts, hidden, width) * width**-0.5)
        self.down = nn.Parameter(2.0 * torch.randn(experts, width, hidden) * hidden**-0.5)

    def forward(self, x: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        top, chosen = torch.topk(scores, 2, dim=-1)
        share = torch.softmax(top, dim=-1)
        y = torch.zeros_like(x)
        for expert in range(self.gate.shape[0]):
            token, rank = torch.where(chosen == expert)
            inner = F.silu(F.linear(x[token], self.gate[expert])) * F.linear(x[token], self.up[expert])
            y[token] += share[token, rank].unsqueeze(-1) * F.linear(inner, self.down[expert])
        return y


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    tokens, experts = shape["tokens"], shape["experts"]
    rank = torch.rand(tokens, experts).argsort(dim=-1)
    scores = 4.0 * (rank + 0.5 * torch.rand(tokens, experts)) / experts
    return [torch.randn(tokens, shape["width"]), scores]


def get_init_inputs(size: str = "cpu") -> list[int]:
    shape = SIZES[size]
    return [shape["width"], shape["hidden"], shape["experts"]]
