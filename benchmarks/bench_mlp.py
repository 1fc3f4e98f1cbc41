"""The MLP's grid: one model after another from a loader, as published, against models trained together.

Both ways train the paper's MLP (600 and 50 nodes, batch 16, dropout 0.35, Adam at 0.01) on the same 211 rows of 100
features for the same epochs, validate after each on 24 more rows, and take each model's accuracy there. The features
are random with some of the class in them, as fine-tuned ones have. Both ways have `threads` threads; the target is 5x.
"""

import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from micrograph.networks import heads, mlp, training

CLASSES = [900, 950, 1000]
ROWS, HELD, WIDTH, WIDTHS, BATCH, DROPOUT, RATE = 211, 24, 100, (600, 50), 16, 0.35, 0.01


def run(pairs=3, models=64, epochs=3, threads=2):
    """One row of {step, published_seconds, ours_seconds, ratio, pairs, device}, seconds a model and epoch.

    Medians over `pairs` alternating runs; the mean accuracies of both ways are printed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    features, labels = films()
    ways = {"published": published, "ours": together}
    seconds, right = {way: [] for way in ways}, {}
    try:
        for _ in range(pairs):
            for way, train in ways.items():
                start = time.perf_counter()
                right[way] = train(features, labels, models, epochs, threads)
                seconds[way].append((time.perf_counter() - start) / models / epochs)
    finally:
        torch.set_num_threads(before)
    print("MLP: mean validation accuracy " + ", ".join(f"{way} {np.mean(share):.3f}" for way, share in right.items()))
    middle = {way: statistics.median(taken) for way, taken in seconds.items()}
    return [
        {
            "step": f"an epoch of one MLP of {models}",
            "published_seconds": middle["published"],
            "ours_seconds": middle["ours"],
            "ratio": middle["published"] / middle["ours"],
            "pairs": pairs,
            "device": f"cpu, {threads} threads",
        }
    ]


def published(features, labels, models, epochs, threads):
    """The plain way: a module, a loader and a loop for each model. The accuracies of all."""
    train, held = (
        TensorDataset(torch.from_numpy(features[rows]), torch.from_numpy(labels[rows]))
        for rows in (slice(ROWS), slice(ROWS, None))
    )
    return [one_published(train, held, epochs, seed) for seed in range(models)]


def one_published(train, held, epochs, seed):
    """Train one model; its validation accuracy in the last epoch."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(WIDTH, WIDTHS[0]),
        nn.ReLU(),
        nn.Linear(WIDTHS[0], WIDTHS[1]),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTHS[1], len(CLASSES)),
    )
    entropy, optimiser = nn.CrossEntropyLoss(), torch.optim.Adam(network.parameters(), lr=RATE)
    loaders = DataLoader(train, batch_size=BATCH, shuffle=True), DataLoader(held, batch_size=BATCH)
    for _ in range(epochs):
        network.train()
        for inputs, targets in loaders[0]:
            optimiser.zero_grad()
            loss = entropy(network(inputs), targets)
            loss.backward()
            optimiser.step()
        network.eval()
        right = 0
        with torch.no_grad():
            for inputs, targets in loaders[1]:
                outputs = network(inputs)
                entropy(outputs, targets).item()
                right += (outputs.argmax(1) == targets).sum().item()
    return right / len(held)


def together(features, labels, models, epochs, threads):
    """Our way: bundles of mlp.BUNDLE_SIZE models through training.fit. The accuracies of all."""
    size, right = mlp.BUNDLE_SIZE["cpu"], []
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    for start in range(0, models, size):
        seeds = range(start, min(start + size, models))
        rngs = [np.random.default_rng(seed).spawn(2) for seed in seeds]
        sizes = (WIDTH, *WIDTHS, len(CLASSES))
        bundle = mlp.StackedMLPs("nominal", sizes, [DROPOUT] * len(seeds), [first for first, _ in rngs])
        feed = Rows(inputs, targets, [second for _, second in rngs])
        options = training.FitOptions(RATE, epochs, patience=epochs, keep="last", threads=threads)
        log = training.FitLog(f"models {seeds[0]} to {seeds[-1]}", every=epochs)
        curve = training.fit(
            bundle, feed.batches, feed.validation, heads.get("nominal").loss, options, np.random.default_rng(start),
            heads.accuracy("nominal", CLASSES), log,
        )  # fmt: skip
        right += [row["validation_accuracy"] for row in curve if row["kept"]]
    return right


class Rows:
    """Batches of several models on the same rows, each in an order of its own."""

    def __init__(self, inputs, targets, rngs):
        self.inputs, self.targets, self.rngs = inputs, targets, rngs

    def batches(self, epoch):
        order = torch.from_numpy(np.stack([rng.permutation(ROWS) for rng in self.rngs]))
        for rows in order.split(BATCH, dim=1):
            yield self.inputs[rows], self.targets[rows], torch.ones(rows.shape)

    def validation(self):
        rows = torch.arange(ROWS, ROWS + HELD).expand(len(self.rngs), -1)
        yield self.inputs[rows], self.targets[rows], torch.ones(rows.shape)


def films():
    """Features (n, 100) float32 and places of classes (n,), the same on every machine."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(CLASSES), ROWS + HELD)
    features = rng.standard_normal((ROWS + HELD, WIDTH))
    features[:, :5] += labels[:, None] - 1
    return features.astype(np.float32), labels


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
