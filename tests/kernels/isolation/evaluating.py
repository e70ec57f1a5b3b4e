"""Small cases for the tests of the box, and jobs of them."""

from __future__ import annotations

import random
from typing import Any

from tripos.kernels.isolation.box import Job, Timing

GELU = """
import math
import torch
from torch import nn

class Model(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1.0 + torch.erf(x / math.sqrt(2.0)))

def get_inputs(size="cpu"):
    return [torch.randn(192, 1024) if size == "cpu" else torch.randn(37, 509)]

def get_init_inputs():
    return []
"""
NUMBERED = GELU.replace("return 0.5", "return torch.erf(x).abs().mean().item(), 0.5")
NAMED = GELU.replace("return 0.5", "return dict(y=0.5").replace("(2.0)))", "(2.0))))")
PRODUCT = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(512, 256) / 16)

    def forward(self, x):
        return x @ self.weight

def get_inputs(size="cpu"):
    return [torch.randn(256 if size == "cpu" else 37, 512)]

def get_init_inputs():
    return []
"""
WIDE = PRODUCT.replace("512, 256) / 16", "1024, 1024) / 32")  # four megabytes of weights: for one row, reading them is most of the time
ONE_ROW = WIDE.replace('256 if size == "cpu" else 37, 512', "1, 1024")
QUICK = Timing(budget_seconds=0.25, precision=0.05, most_rounds=5)


def job(case: str, solution: str, *, timing: Timing | None = QUICK, deadline_seconds: float = 60.0, **more: Any) -> Job:
    """One core for each side; weights and checked inputs are always the same, timed inputs never."""
    given: dict[str, Any] = {
        "case_source": case,
        "solution_source": solution,
        "input_seed": 7,
        "timing_seed": random.SystemRandom().getrandbits(48),
        "input_sets": ((8, "cpu"), (9, "cpu"), (10, "odd")),
        "size": "cpu",
        "rule": {},
        "threads": 1,
        "device": "cpu",
        "environment": {},
        "deadlines": dict.fromkeys(("load", "build", "check", "measure"), deadline_seconds),
        "timing": timing,
    }
    return Job(**{**given, **more})
