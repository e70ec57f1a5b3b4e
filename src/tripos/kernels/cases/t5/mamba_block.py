"""Mamba block: gated projection, causal depthwise convolution, selective state-space scan, projection back, residual.

(u, z) = W n; c = silu(conv(u)); s = scan(c) with step, B and C projected from c; y = x + O (s * silu(z)).
Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023, section 3.4.
"""

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 1, "length": 48, "width": 64, "states": 8},
    "gpu": {"batch": 8, "length": 512, "width": 1024, "states": 16},
    "odd": {"batch": 3, "length": 31, "width": 64, "states": 8},
}
TAPS = 4


def matrix(outputs: int, inputs: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)


class Model(nn.Module):
    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        inner, rank = 2 * width, max(1, width // 16)
        self.gain = nn.Parameter(1.0 + 0.3 * torch.randn(width))
        self.project_in, self.project_out = matrix(2 * inner, width), matrix(width, inner)
        self.taps, self.taps_bias = nn.Parameter(0.5 * torch.randn(inner, TAPS)), nn.Parameter(0.3 * torch.randn(inner))
        self.project_scan, self.project_step = matrix(rank + 2 * states, inner), matrix(inner, rank)
        self.step_bias = nn.Parameter(torch.rand(inner) - 2.0)
        self.log_decay = nn.Parameter(torch.log(0.5 + 3.5 * torch.rand(inner, states)))
        self.skip = nn.Parameter(0.5 + 0.5 * torch.rand(inner))

    def scan(self, x: torch.Tensor) -> torch.Tensor:
        states = self.log_decay.shape[1]
        step, b, c = F.linear(x, self.project_scan).split([self.project_step.shape[1], states, states], dim=-1)
        delta = F.softplus(F.linear(step, self.project_step, self.step_bias)).unsqueeze(-1)
        decay = torch.exp(-delta * torch.exp(self.log_decay))
        drive = delta * b.unsqueeze(2) * x.unsqueeze(-1)
        state, outputs = torch.zeros_like(decay[:, 0]), []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + drive[:, t]
            outputs.append((state * c[:, t].unsqueeze(1)).sum(dim=-1))
        return torch.stack(outputs, dim=1) + self.skip * x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5) * self.gain
        u, z = F.linear(normed, self.project_in).chunk(2, dim=-1)
        padded = F.pad(u.transpose(1, 2), (TAPS - 1, 0))
        mixed = F.conv1d(padded, self.taps.unsqueeze(1), self.taps_bias, groups=self.taps.shape[0])
        scanned = self.scan(F.silu(mixed.transpose(1, 2)))
        return x + F.linear(scanned * F.silu(z), self.project_out)


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], shape["length"], shape["width"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    return [SIZES[size]["width"], SIZES[size]["states"]]
