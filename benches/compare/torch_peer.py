"""One workload in PyTorch; prints a line of JSON with the fields of `equilayer bench --json`."""

import argparse
import json
import resource
import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from models import Vit
from moco_ser import MocoSer

BATCH = {"vit_s": 16, "digits": 128, "vit_s_step": 16, "vit_s_forward": 16}


class VitStep:
    """ViT-S/16 alone: the mean square of CLS, backward, AdamW."""

    def __init__(self, batch, compiled):
        self.model = Vit(image=224, patch=16, width=384, depth=12, heads=6)
        self.run = torch.compile(self.model) if compiled else self.model
        self.images = torch.randn(batch, 3, 224, 224)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.1)

    def step(self, update=True):
        self.optimizer.zero_grad()
        loss = self.run(self.images)[0].square().mean()
        loss.backward()
        if update:
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def forward(self, update=True):
        return self.run(self.images)[0].square().mean().item()


def prepare(workload, batch, samples, compiled):
    if workload in ("vit_s", "digits"):
        return MocoSer(workload, batch, samples, compiled).step
    steps = VitStep(batch, compiled)
    return steps.step if workload == "vit_s_step" else steps.forward


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workload", choices=BATCH, required=True)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--ser", choices=["on", "off"], default="on")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    batch = arguments.batch or BATCH[arguments.workload]
    has_method = arguments.workload in ("vit_s", "digits")
    samples = max(2, round(0.01 * batch)) if has_method and arguments.ser == "on" else 0
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    step = prepare(arguments.workload, batch, samples, arguments.compile)
    for _ in range(2):  # the first compiles, the second has its memory
        step()
    times = []
    for _ in range(arguments.steps):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    rss_mb = peak_mb()
    with FlopCounterMode(display=False) as counter:
        prepare(arguments.workload, batch, samples, False)(update=False)
    median, gflop = statistics.median(times), counter.get_total_flops() / 1e9
    result = dict(
        peer="torch compiled" if arguments.compile else "torch",
        workload=arguments.workload,
        batch=batch,
        n_eq=samples,
        steps=arguments.steps,
        ms=1e3 * median,
        min_ms=1e3 * min(times),
        max_ms=1e3 * max(times),
        img_s=batch / median,
        gflop=gflop,
        gflops=gflop / median,
        rss_mb=rss_mb,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
