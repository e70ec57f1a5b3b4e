"""Bidirectional gated recurrent unit over a sequence: forward and backward outputs side by side.

r = sigmoid(Wr x + Rr h + ..); z = sigmoid(Wz x + Rz h + ..); n = tanh(Wn x + b + r (Rn h + c)); h = (1 - z) n + z h, from h = 0.
Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "length": 16, "width": 64, "hidden": 64},
    "gpu": {"batch": 128, "length": 256, "width": 1024, "hidden": 1024},
    "odd": {"batch": 3, "length": 13, "width": 64, "hidden": 64},
}


class Direction(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(1.5 * torch.randn(3 * hidden, width) * width**-0.5)
        self.recurrent = nn.Parameter(1.5 * torch.randn(3 * hidden, hidden) * hidden**-0.5)
        self.bias = nn.Parameter(0.5 * torch.randn(3 * hidden))
        self.recurrent_bias = nn.Parameter(0.5 * torch.randn(3 * hidden))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = x.new_zeros(x.shape[0], self.recurrent.shape[1])
        outputs = []
        for t in range(x.shape[1]):
            reset, update, new = F.linear(x[:, t], self.weight, self.bias).chunk(3, dim=-1)
            reset_h, update_h, new_h = F.linear(hidden, self.recurrent, self.recurrent_bias).chunk(3, dim=-1)
            candidate = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
            share = torch.sigmoid(update + update_h)
            hidden = (1.0 - share) * candidate + share * hidden
            outputs.append(hidden)
        return torch.stack(outputs, dim=1)


class Model(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ahead, self.back = Direction(width, hidden), Direction(width, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.ahead(x), self.back(x.flip(1)).flip(1)], dim=-1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["length"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["hidden"]]
