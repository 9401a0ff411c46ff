"""MoCo v3's views of JPEG files: equilayer's loader beside torchvision on PIL, on the same files in turn.

    pip install -r benches/compare/requirements.txt torchvision pillow
    python benches/compare/loader.py [--folder IMAGES] [--images 300] [--rounds 5]

Without a folder of your own, images of 500 × 375 pixels with the spectrum of photographs are written at quality 90. One
thread each, decoding included; 1 view an image, then 2.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from PIL import Image, ImageFilter
from torchvision import transforms

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Blur:
    """A Gaussian blur of the image as it is, as MoCo v3 has it: sigma uniform in (0.1, 2)."""

    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(radius=0.1 + 1.9 * torch.rand(()).item()))


def view(blur, solarize):
    chance = [transforms.RandomApply([Blur()], p=blur)]
    chance += [transforms.RandomSolarize(128, p=solarize)] if solarize else []
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(224, scale=(0.08, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            *chance,
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )


def photograph(generator):
    """Noise with a photograph's 1/f spectrum, in colours that go together."""
    height, width = 375, 500
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    noise = torch.randn(3, height, width, generator=generator)
    noise = 0.8 * noise[:1] + 0.3 * noise
    pixels = torch.fft.irfft2(torch.fft.rfft2(noise) / frequency.clamp(min=1 / width) ** 1.1, s=(height, width))
    pixels = 127 + 55 * (pixels - pixels.mean()) / pixels.std()
    return Image.fromarray(pixels.clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy())


def write(folder, images):
    generator = torch.Generator().manual_seed(0)
    for index in range(images):
        photograph(generator).save(folder / f"{index:05}.jpg", quality=90)


def torchvision_rate(files, views):
    pipelines = [view(1.0, 0.0), view(0.1, 0.2)][:views]
    start = time.perf_counter()
    for file in files:
        image = Image.open(file).convert("RGB")
        _ = [pipeline(image) for pipeline in pipelines]
    return len(files) / (time.perf_counter() - start)


def equilayer_rates(folder):
    binary = str(ROOT / "target/release/equilayer")
    command = [binary, "bench", "--images", str(folder), "--threads", "1", "--steps", "1", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {record["views"]: record["img_s"] for record in records}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or pathlib.Path(scratch)
        if arguments.folder is None:
            write(folder, arguments.images)
        files = sorted(folder.rglob("*.jpg")) + sorted(folder.rglob("*.JPEG"))
        size = statistics.mean(file.stat().st_size for file in files) / 1024
        print(f"{len(files)} files of {size:.0f} KiB in the mean, one thread, {arguments.rounds} rounds")
        found = {1: [], 2: []}
        for _ in range(arguments.rounds):
            ours = equilayer_rates(folder)
            for views, rates in found.items():
                rates.append((ours[views], torchvision_rate(files, views)))
    for views, rates in found.items():
        ours, theirs = (statistics.median(column) for column in zip(*rates))
        ratios = sorted(own / other for own, other in rates)
        print(
            f"{views} views: equilayer {ours:.0f} images/s, torchvision {theirs:.0f}; ratio min {ratios[0]:.2f}, "
            f"median {statistics.median(ratios):.2f}, max {ratios[-1]:.2f}"
        )


if __name__ == "__main__":
    main()
