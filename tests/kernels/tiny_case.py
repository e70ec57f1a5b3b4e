"""A kernel problem of microseconds, and answers to it."""

from __future__ import annotations

from pathlib import Path

CASE = '''"""Scale and shift."""
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))

    def forward(self, x):
        return x * self.weight + 1.0


def get_inputs():
    return [torch.randn(64, 32)]


def get_init_inputs():
    return [32]
'''
HEAD = """import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width))

    def forward(self, x):
"""
RIGHT = HEAD + "        return torch.addcmul(torch.ones_like(x), x, self.weight)\n"
WRONG = HEAD + "        return x * self.weight\n"
CRASH = HEAD + "        raise ValueError('not today')\n"


def case_directory(root: Path, *names: str) -> Path:
    """A directory of cases, all the same problem: `t1/scale`, …"""
    for name in names:
        file = root / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CASE)
    return root


def submission(root: Path, **solutions: str) -> Path:
    """A submission: `t1__scale=RIGHT` becomes `t1/scale.py`."""
    for name, code in solutions.items():
        file = root / (name.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return root
