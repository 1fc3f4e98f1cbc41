"""The published grids of KNN and GBC: every point fitted, as published, against work shared between the points.

Needs nothing but the environment. Features are made up: 262 films in the paper's classes, 100 values each as the
fine-tuned ones have, or 190 as block2 keeps at 85 % of its variance, temperature in a few of them. Folds, oversampling
and estimators are the published protocol's. Both ways end in a choice on the validation films of each fold, and the
choices must be one. One thread both ways.

KNN runs on all its 480 settings, the four search algorithms (which give one prediction) fitted in turn as published, on
two folds of ten. GBC is far too long: one fold, 28 features (the pool at 85 %), and one of the fifteen pairs of
min_samples_split and max_depth, with all numbers of trees and all learning rates, timed once, about two minutes.
Seconds are the processor's, so that a busy machine does not count.
"""

import statistics
import sys
import time
import warnings
from itertools import product

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from micrograph.models import grid_search, registry
from micrograph.splits import model_selection, prediction_table, splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

CLASSES = (900, 950, 1000)
TARGET = Target.from_config({"column": "growth_celsius", "classes": CLASSES})
COUNTS = (29, 130, 103)
RATES = (0.001, 0.01, 0.1, 1)
ALGORITHMS = ("auto", "ball_tree", "kd_tree", "brute")


def run(pairs=3):
    """Rows of {step, published_seconds, ours_seconds, ratio, pairs, device}: medians over `pairs` alternating runs.

    Raises AssertionError where the two ways choose differently.
    """
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        knn = timed(searches_of("KNN", 100, 2), [{"algorithm": name} for name in ALGORITHMS], pairs)
        by_rate = [timed(searches_of("GBC", 28, 1, boosted(rate)), [{}], 1) for rate in RATES]
    return [
        row("KNN grid, 480 settings, 2 folds", knn, pairs),
        row("GBC grid, 24 of 360 settings, 1 fold", np.sum(by_rate, axis=0), 1),
    ]


def boosted(rate):
    """GBC's points with this learning rate: all numbers of trees, one pair of the other settings."""
    fixed = {"learning_rate": rate, "min_samples_split": 8, "max_depth": 7}
    return [{"n_estimators": trees, **fixed} for trees in range(100, 601, 100)]


def searches_of(model, width, folds, points=None):
    """The searches of the first folds of ten, on made-up features of 262 films."""
    rng = np.random.default_rng(0)
    celsius = np.repeat(CLASSES, COUNTS)
    names = [f"film{place:03d}" for place in range(len(celsius))]
    features = rng.normal(size=(len(celsius), width)) * 6 / np.sqrt(1 + np.arange(width))
    features[:, :3] += (celsius[:, None] - 950) / 25
    table = pd.DataFrame({"sample": names, "batch": names, "y_true": celsius, "y_true_value": 1.0 * celsius})
    splits = splitters.split(table, "published", 10, rng, TARGET)
    made = prediction_table.make_folds(
        names, np.zeros(len(names), int), splits, protocol="published", policy="aug3", rng=rng
    )
    points = points or registry.param_grid(model, "nominal", "published", "published")
    task = FitTask(FitSpec("published", "imagenet", "aug3", "tuned", "nominal", model), TARGET, points)
    return [grid_search.GridSearch(features, fold, task) for fold in made[:folds]]


def published(search, extras):
    """The Choice of a fold by the plain loop: every point fitted, and as often as there are `extras` settings."""
    held = search.features[search.fold.score_index["validation"]]
    predicted = []
    for point, extra in product(search.task.grid, extras):
        fitted = search.fit(point | extra)
        predicted.append(fitted.predict(held).astype(float))
    return _chosen(search, predicted[:: len(extras)])


def ours(search, extras):
    """The Choice of a fold with shared work; `extras` change no answer."""
    return _chosen(search, grid_search.predict_grid(search))


def _chosen(search, predicted):
    truth = search.fold.samples.y[search.fold.score_index["validation"]]
    return model_selection.choose(np.stack(predicted), truth, search.task.spec.protocol)


def timed(work, extras, pairs):
    """(published, ours) seconds of processor time of all searches in `work`, medians over runs in turn."""
    seconds = {published: [], ours: []}
    for _ in range(pairs):
        choices = {}
        for way, taken in seconds.items():
            start = time.process_time()
            choices[way] = [way(search, extras) for search in work]
            taken.append(time.process_time() - start)
        assert choices[published] == choices[ours], f"{work[0].task.spec.model}: the two ways choose differently"
    return [statistics.median(taken) for taken in seconds.values()]


def row(step, seconds, pairs):
    """One row of the benchmarks' table."""
    theirs, own = (float(each) for each in seconds)
    return {
        "step": step,
        "published_seconds": theirs,
        "ours_seconds": own,
        "ratio": theirs / own,
        "pairs": pairs,
        "device": "cpu, 1 thread",
    }


if __name__ == "__main__":
    for line in run(*(int(word) for word in sys.argv[1:])):
        print(line)
