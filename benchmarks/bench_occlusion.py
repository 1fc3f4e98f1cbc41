"""Occlusion of one picture, 15 pixels by 5: Captum's, one and eight windows at a time, against incremental inference.

Needs nothing but the environment. ResNet18 has random weights (the arithmetic, and so the time, is that of the real
ones, which do not come with a package), EfficientNet-Lite0 its ImageNet weights. Captum explains one class, ours all of
them in the same run. Captum takes a minute a picture: one pair is the default. Targets on two threads, ResNet18: 6x
Captum's default and 5x its best batch in fp32, with effects that differ by 1e-5 of the largest output at most; 9x and
7.5x in bf16. Runs on CUDA where there is one.
"""

import statistics
import sys
import time

import numpy as np
import torch
from captum.attr import Occlusion

from benchmarks.bench_training import films, network_of
from micrograph.attribution import maps, occlusion
from micrograph.networks import replace_head, transforms
from micrograph.networks.device import resolve_device

BACKBONES = ("resnet18", "efficientnet_lite0")
CLASSES, TARGET = [900, 950, 1000], 1
PATCH, STRIDE, SIDE = 15, 5, 224
DEVIATION = 1e-5  # of effects, over the largest output, in fp32
BATCHES = {"Captum's default": 1, "Captum's best batch": 8}


def run(pairs=1, threads=2, side=SIDE):
    """Rows of {step, published_seconds, ours_seconds, ratio, pairs, device}: medians over `pairs` alternating runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [row for backbone in BACKBONES for row in compared(backbone, pairs, threads, side)]
    finally:
        torch.set_num_threads(before)


def compared(backbone, pairs, threads, side):
    """The rows of one network: fp32 and bf16, each against both of Captum's batches."""
    device = resolve_device("auto")
    start, normal = network_of(backbone)
    network = (
        replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(0)).to(device).eval()
    )
    shown = torch.from_numpy(films(1, side)[0]).to(device)
    colour = transforms.normalise(shown.float()[:, None], *normal)
    ways = {name: lambda batch=batch: published(network, colour, batch) for name, batch in BATCHES.items()}
    ways |= {kind: lambda kind=kind: ours(network, backbone, colour, kind) for kind in ("fp32", "bf16")}
    seconds, maps = {way: [] for way in ways}, {}
    for _ in range(pairs):
        for way, compute in ways.items():
            begun = time.perf_counter()
            maps[way] = compute()
            seconds[way].append(time.perf_counter() - begun)
    judge(backbone, maps, network, colour)
    middle = {way: statistics.median(taken) for way, taken in seconds.items()}
    where = f"cpu, {threads} threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return [
        {
            "step": f"occlusion of a picture of {side}, {backbone}, {kind}, against {name}",
            "published_seconds": middle[name],
            "ours_seconds": middle[kind],
            "ratio": middle[name] / middle[kind],
            "pairs": pairs,
            "device": where,
        }
        for kind in ("fp32", "bf16")
        for name in BATCHES
    ]


def published(network, colour, batch):
    """Captum's map (side, side) of the target class."""
    windows = {"sliding_window_shapes": (3, PATCH, PATCH), "strides": (3, STRIDE, STRIDE)}
    found = Occlusion(network).attribute(colour, target=TARGET, perturbations_per_eval=batch, **windows)
    return found[0, 0].cpu().numpy()


def ours(network, backbone, colour, precision):
    """Our map (side, side) of the same class; those of all other classes are made with it."""
    hidden, untouched = occlusion.occlude(network, backbone, colour, patch=PATCH, stride=STRIDE, precision=precision)
    effects = untouched[:, None, None] - hidden
    return maps.spread(effects[0, :, :, TARGET], colour.shape[-1], PATCH, STRIDE)


def judge(backbone, maps, network, colour):
    """Say how far our maps are from Captum's; AssertionError where those of fp32 are too far."""
    with torch.inference_mode():
        largest = float(network(colour).abs().max())
    truth = maps["Captum's default"]
    strongest = np.abs(truth) >= np.quantile(np.abs(truth), 0.9)
    for kind in ("fp32", "bf16"):
        found = float(np.abs(maps[kind] - truth).max()) / largest
        same = (np.abs(maps[kind])[strongest] >= np.quantile(np.abs(maps[kind]), 0.9)).mean()
        correlation = np.corrcoef(maps[kind].ravel(), truth.ravel())[0, 1]
        print(
            f"{backbone} {kind}: largest difference {found:.1e} of the largest output (largest effect "
            f"{np.abs(truth).max() / largest:.1e}); correlation {correlation:.5f}; of the strongest tenth of the "
            f"pixels {same:.1%} are the same",
            flush=True,
        )
        if kind == "fp32" and found >= DEVIATION:
            raise AssertionError(f"{backbone}: fp32 effects differ by {found:.1e} from Captum's")


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
