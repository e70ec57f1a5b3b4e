"""Looks itself up as libraries do: a data class with postponed annotations, pickled and copied; its own source read.

Case: t1/gelu
"""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Plan:
    rows: int


class ModelNew(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plan = pickle.loads(pickle.dumps(Plan(64)))  # noqa: S301
        assert "class ModelNew" in inspect.getsource(type(self))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        plan = copy.deepcopy(self.plan)
        return torch.cat([nn.functional.gelu(rows) for rows in x.split(plan.rows)])
