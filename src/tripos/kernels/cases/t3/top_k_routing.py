"""Top-k routing of tokens to experts: chosen experts, their weights, and each choice's place in its expert's queue.

weights = softmax over the k chosen scores; place = how many earlier choices, in (token, rank) order, went to the same expert.
Scores of a token lie at least 2 / experts apart, so that rounding cannot change the choice.
Source: Fedus, Zoph and Shazeer, "Switch Transformers", 2021 (queues with positions).
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"tokens": 2048, "experts": 32, "k": 2},
    "gpu": {"tokens": 32768, "experts": 128, "k": 8},
    "odd": {"tokens": 613, "experts": 31, "k": 2},
}


class Model(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        top, expert = torch.topk(scores, self.k, dim=-1)
        weights = torch.softmax(top, dim=-1)
        chosen = torch.nn.functional.one_hot(expert.flatten(), scores.shape[1])
        place = (chosen.cumsum(dim=0) * chosen).sum(dim=-1) - 1
        return expert, weights, place.view_as(expert)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    tokens, experts = shape["tokens"], shape["experts"]
    rank = torch.rand(tokens, experts).argsort(dim=-1)
    return [4.0 * (rank + 0.5 * torch.rand(tokens, experts)) / experts]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["k"]]
