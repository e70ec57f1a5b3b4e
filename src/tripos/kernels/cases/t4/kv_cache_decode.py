"""One decoding step with a float16 key-value cache: the new key and value are written in place, then the query attends to what is valid.

Sequence b holds lengths[b] positions; the new entry goes to position lengths[b] and is seen too. Query heads share key heads.
The two caches are changed in place and are compared like outputs. Computed in float32 and rounded once; the tolerance admits
kernels that round the softmax weights to float16.
"""

import math

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "heads": 16, "shared": 4, "capacity": 512, "width": 64},
    "gpu": {"batch": 16, "heads": 32, "shared": 8, "capacity": 4096, "width": 128},
    "odd": {"batch": 3, "heads": 6, "shared": 3, "capacity": 131, "width": 59},
}
TOLERANCE = {"rtol": 0.002, "atol": 0.001}


class Model(nn.Module):
    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, lengths: torch.Tensor
    ) -> torch.Tensor:
        row = torch.arange(q.shape[0], device=q.device)
        keys[row, :, lengths] = k
        values[row, :, lengths] = v
        batch, shared, capacity, width = keys.shape
        wide = torch.promote_types(q.dtype, torch.float32)
        grouped = q.to(wide).view(batch, shared, -1, width)
        scores = torch.matmul(grouped, keys.to(wide).transpose(-2, -1)) / math.sqrt(width)
        beyond = torch.arange(capacity, device=q.device) > lengths.view(-1, 1, 1, 1)
        weights = torch.softmax(scores.masked_fill(beyond, float("-inf")), dim=-1)
        return torch.matmul(weights, values.to(wide)).view_as(q).to(q.dtype)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, shared, capacity, width = shape["batch"], shape["shared"], shape["capacity"], shape["width"]
    q = 2.0 * torch.randn(batch, shape["heads"], width)
    k, v = torch.randn(batch, shared, width), torch.randn(batch, shared, width)
    keys, values = torch.randn(batch, shared, capacity, width), torch.randn(batch, shared, capacity, width)
    # All scores of every eighth head are 100, whatever the order of the sums: exp overflows without the maximum.
    k[..., 0], keys[..., 0], q[:, ::8], q[:, ::8, 0] = 1.0, 1.0, 0.0, 100.0 * math.sqrt(width)
    lengths = torch.randint(capacity // 4, capacity, (batch,))
    return [q.half(), k.half(), v.half(), keys.half(), values.half(), lengths]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
