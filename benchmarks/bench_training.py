"""Fine-tuning: the published loop, picture by picture in float32, against whole batches in fp32 and in bf16.

The published loop turns, mirrors and normalises every picture with PIL and torchvision inside a DataLoader without
workers, keeps channels first and steps with plain Adam, after the study's code record (none of its code is used). Ours
is training.fit as finetune.py calls it. Same network, batch of 32, pictures and head; ResNet18 has random weights (the
arithmetic, and so the time, is that of the real ones). Targets on two threads: 1.7x in fp32, 3x in bf16; on a GPU 5x.
Runs on CUDA where there is one, and says what part of the card's bf16 peak was used.
"""

import io
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from micrograph.networks import (
    backbones,
    checkpoints,
    depthwise_conv,
    finetune,
    heads,
    pretraining,
    replace_head,
    training,
    transforms,
)
from micrograph.networks.device import resolve_device
from micrograph.networks.training import FitOptions
from micrograph.retrieval import weights

CLASSES, BATCH, RATE = [900, 950, 1000], 32, 1e-4
CASES = (("resnet18", 224), ("efficientnet_lite0", 224), ("efficientnet_lite0", 96))
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # bf16 FLOP a second of the cards' data sheets, dense


def run(pairs=3, steps=2, threads=2):
    """Rows of {step, published_seconds, ours_seconds, ratio, pairs, device}, seconds a picture.

    Medians over `pairs` alternating runs of `steps` batches each (twenty times as many on a GPU), after one to warm up.
    """
    device, before = resolve_device("auto"), torch.get_num_threads()
    steps = steps if device.type == "cpu" else 20 * steps
    torch.set_num_threads(threads)
    try:
        return [row for case in CASES for row in compared(*case, pairs, steps, threads, device)]
    finally:
        torch.set_num_threads(before)


def compared(backbone, pixels, pairs, steps, threads, device):
    """The rows of one network at one picture size: fp32 and bf16 against the same published runs."""
    images, labels = films(BATCH * steps, pixels)
    start, normal = network_of(backbone)
    network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(0))
    work = operations(network, pixels)
    ways = {"published": Published(start, backbone, images, labels, normal, device)}
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
    for name, kind in kinds.items():
        ways[name] = Ours(start, backbone, images, labels, normal, device, kind, threads)
    seconds, losses = {way: [] for way in ways}, {}
    for train in ways.values():
        train(BATCH)
    for _ in range(pairs):
        for way, train in ways.items():
            begun = time.perf_counter()
            losses[way] = train(len(images))
            seconds[way].append((time.perf_counter() - begun) / len(images))
    middle = {way: statistics.median(taken) for way, taken in seconds.items()}
    losses_text = (f"{way} loss {losses[way]:.3f}, {part_of_peak(work / middle[way], device)}" for way in ways)
    print(f"{backbone} at {pixels}: " + "; ".join(losses_text), flush=True)
    where = f"cpu, {threads} threads" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return [
        {
            "step": f"fine-tuning, a picture of {pixels}, {backbone}, {kind}",
            "published_seconds": middle["published"],
            "ours_seconds": middle[kind],
            "ratio": middle["published"] / middle[kind],
            "pairs": pairs,
            "device": where,
        }
        for kind in kinds
    ]


class Pictures(Dataset):
    """Grey pictures as the published loop shows them: one by one, in colour, turned and mirrored with PIL."""

    def __init__(self, images, labels, normal):
        from torchvision import transforms

        self.images, self.labels = images, labels
        self.shown = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomRotation((0, 180)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(*normal),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        return self.shown(np.repeat(self.images[place][:, :, None], 3, 2)), self.labels[place]


class Published:
    """The plain loop; called with a number of pictures it trains on them and returns the mean loss."""

    def __init__(self, start, backbone, images, labels, normal, device):
        self.network = (
            replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(0))
            .to(device)
            .train()
        )
        for module in self.network.modules():
            if hasattr(module, "inplace"):
                module.inplace = True  # as both libraries have it
        self.pictures = Pictures(images, np.searchsorted(CLASSES, labels), normal)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE)
        self.device = device

    def __call__(self, count):
        some = torch.utils.data.Subset(self.pictures, range(count))
        losses = []
        for inputs, targets in DataLoader(some, BATCH, shuffle=True):
            self.optimiser.zero_grad()
            loss = nn.functional.cross_entropy(self.network(inputs.to(self.device)), targets.to(self.device))
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
        return float(np.mean(losses))


class Ours:
    """training.fit as finetune.py calls it, for one epoch; called as Published is."""

    def __init__(self, start, backbone, images, labels, normal, device, kind, threads):
        network = replace_head.replace_head(start, backbone, "nominal", CLASSES, 0.0, np.random.default_rng(0))
        network = depthwise_conv.accelerate(network.to(device, memory_format=torch.channels_last))
        backbones.set_inplace(network)
        self.bundle = training.SingleNetwork(network)
        shown = torch.from_numpy(images).to(device)
        targets = torch.from_numpy(np.searchsorted(CLASSES, labels)).to(device)
        self.images = finetune.Images(shown, targets, *normal)
        self.options, self.rng = FitOptions(RATE, 1, 1, precision=kind, threads=threads), np.random.default_rng(0)

    def __call__(self, count):
        def epoch(number):
            return self.images.batches(self.rng.permutation(count), BATCH, self.rng)

        with redirect_stdout(io.StringIO()):
            curve = training.fit(self.bundle, epoch, None, heads.get("nominal").loss, self.options, self.rng)
        return curve[0]["train_loss"]


def network_of(backbone):
    """(network, (mean, std)): ResNet18 with seeded random weights, EfficientNet-Lite0 with those of its package."""
    normal = pretraining.normalisation(backbone, "imagenet")
    if backbone == "resnet18":
        return pretraining.random_backbone(backbone, np.random.default_rng(0)), normal
    with tempfile.TemporaryDirectory() as folder:
        path = weights.retrieve(backbone, "imagenet", Path(folder) / "weights.safetensors")
        return checkpoints.load(backbone, path), normal


def films(count, pixels):
    """(pictures (count, pixels, pixels) of 8 bits, temperatures (count,)): noise, the smoother the hotter."""
    rng = np.random.default_rng(0)
    labels = rng.choice(CLASSES, count)
    fields = (gaussian_filter(rng.standard_normal((pixels, pixels)), 1 + (label - 900) / 50) for label in labels)
    return np.stack([np.clip(128 + 50 * field / field.std(), 0, 255).astype(np.uint8) for field in fields]), labels


def operations(network, pixels):
    """Floating-point operations of one picture's forward and backward pass, the second counted as two of the first."""
    inputs = transforms.normalise(torch.zeros(2, 1, pixels, pixels), (0.5,) * 3, (0.5,) * 3)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        network.eval()(inputs)
    return 3 * counted.get_total_flops() / len(inputs)


def part_of_peak(rate, device):
    """The rate of operations as text; of a known card also as a part of its bf16 peak."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    peaks = [peak for card, peak in PEAKS.items() if card in name]
    return f"{rate / 1e9:.0f} GFLOP/s" + (f", {rate / peaks[0]:.1%} of the bf16 peak" if peaks else "")


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
