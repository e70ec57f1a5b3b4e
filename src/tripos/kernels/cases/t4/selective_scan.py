"""Selective state-space scan: an input-dependent recurrence with a hidden state for each channel, read out at every step.

h_t = exp(delta_t A) h_(t-1) + delta_t B_t x_t; y_t = C_t h_t + D x_t, with delta = softplus(raw + bias) and A negative.
Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023, algorithm 2.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "length": 64, "channels": 128, "states": 16},
    "gpu": {"batch": 8, "length": 1024, "channels": 2048, "states": 16},
    "odd": {"batch": 3, "length": 37, "channels": 128, "states": 16},
}


class Model(nn.Module):
    def __init__(self, channels: int, states: int) -> None:
        super().__init__()
        self.log_decay = nn.Parameter(torch.log(0.5 + 3.5 * torch.rand(channels, states)))
        self.skip = nn.Parameter(torch.randn(channels))
        self.step_bias = nn.Parameter(torch.rand(channels) - 2.0)

    def forward(self, x: torch.Tensor, step: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        decay = -torch.exp(self.log_decay)
        delta = F.softplus(step + self.step_bias)
        state = x.new_zeros(x.shape[0], *decay.shape)
        outputs = []
        for t in range(x.shape[1]):
            d = delta[:, t].unsqueeze(-1)
            state = torch.exp(d * decay) * state + d * b[:, t].unsqueeze(1) * x[:, t].unsqueeze(-1)
            outputs.append((state * c[:, t].unsqueeze(1)).sum(dim=-1))
        return torch.stack(outputs, dim=1) + self.skip * x


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, length, channels, states = shape["batch"], shape["length"], shape["channels"], shape["states"]
    x = torch.randn(batch, length, channels)
    step = torch.randn(batch, length, channels)
    return [x, step, torch.randn(batch, length, states), torch.randn(batch, length, states)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["channels"], SIZES[size]["states"]]
