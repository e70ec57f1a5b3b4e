"""A kernel in C with OpenMP, compiled where it runs, called through ctypes.

Case: t1/rms_norm_bfloat16
"""

import ctypes
import subprocess

import torch
from torch import nn

SOURCE = r"""
#include <math.h>
#include <omp.h>
void rms_norm(const unsigned short *x, const unsigned short *gain, unsigned short *y, long rows, long width, float eps) {
    #pragma omp parallel for
    for (long row = 0; row < rows; row++) {
        const unsigned short *in = x + row * width;
        float sum = 0.0f;
        for (long i = 0; i < width; i++) { union { unsigned u; float f; } v = {(unsigned)in[i] << 16}; sum += v.f * v.f; }
        float root = sqrtf(sum / width + eps);
        for (long i = 0; i < width; i++) {
            union { unsigned u; float f; } v = {(unsigned)in[i] << 16}, g = {(unsigned)gain[i] << 16}, r;
            r.f = v.f / root * g.f;
            y[row * width + i] = (unsigned short)((r.u + 0x7fff + ((r.u >> 16) & 1)) >> 16);
        }
    }
}
"""
with open("kernel.c", "w") as file:
    file.write(SOURCE)
subprocess.run(["gcc", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "kernel.c", "-o", "kernel.so", "-lm"], check=True)
library = ctypes.CDLL("./kernel.so")


class ModelNew(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter((1.0 + 0.3 * torch.randn(width)).to(torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty_like(x)
        at = [ctypes.c_void_p(each.data_ptr()) for each in (x, self.gain, y)]
        library.rms_norm(*at, ctypes.c_long(x.numel() // x.shape[-1]), ctypes.c_long(x.shape[-1]), ctypes.c_float(1e-6))
        return y
