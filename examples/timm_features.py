"""The features of an exported encoder, computed by timm and compared with ours.

    cargo run --release                                                          # a run on the bundled digits
    equilayer export runs/latest --to encoder.safetensors
    equilayer features runs/latest --to features.npy --read embedding
    python examples/timm_features.py encoder.safetensors features.npy            # needs timm, torch, safetensors, numpy

Says by how much they differ, and fails above 1e-4. Images are the bundled digits' test split; --images takes others as
a NumPy file of pixels, normalized as in training: (images, channels, height, width).
"""

import argparse
import functools
import gzip
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from timm.models.vision_transformer import VisionTransformer

TOLERANCE = 1e-4
DIGITS = pathlib.Path(__file__).parent.parent / "runtime/data/digits/test-images-idx3-ubyte.gz"


def timm_model(file):
    """timm's vision transformer with the weights of a file, and the block after which its CLS token joins."""
    with safe_open(file, "pt") as weights:
        config = json.loads(weights.metadata()["equilayer.encoder"])
        tensors = {name: weights.get_tensor(name) for name in weights.keys()}
    model = VisionTransformer(
        img_size=config["image"],
        patch_size=config["patch"],
        in_chans=config["channels"],
        num_classes=0,
        embed_dim=config["width"],
        depth=config["depth"],
        num_heads=config["heads"],
        mlp_ratio=config["mlp_ratio"],
        norm_layer=functools.partial(torch.nn.LayerNorm, eps=config["norm_eps"]),
    )
    model.load_state_dict(tensors)  # strict: every name and shape is timm's
    return model.eval(), config["cls_after"]


def embeddings(model, cls_after, images):
    """The final CLS token. timm lets it join at the input; a delayed one goes through its blocks by hand."""
    if cls_after == 0:
        return model(images)
    tokens = model.patch_embed(images) + model.pos_embed[:, 1:]
    tokens = model.blocks[:cls_after](tokens)
    cls = (model.cls_token + model.pos_embed[:, :1]).expand(len(images), -1, -1)
    return model.norm(model.blocks[cls_after:](torch.cat([cls, tokens], dim=1)))[:, 0]


def digits():
    """The test split, normalized by the digits' mean and deviation."""
    with gzip.open(DIGITS) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return (pixels.astype(np.float32) / 255 - 0.1307) / 0.3081


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="what `equilayer export` wrote")
    parser.add_argument("features", help="what `equilayer features --read embedding` wrote")
    parser.add_argument("--images", help="pixels as a NumPy file; the bundled digits if not given")
    arguments = parser.parse_args()
    images = np.load(arguments.images) if arguments.images else digits()
    ours = np.load(arguments.features)
    model, cls_after = timm_model(arguments.weights)
    with torch.inference_mode():
        parts = torch.from_numpy(images.astype(np.float32)).split(256)
        theirs = torch.cat([embeddings(model, cls_after, part) for part in parts]).numpy()
    if theirs.shape != ours.shape:
        sys.exit(f"timm gives features of shape {theirs.shape}, {arguments.features} has {ours.shape}")
    difference = float(np.abs(theirs - ours).max())
    print(f"{len(ours)} images, features of width {ours.shape[1]}: the largest difference is {difference:.2e}")
    if not difference < TOLERANCE:
        sys.exit(f"that is more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
