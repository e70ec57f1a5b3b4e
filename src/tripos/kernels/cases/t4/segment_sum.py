"""Sum of the rows of each contiguous segment, segments of very different length.

Row r belongs to segment s where offsets[s] <= r < offsets[s + 1]; no segment is empty. A column is either positive or negative,
so that sums do not cancel. The tolerance admits adding one row after the other.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"rows": 16384, "width": 64, "segments": 256},
    "gpu": {"rows": 1000000, "width": 128, "segments": 8192},
    "odd": {"rows": 1013, "width": 61, "segments": 37},
}
TOLERANCE = {"rtol": 0.00001, "atol": 0.0001}


class Model(nn.Module):
    def forward(self, values: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        return torch.segment_reduce(values, "sum", lengths=offsets.diff(), axis=0)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    rows, width, segments = shape["rows"], shape["width"], shape["segments"]
    values = (0.2 + torch.rand(rows, width)) * torch.where(torch.rand(width) < 0.5, -1.0, 1.0)
    inner = torch.randperm(rows - 1)[: segments - 1].sort().values + 1
    return [values, torch.cat([torch.tensor([0]), inner, torch.tensor([rows])])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
