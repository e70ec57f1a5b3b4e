"""First-order linear recurrence along time, with a different decay at every step.

h_t = a_t h_(t-1) + x_t from h_0 given, all t returned. An associative scan with (a, x) o (b, y) = (a b, b x + y) does it in parallel.
Source: Blelloch, "Prefix Sums and Their Applications", 1990.
"""

import torch
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "length": 96, "width": 256},
    "gpu": {"batch": 32, "length": 2048, "width": 2048},
    "odd": {"batch": 3, "length": 61, "width": 253},
}


class Model(nn.Module):
    def forward(self, decay: torch.Tensor, x: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        state, states = start, []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + x[:, t]
            states.append(state)
        return torch.stack(states, dim=1)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, length, width = shape["batch"], shape["length"], shape["width"]
    decay = torch.sigmoid(torch.randn(batch, length, width) + 1.0)
    return [decay, torch.randn(batch, length, width), torch.randn(batch, width)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return []
