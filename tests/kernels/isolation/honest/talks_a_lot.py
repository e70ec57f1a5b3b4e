"""Prints, warns and logs in every call; writes to standard error; has a finished child process.

Case: t1/gelu
"""

import inspect
import logging
import subprocess
import warnings

import torch
from torch import nn

subprocess.run(["uname", "-a"], check=True, capture_output=True)


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("shape", x.shape, flush=True)
        warnings.warn(f"{float(x[0, 0])}", stacklevel=1)
        logging.getLogger("kernel").warning("a call of %s", inspect.getsource(ModelNew)[:20])
        return nn.functional.gelu(x)
