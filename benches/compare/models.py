"""The models of the workloads, written from their papers' equations in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Pre-norm transformer block with fused attention (ViT, arXiv 2010.11929)."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        packed = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        attended = F.scaled_dot_product_attention(*packed.permute(2, 0, 3, 1, 4))
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    """Vision transformer whose CLS token joins after block `cls_after`; 0 is the input, where CLS has a position too."""

    def __init__(self, image, patch, width, depth, heads, cls_after=0, frozen_patch_embedding=False):
        super().__init__()
        self.side, self.cls_after = image // patch, cls_after
        self.patch_embed = nn.Conv2d(3, width, patch, patch).requires_grad_(not frozen_patch_embedding)
        self.cls = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        positions = self.side**2 + (cls_after == 0)
        self.positions = nn.Parameter(torch.randn(1, positions, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        # Of the token map that is tapped where CLS joins.
        self.norm_tap = nn.LayerNorm(width, eps=1e-6) if cls_after else None

    def with_cls(self, x):
        return torch.cat([self.cls.expand(len(x), -1, -1), x], 1)

    def forward(self, images, tap=False):
        """The final CLS, and the normalised token map after block `cls_after` if `tap` asks for it."""
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = (x if self.cls_after else self.with_cls(x)) + self.positions
        tokens = None
        for layer, block in enumerate(self.blocks, start=1):
            x = block(x)
            if layer == self.cls_after:
                tokens = self.norm_tap(x) if tap else None
                x = self.with_cls(x)
        return self.norm(x)[:, 0], tokens


def head(widths, plain_batch_norm=True):
    """MoCo v3's heads: linear layers without bias, batch norm and ReLU between, plain batch norm at the end."""
    layers = []
    for index, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers.append(nn.Linear(inputs, outputs, bias=False))
        if index < len(widths) - 2:
            layers += [nn.BatchNorm1d(outputs), nn.ReLU()]
        elif plain_batch_norm:
            layers.append(nn.BatchNorm1d(outputs, affine=False))
    return nn.Sequential(*layers)
