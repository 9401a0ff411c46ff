"""A training step of MoCo v3 (arXiv 2104.02057) with SER (arXiv 2603.06693), written from the equations.

Images are random numbers: decoding and colours are no part of it, the group actions of SER's samples are. Their views
stay on the image's own grid.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from models import Vit, head

CONFIGS = {
    "vit_s": dict(image=224, patch=16, width=384, depth=12, heads=6, hidden=4096),
    "digits": dict(image=28, patch=4, width=192, depth=6, heads=3, hidden=1024),
}
MOMENTUM, TEMPERATURE, DENSE_TEMPERATURE, OUT = 0.99, 0.2, 0.4, 256


class Branch(nn.Module):
    """Encoder and projector. The projector's batch norms see a view's plain and transformed samples together."""

    def __init__(self, image, patch, width, depth, heads, hidden):
        super().__init__()
        self.encoder = Vit(image, patch, width, depth, heads, cls_after=3, frozen_patch_embedding=True)
        self.projector = head([width, hidden, hidden, OUT])

    def forward(self, plain, moved):
        cls, tokens = self.encoder(plain)[0], None
        if moved is not None:
            moved_cls, tokens = self.encoder(moved, tap=True)
            cls = torch.cat([cls, moved_cls])
        return self.projector(cls), tokens


def move(images, turned, flipped, turns, size):
    """A half turn and a flip of each sample's own, resizing, quarter turns of the whole batch; bicubic."""
    images = torch.where(turned.view(-1, 1, 1, 1), images.flip(2, 3), images)
    images = torch.where(flipped.view(-1, 1, 1, 1), images.flip(3), images)
    return F.interpolate(images, size, mode="bicubic").rot90(turns, (2, 3)).contiguous()


def relative(side, turns_from, turns_to):
    """What carries tokens from one view to the other, as a matrix: half turn and flip are complementary, so that they
    leave a flip behind; the unit maps are pushed through."""
    units = torch.eye(side * side).view(-1, 1, side, side)
    units = F.interpolate(units.rot90(2 - turns_from, (2, 3)).flip(3), (side, side), mode="bicubic")
    return units.rot90(turns_to, (2, 3)).reshape(side * side, -1).t().contiguous()


def info_nce(queries, keys):
    scores = F.normalize(queries) @ F.normalize(keys).t() / TEMPERATURE
    return F.cross_entropy(scores, torch.arange(len(scores))) * 2 * TEMPERATURE


def dense_info_nce(anchors, positives):
    """Negatives are the tokens of other samples in both views; every token of both is an anchor once."""
    samples, tokens, _ = anchors.shape
    count = samples * tokens
    z = F.normalize(torch.cat([anchors.flatten(0, 1), positives.flatten(0, 1)]), dim=-1)
    scores = z @ z.t() / DENSE_TEMPERATURE
    sample = torch.arange(samples).repeat_interleave(tokens).repeat(2)
    own = sample[:, None] == sample[None, :]
    anchor = torch.arange(2 * count)
    positive = (anchor + count) % (2 * count)
    own[anchor, positive] = False
    return (scores.masked_fill(own, float("-inf")).logsumexp(1) - scores[anchor, positive]).mean()


class MocoSer:
    """The training step; `samples` of the batch are SER's, 0 is MoCo v3 alone."""

    def __init__(self, config, batch, samples, compiled=False):
        sizes = CONFIGS[config]
        self.samples, self.side = samples, sizes["image"] // sizes["patch"]
        self.student = Branch(**sizes)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.predictor = head([OUT, sizes["hidden"], OUT])
        self.project = nn.Sequential(
            nn.Linear(sizes["width"], 512, False), nn.GELU(), nn.Linear(512, 512, False)
        )
        modules = [self.student, self.predictor] + ([self.project] if samples else [])
        parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.1)
        self.views = torch.randn(2, batch, 3, sizes["image"], sizes["image"])
        compile = (lambda module: torch.compile(module, dynamic=False)) if compiled else (lambda module: module)
        self.run_student, self.run_teacher = compile(self.student), compile(self.teacher)

    def split(self):
        """Each view's plain samples and moved ones, and the quarter turns of both."""
        if not self.samples:
            return [(view, None) for view in self.views], (0, 0)
        crops = self.views[0][-self.samples :]
        turned, flipped = torch.rand(self.samples) < 0.5, torch.rand(self.samples) < 0.5
        turns = torch.randint(4, (2,)).tolist()
        size = crops.shape[-2:]
        moved = [move(crops, turned, flipped, turns[0], size), move(crops, ~turned, ~flipped, turns[1], size)]
        return [(view[: -self.samples], m) for view, m in zip(self.views, moved)], turns

    @torch.no_grad()
    def follow(self):
        student, teacher = list(self.student.parameters()), list(self.teacher.parameters())
        torch._foreach_lerp_(teacher, student, 1 - MOMENTUM)

    def step(self, update=True):
        views, turns = self.split()
        (z0, tokens0), (z1, tokens1) = [self.run_student(*view) for view in views]
        queries = [self.predictor(z0), self.predictor(z1)]
        with torch.no_grad():
            if update:
                self.follow()  # before the keys
            (k0, source0), (k1, source1) = [self.run_teacher(*view) for view in views]
        loss = info_nce(queries[0], k1) + info_nce(queries[1], k0)
        if self.samples:
            there, back = relative(self.side, *turns), relative(self.side, *reversed(turns))
            forth = dense_info_nce(self.project(tokens1), there @ self.project(source0))
            loss = loss + 0.5 * (forth + dense_info_nce(self.project(tokens0), back @ self.project(source1)))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if update:
            self.optimizer.step()
        return loss.item()
