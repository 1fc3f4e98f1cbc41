"""Occlusion of one image, patches of 15 pixels at a stride of 5: Captum's against incremental inference.

Needs nothing but the environment. ResNet18 has random weights (the arithmetic, and so the time, is that of the real
ones, which do not come with a package), EfficientNet-Lite0 its ImageNet weights. Captum computes the map of one class,
ours those of all classes in the same run. Captum takes a minute an image: one pair is the default. Targets on two
threads, ResNet18: 6x Captum's default and 5x its best batch in fp32, with effects that differ by 1e-5 of the largest
output at most; 9x and 7.5x in bf16. Runs on CUDA where there is one.
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
        return [row for backbone in BACKBONES for row in compare(backbone, pairs, threads, side)]
    finally:
        torch.set_num_threads(before)


def compare(backbone, pairs, threads, side):
    """The rows of one network: fp32 and bf16, each against both of Captum's batches."""
    device = resolve_device("auto")
    start, normal = network_of(backbone)
    network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(0))
    network = network.to(device).eval()
    image = torch.from_numpy(films(1, side)[0]).to(device)
    inputs = transforms.normalise(image.float()[:, None], *normal)
    methods = {name: lambda batch=batch: published(network, inputs, batch) for name, batch in BATCHES.items()}
    methods |= {name: lambda name=name: ours(network, backbone, inputs, name) for name in ("fp32", "bf16")}
    seconds, made = {name: [] for name in methods}, {}
    for _ in range(pairs):
        for name, compute in methods.items():
            begun = time.perf_counter()
            made[name] = compute()
            seconds[name].append(time.perf_counter() - begun)
    check(backbone, made, network, inputs)
    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    where = f"cpu, {threads} threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return [
        {
            "step": f"occlusion of a picture of {side}, {backbone}, {precision}, against {name}",
            "published_seconds": median[name],
            "ours_seconds": median[precision],
            "ratio": median[name] / median[precision],
            "pairs": pairs,
            "device": where,
        }
        for precision in ("fp32", "bf16")
        for name in BATCHES
    ]


def published(network, inputs, batch):
    """Captum's map (side, side) of the target class."""
    windows = {"sliding_window_shapes": (3, PATCH, PATCH), "strides": (3, STRIDE, STRIDE)}
    found = Occlusion(network).attribute(inputs, target=TARGET, perturbations_per_eval=batch, **windows)
    return found[0, 0].cpu().numpy()


def ours(network, backbone, inputs, precision):
    """Our map (side, side) of the same class; those of all other classes are computed with it."""
    settings = maps.AttributionSettings(PATCH, STRIDE, precision=precision)
    hidden, original = occlusion.occlude(network, backbone, inputs, settings)
    effects = original[:, None, None] - hidden
    return maps.windows_to_pixels(effects[0, :, :, TARGET], inputs.shape[-1], PATCH, STRIDE)


def check(backbone, made, network, inputs):
    """Print the difference of our maps from Captum's; AssertionError where that of fp32 is too large."""
    with torch.inference_mode():
        largest = float(network(inputs).abs().max())
    expected = made["Captum's default"]
    strongest = np.abs(expected) >= np.quantile(np.abs(expected), 0.9)
    for precision in ("fp32", "bf16"):
        difference = float(np.abs(made[precision] - expected).max()) / largest
        same = (np.abs(made[precision])[strongest] >= np.quantile(np.abs(made[precision]), 0.9)).mean()
        correlation = np.corrcoef(made[precision].ravel(), expected.ravel())[0, 1]
        print(
            f"{backbone} {precision}: largest difference {difference:.1e} of the largest output (largest effect "
            f"{np.abs(expected).max() / largest:.1e}); correlation {correlation:.5f}; of the strongest tenth of the "
            f"pixels {same:.1%} are the same",
            flush=True,
        )
        if precision == "fp32" and difference >= DEVIATION:
            raise AssertionError(f"{backbone}: fp32 effects differ by {difference:.1e} from Captum's")


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
