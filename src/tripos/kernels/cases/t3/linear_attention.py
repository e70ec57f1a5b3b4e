"""Causal linear attention with the feature map elu(x) + 1, normalised.

y_i = phi(q_i) S_i / (phi(q_i) z_i), S_i = sum_{j<=i} phi(k_j) v_j^T, z_i = sum_{j<=i} phi(k_j).
Source: Katharopoulos et al., "Transformers are RNNs", 2020.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "heads": 4, "length": 224, "width": 32},
    "gpu": {"batch": 4, "heads": 16, "length": 2048, "width": 64},
    "odd": {"batch": 1, "heads": 3, "length": 91, "width": 27},
}


class Model(nn.Module):
    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        q, k = F.elu(q) + 1.0, F.elu(k) + 1.0
        weights = torch.matmul(q, k.transpose(-2, -1)).tril()
        return torch.matmul(weights, v) / weights.sum(dim=-1, keepdim=True)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    dims = (shape["batch"], shape["heads"], shape["length"], shape["width"])
    values = torch.randn(dims) + torch.randn(shape["batch"], shape["heads"], 1, shape["width"])
    return [torch.randn(dims), torch.randn(dims), values]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
