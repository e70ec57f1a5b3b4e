"""A C++ extension by torch's own builder (g++ and ninja).

Case: t1/gelu
"""

import torch
from torch import nn
from torch.utils.cpp_extension import load_inline

SOURCE = """
#include <torch/extension.h>
#include <cmath>
torch::Tensor gelu(torch::Tensor x) {
    auto y = torch::empty_like(x);
    const float *in = x.data_ptr<float>();
    float *out = y.data_ptr<float>();
    for (int64_t i = 0; i < x.numel(); i++) out[i] = 0.5f * in[i] * (1.0f + std::erf(in[i] * 0.70710678f));
    return y;
}
"""
module = load_inline("gelu_extension", SOURCE, functions=["gelu"], extra_cflags=["-O1"])


class ModelNew(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return module.gelu(x)
