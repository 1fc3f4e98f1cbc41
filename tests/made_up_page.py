"""A made-up report page: predictions, attributions, neighbours, curves and pictures of any number of samples."""

from functools import cache

import numpy as np
import pandas as pd

import made_up
from micrograph.attribution import maps
from micrograph.evaluation.by_time import Beside
from micrograph.report import page, similar_samples, sprites
from micrograph.report import samples as explorer
from micrograph.target import Target
from tables_of_films import TARGET

CLASSES = made_up.CLASSES
# Targets: the paper's, bins of a number, and names without order.
MINUTES = Target.from_config({"column": "growth_minutes", "name": "growth time", "unit": "min", "bins": [0, 5, 10, 30]})
SUBSTRATE = Target.from_config({"column": "substrate", "classes": ["A-Sapphire", "Al2O3 c-plane", "c-Sapphire"]})
SPEC = made_up.fit(model="CNN").spec
SIDE, PATCH, STRIDE = 80, 8, 4
CHANNELS = ["Height Sensor", "Height"]
BESIDE = [
    ("Temperature of the nearest growth day, without images", "63.1 % [52.0, 73.4]", "the headline: 54.0 %"),
    ("On later days", "41.2 % [30.0, 52.3]", "SVC, pool; the same models under strict: 52.0 % on the same samples"),
]
CONFIG = {
    "target": {"column": "growth_celsius", "classes": CLASSES},
    "scans": {"source": "simulated"},
    "splits": {"folds": 5},
    "seed": 7,
}


def samples(count, seed=1, target=TARGET):
    """A table of accepted samples with every column that a page shows."""
    rng = np.random.default_rng(seed)
    table = made_up.samples(count, seed=seed)
    lines = rng.choice([512, 256, 235], count)
    if target is MINUTES:
        table = table.assign(growth_minutes=np.round(rng.uniform(1, 30, count), 1)).drop(columns="growth_seconds")
    if target is SUBSTRATE:
        table["substrate"] = table["substrate"].fillna("c-Sapphire")
    return target.add_to(table).assign(
        pressure_torr=rng.choice([100.0, 200.0], count),
        scan=[f"resources/scans/{name}.spm" for name in table["sample"]],
        micrograph="",
        lines=lines,
        pixels=512,
        width_nm=1000.0,
        tall_nm=1000.0 * lines / 512,
        channel=rng.choice(CHANNELS, count),
        direction=rng.choice(["Trace", "Retrace"], count),
        source_sha256=[f"{place:064x}" for place in range(count)],
        data="simulated",
    )


def predictions(table, folds=5, seed=0, target=TARGET):
    """Predictions of the CNN, with scores."""
    frame = made_up.fit(table, list(target.classes), model="CNN", folds=folds, seed=seed).predictions
    rng = np.random.default_rng(seed)
    marks = rng.dirichlet(np.ones(len(CLASSES)), len(frame))
    named = np.searchsorted(target.classes, frame["y_pred"].fillna(target.classes[0]))
    marks[np.arange(len(frame)), named] += 1
    marks /= marks.sum(axis=1, keepdims=True)
    return frame.assign(**dict(zip(target.score_columns, marks.T, strict=True)), components=0)


def explained(rows, seed=0, target=TARGET):
    """Attributions of the samples: a hill and a valley each; the first two are flagged."""
    rng, count = np.random.default_rng(seed), len(rows)
    steps = len(maps.window_starts(SIDE, PATCH, STRIDE))
    cams, windows = _bumps(rng, count, 3), _bumps(rng, count, steps)
    flag = np.array([""] * count, dtype="U12")
    flag[: 2 if count > 4 else 0] = ["all zero", "not finite"][: 2 if count > 4 else 0]
    predicted = np.searchsorted(target.classes, rows["y_pred"].fillna(target.classes[0]).astype(float))
    return maps.Attributions(
        samples=rows["sample"].to_numpy(str),
        fold=rows["fold"].to_numpy(int),
        y_true=rows["y_true"].to_numpy(float),
        y_pred=rows["y_pred"].to_numpy(float, na_value=np.nan),
        target=predicted,
        outputs=np.zeros((count, len(CLASSES)), dtype=np.float32),
        target_scores=np.zeros((count, len(CLASSES))),
        cam=cams,
        weighted=np.repeat(cams[:, None], len(CLASSES), axis=1),
        weighted_name="cam_class",
        occlusion=np.repeat(windows[:, None], len(CLASSES), axis=1),
        cam_flag=flag,
        occlusion_flag=flag,
        scheme="nominal",
        classes=np.array(target.classes),
        side=SIDE,
        patch=PATCH,
        stride=STRIDE,
        baseline="zero",
    )


