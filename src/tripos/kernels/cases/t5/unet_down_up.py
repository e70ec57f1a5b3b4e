"""One level of a U-Net: convolve, halve, convolve, double, join with the skipped features, convolve.

a = silu(gn(conv(x))); b = silu(gn(conv(a, stride 2))); y = x + conv(silu(gn([nearest(b), a]))), the size of b doubled by repetition.
Source: Ronneberger, Fischer and Brox, "U-Net", 2015; group normalisation and SiLU as in Ho et al., 2020. Odd sizes are cropped.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "channels": 16, "height": 32, "width": 32},
    "gpu": {"batch": 16, "channels": 128, "height": 64, "width": 64},
    "odd": {"batch": 3, "channels": 16, "height": 17, "width": 23},
}


class Stage(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        weight = torch.randn(outputs, inputs, 3, 3) * (9 * inputs) ** -0.5
        weight[: outputs // 4] *= 3e-3  # the first group's variance is near the norm's eps, which decides there
        self.weight = nn.Parameter(weight)
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(outputs))
        self.offset = nn.Parameter(0.5 * torch.randn(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.conv2d(x, self.weight, stride=self.stride, padding=1)
        return F.silu(F.group_norm(x, 4, self.gain, self.offset))


class Model(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner, self.down = Stage(channels, 2 * channels, 1), Stage(2 * channels, 4 * channels, 2)
        self.join = Stage(6 * channels, 2 * channels, 1)
        self.out = nn.Parameter(torch.randn(channels, 2 * channels, 3, 3) * (18 * channels) ** -0.5)
        self.bias = nn.Parameter(0.3 * torch.randn(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skipped = self.inner(x)
        low = self.down(skipped)
        height, width = x.shape[-2:]
        raised = low.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)[..., :height, :width]
        joined = self.join(torch.cat([raised, skipped], dim=1))
        return x + F.conv2d(joined, self.out, self.bias, padding=1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["channels"], shape["height"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["channels"]]
