"""Group normalisation of feature maps followed by SiLU, as in diffusion U-Nets.

Mean and variance over (channels of the group, height, width); y = silu(norm(x) * gain + offset).
Source: Wu and He, "Group Normalization", 2018.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "channels": 64, "groups": 8, "height": 48, "width": 40},
    "gpu": {"batch": 32, "channels": 320, "groups": 32, "height": 64, "width": 64},
    "odd": {"batch": 3, "channels": 64, "groups": 8, "height": 17, "width": 13},
}


class Model(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(channels))
        self.offset = nn.Parameter(torch.randn(channels))
        self.eps = 1e-5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.silu(F.group_norm(x, self.groups, self.gain, self.offset, self.eps))


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    x = torch.randn(shape["batch"], shape["channels"], shape["height"], shape["width"])
    x += torch.randn(shape["batch"], shape["channels"], 1, 1)
    x[:, : shape["channels"] // shape["groups"]] *= 3e-3  # a group with a variance near eps, which decides there
    return [x]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["channels"], SIZES[size]["groups"]]
