"""Start of a vision transformer: patches to tokens, a class token and positions, one encoder block, class token read out.

tokens = [class, E patches + b] + positions; h = t + attention(norm(t)); y = h + network(norm(h)). Returns (scores, tokens), the
scores from the class token. Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2020.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "cpu": {"batch": 2, "patch": 8, "side": 64, "width": 96, "heads": 4, "classes": 100},
    "gpu": {"batch": 128, "patch": 16, "side": 224, "width": 768, "heads": 12, "classes": 1000},
    "odd": {"batch": 3, "patch": 8, "side": 64, "width": 96, "heads": 4, "classes": 100},
}


def layer(inputs: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=inputs**-0.5)
    nn.init.normal_(linear.bias, std=0.3)
    return linear


def norm(width: int) -> nn.LayerNorm:
    module = nn.LayerNorm(width)
    nn.init.normal_(module.weight, mean=1.0, std=0.3)
    nn.init.normal_(module.bias, std=0.3)
    return module


class Model(nn.Module):
    def __init__(self, patch: int, side: int, width: int, heads: int, classes: int) -> None:
        super().__init__()
        self.patch, self.heads = patch, heads
        self.embed = layer(3 * patch * patch, width)
        self.first = nn.Parameter(3e-3 * torch.randn(1, 1, width))
        positions = 0.5 * torch.randn(1, (side // patch) ** 2 + 1, width)
        positions[:, 0] *= 6e-3  # the class token's variance is near the norm's eps, which decides there
        self.positions = nn.Parameter(positions)
        self.norm_attention, self.norm_network = norm(width), norm(width)
        self.qkv, self.out = layer(width, 3 * width), layer(width, width)
        self.expand, self.contract = layer(width, 4 * width), layer(4 * width, width)
        self.score = layer(width, classes)

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(width / self.heads)
        return self.out(torch.matmul(torch.softmax(scores, dim=-1), v).transpose(1, 2).reshape(x.shape))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        patches = F.unfold(image, self.patch, stride=self.patch).transpose(1, 2)
        tokens = torch.cat([self.first.expand(image.shape[0], -1, -1), self.embed(patches)], dim=1) + self.positions
        tokens = tokens + self.attend(self.norm_attention(tokens))
        tokens = tokens + self.contract(F.gelu(self.expand(self.norm_network(tokens))))
        return self.score(tokens[:, 0]), tokens


def get_inputs(size: str = "cpu") -> list[torch.Tensor]:
    shape = SIZES[size]
    return [torch.randn(shape["batch"], 3, shape["side"], shape["side"])]


def get_init_inputs(size: str = "cpu") -> list[int]:
    shape = SIZES[size]
    return [shape["patch"], shape["side"], shape["width"], shape["heads"], shape["classes"]]
