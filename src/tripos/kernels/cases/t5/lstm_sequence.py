"""Long short-term memory over a sequence: returns all outputs and, nested, the last hidden and cell state.

(i, f, g, o) = W x_t + R h + b; c = sigmoid(f) c + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c). Returns (outputs, (h, c)).
Source: Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 8, "length": 24, "width": 96, "hidden": 96},
    "gpu": {"batch": 128, "length": 512, "width": 1024, "hidden": 1024},
    "odd": {"batch": 3, "length": 19, "width": 96, "hidden": 96},
}


class Model(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(1.5 * torch.randn(4 * hidden, width) * width**-0.5)
        self.recurrent = nn.Parameter(1.5 * torch.randn(4 * hidden, hidden) * hidden**-0.5)
        self.bias = nn.Parameter(0.5 * torch.randn(4 * hidden))

    def forward(self, x: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        outputs = []
        for t in range(x.shape[1]):
            gates = F.linear(x[:, t], self.weight, self.bias) + F.linear(hidden, self.recurrent)
            into, keep, candidate, out = gates.chunk(4, dim=-1)
            cell = torch.sigmoid(keep) * cell + torch.sigmoid(into) * torch.tanh(candidate)
            hidden = torch.sigmoid(out) * torch.tanh(cell)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, cell)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    batch, hidden = shape["batch"], shape["hidden"]
    x = torch.randn(batch, shape["length"], shape["width"])
    return [x, torch.tanh(torch.randn(batch, hidden)), torch.randn(batch, hidden)]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["hidden"]]
