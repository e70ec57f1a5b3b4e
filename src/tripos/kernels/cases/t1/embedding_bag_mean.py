"""Mean of a bag of embedding rows: integer indices into a learned table, averaged per bag.

y_b = (1 / k) sum_j table[index_bj].
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"entries": 5000, "width": 128, "bags": 1536, "bag_size": 8},
    "gpu": {"entries": 500000, "width": 256, "bags": 65536, "bag_size": 16},
    "odd": {"entries": 5000, "width": 128, "bags": 77, "bag_size": 5},
}


class Model(nn.Module):
    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(entries, width))

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        return self.table[indices].mean(dim=1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randint(0, shape["entries"], (shape["bags"], shape["bag_size"]))]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["entries"], SIZES[size]["width"]]
