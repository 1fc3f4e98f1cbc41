"""Features of all blocks: four single-picture passes a picture, as published, against one pass over batches.

Needs nothing but the environment. ResNet18 runs with random weights (the arithmetic, and so the time, is that of the
real ones, which do not come with a package); EfficientNet-Lite0 with its ImageNet weights. The pictures are smooth
random fields. Targets on two threads, ResNet18: 5x in fp32 with a deviation below 5e-6, 9x in bf16.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from micrograph.networks import backbones, checkpoints, features
from micrograph.retrieval import weights

# Largest difference over largest value, fp32. EfficientNet's linear bottlenecks double the rounding of the plain pass.
DEVIATIONS = {"resnet18": 5e-6, "efficientnet_lite0": 1e-5}


def run(pairs=3, pictures=262, threads=2):
    """Rows of {step, published_seconds, ours_seconds, ratio, pairs, device}: medians over `pairs` alternating runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [row for backbone in DEVIATIONS for row in compared(backbone, films(pictures), pairs)]
    finally:
        torch.set_num_threads(before)


def compared(backbone, images, pairs):
    """The rows of one backbone: fp32 and bf16 against the same published runs."""
    network, modules = network_of(backbone), backbones.get(backbone).blocks
    mean, std = backbones.normalisation(backbone, "imagenet")
    ways = {
        "published": lambda: published(network, backbone, images, mean, std),
        "fp32": lambda: features.extract(network, modules, images, mean, std),
        "bf16": lambda: features.extract(network, modules, images, mean, std, precision="bf16"),
    }
    seconds, results = {way: [] for way in ways}, {}
    for _ in range(pairs):
        for way, compute in ways.items():
            start = time.perf_counter()
            results[way] = compute()
            seconds[way].append(time.perf_counter() - start)
    for way in ("fp32", "bf16"):
        found = {block: deviation(results[way][block], results["published"][block]) for block in modules}
        print(f"{backbone} {way}: deviation " + ", ".join(f"{block} {part:.1e}" for block, part in found.items()))
        if way == "fp32" and max(found.values()) >= DEVIATIONS[backbone]:
            raise AssertionError(f"{backbone}: fp32 features deviate by {max(found.values()):.1e} from the plain pass")
    return [
        {
            "step": f"features of {len(images)} pictures, {backbone}, {way}",
            "published_seconds": statistics.median(seconds["published"]),
            "ours_seconds": statistics.median(seconds[way]),
            "ratio": statistics.median(seconds["published"]) / statistics.median(seconds[way]),
            "pairs": pairs,
            "device": f"cpu, {torch.get_num_threads()} threads",
        }
        for way in ("fp32", "bf16")
    ]


def published(network, backbone, images, mean, std):
    """The plain way: for every block a sub-network up to it, fed one picture at a time. {block: (n, width)}."""
    parts = dict(zip(backbones.get(backbone).blocks, PARTS[backbone](network), strict=True))
    mean, std = (torch.tensor(part).reshape(1, 3, 1, 1) for part in (mean, std))
    rows = {block: [] for block in parts}
    with torch.no_grad():
        for block, part in parts.items():
            for image in images:
                colour = torch.from_numpy(image).float().expand(1, 3, -1, -1) / 255
                rows[block].append(part((colour - mean) / std).flatten().numpy())
    return {block: np.stack(values) for block, values in rows.items()}


def resnet_parts(network):
    """ResNet18 up to layer2, layer3, layer4 and the pool."""
    steps = list(network.children())
    return [nn.Sequential(*steps[:end]) for end in (6, 7, 8, 9)]


def efficientnet_parts(network):
    """EfficientNet-Lite0 up to its third, fifth and last stage and the pool."""
    tail = [network.conv_head, network.bn2, network.global_pool]
    steps = [network.conv_stem, network.bn1, *network.blocks, *tail]
    return [nn.Sequential(*steps[:end]) for end in (5, 7, 9, 12)]


PARTS = {"resnet18": resnet_parts, "efficientnet_lite0": efficientnet_parts}


def network_of(backbone):
    """ResNet18 with seeded random weights, EfficientNet-Lite0 with those of its package."""
    torch.manual_seed(0)
    if backbone == "resnet18":
        return backbones.build(backbone).eval()
    with tempfile.TemporaryDirectory() as folder:
        return checkpoints.load(backbone, weights.retrieve(backbone, "imagenet", Path(folder) / "weights.safetensors"))


def films(count):
    """Smooth random pictures (count, 224, 224) of 8 bits, the same on every machine up to rounding."""
    rng = np.random.default_rng(0)
    fields = (gaussian_filter(rng.standard_normal((224, 224)), 3) for _ in range(count))
    return np.stack([np.clip(128 + 50 * field / field.std(), 0, 255).astype(np.uint8) for field in fields])


def deviation(ours, plain):
    """The largest difference over the largest value."""
    return float(np.abs(ours - plain).max() / np.abs(plain).max())


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