def attribution_tests():
    """Their table: occlusion exceeds its control, the class activation map does not."""
    rows = [(name, measure) for name in ("cam_class", "occlusion") for measure in ("deletion", "insertion")]
    gain = np.array([0.001, -0.002, -0.1, 0.1])
    table = pd.DataFrame(rows, columns=["map", "measure"])
    return table.assign(gain=gain, gain_low=gain - 0.01, gain_high=gain + 0.01)


def _bumps(rng, count, side):
    """(count, side, side) float32: a hill and a valley each."""
    grid = (np.arange(side) + 0.5) / side
    value = np.zeros((count, side, side))
    for sign in (1.0, -0.6):
        row, col = rng.random((2, count, 1, 1))
        value += sign * np.exp(-((grid[None, :, None] - row) ** 2 + (grid[None, None, :] - col) ** 2) / 0.03)
    return value.astype(np.float32)


def picture(place):
    """A micrograph of terraces, (224, 224) uint8; there are sixty, in turn."""
    return _terraces(place % 60)


@cache
def _terraces(place):
    rng = np.random.default_rng(place)
    across, down = np.meshgrid(np.linspace(0, 1, 224), np.linspace(0, 1, 224))
    angle, steps = rng.uniform(0, np.pi), rng.uniform(3, 9)
    height = (across * np.cos(angle) + down * np.sin(angle) + 0.02 * np.sin(19 * across + place)) * steps
    return np.uint8(np.clip(60 + 130 * (height % 1) + rng.normal(0, 12, (224, 224)), 0, 255))


def neighbours(rows, count=5, seed=0):
    """Random neighbours of other folds."""
    rng, fold = np.random.default_rng(seed), rows["fold"].to_numpy(int)
    indices = np.array([rng.choice(np.flatnonzero(fold != own), count, replace=False) for own in fold])
    return similar_samples.Neighbours(indices, np.sort(rng.uniform(2, 9, indices.shape), axis=1))


def components(table, seed=0):
    """Arrays of a components file: classes that overlap."""
    rng = np.random.default_rng(seed)
    middle = np.stack([table["y_true"].to_numpy(float) / 25, np.zeros(len(table))], axis=1)
    return {
        "samples": table["sample"].to_numpy(str),
        "scores_0": middle + rng.normal(0, 2, middle.shape),
        "explained_0": np.array([0.31, 0.12]),
        "rows_0": np.arange(len(table)),
    }


def study(count, seed=1, target=TARGET):
    """(report without tables and figures, study, pictures) of so many samples, as folder.write takes them."""
    table = samples(count, seed, target)
    rows = explorer.tested(predictions(table, target=target), table)
    attributions = explained(rows, target=target)
    feature_map = explorer.feature_map(components(table), table, rows["sample"], "pool features, strict fold 0")
    study = explorer.study(
        rows, attributions, neighbours(rows), feature_map, made_up.curve(), SPEC, target, tests=attribution_tests()
    )
    report = page.Report(
        target,
        "simulated films",
        page.Headline(
            54.0, 47.1, 60.2, 33.3, (61.2, 55.0, 68.1), 49.6, "Selected in each fold.", 71.0, "The paper's best."
        ),
        table,
        table.head(0)[["sample", "scan"]].assign(reason=""),
        CONFIG,
        {"numpy": np.__version__},
        confusion=page.confusion(predictions(table, target=target), target, explorer.model_name(SPEC)),
        beside=Beside(BESIDE, ["The date of growth alone predicts growth temperature better than micrographs."]),
    )
    overlays = explorer.pictures(rows, attributions)
    return report, study, sprites.Pictures(count, picture, overlays.cam, overlays.occlusion)
