"""Made-up predictions that look like a study's: films of growth days, hard and easy ones, models of a given skill."""

import numpy as np
import pandas as pd

from micrograph.evaluation import summaries
from micrograph.splits.fit_spec import KEYS, FitSpec

CLASSES = [900, 950, 1000]
SHARES = [0.11, 0.5, 0.39]
SHALLOW = ["SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC"]
MODELS = [*SHALLOW, "MLP", "CNN"]


def films(samples=120, days=40, folds=5, classes=CLASSES, shares=SHARES, seed=0):
    """One row a film: sample, batch, y_true, the fold that tests it, how hard it is (0 to 1)."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(days, size=samples))
    return pd.DataFrame(
        {
            "sample": [f"MCV1-{place:04d}" for place in range(samples)],
            "batch": [f"day{name:02d}" for name in day],
            "y_true": rng.choice(classes, samples, p=shares),
            "tested": day % folds,
            "hard": (rng.random(samples) + rng.random(days)[day]) / 2,
        }
    )


def fit(sheet, skill, classes=CLASSES, values=False, gap=0.0, **fields):
    """A Fit: films harder than `skill` (0 to 1) are mostly wrong, by a class beside; training films mostly right.

    values: whether it is a regression, with its own values; gap: the share of test films without an answer.
    """
    fields = dict.fromkeys(KEYS, "any") | {"protocol": "strict", "scheme": "nominal"} | fields
    rng = np.random.default_rng(_seed(fields))
    folds = sheet["tested"].nunique()
    parts = []
    for fold in range(folds):
        tested = sheet["tested"].to_numpy()
        if fields["protocol"] == "strict":
            part = np.select([tested == fold, tested == (fold + 1) % folds], ["test", "validation"], "train")
        else:
            part = np.select([tested == 0, tested == 1 + fold % (folds - 1)], ["test", "validation"], "train")
        parts.append(_answers(sheet.assign(fold=fold, split=part), skill, classes, values, gap, rng))
    predictions = pd.concat(parts, ignore_index=True).sort_values(["fold", "split", "sample"], ignore_index=True)
    return summaries.Fit(FitSpec(**fields), predictions)


def _seed(fields):
    return sum(place * ord(letter) for place, letter in enumerate("".join(map(str, fields.values())), 1))


def _answers(rows, skill, classes, values, gap, rng):
    truth = np.searchsorted(classes, rows["y_true"])
    grip = np.where(rows["split"] == "train", 1.2 * skill + 0.2, skill)
    wrong = rows["hard"] + rng.normal(0, 0.12, len(rows)) > grip
    step = np.where(truth == 0, 1, np.where(truth == len(classes) - 1, -1, rng.choice([-1, 1], len(rows))))
    celsius = np.asarray(classes, float)
    answer = celsius[np.where(wrong, truth + step, truth)]
    value = answer + rng.normal(0, 12, len(rows)) if values else np.full(len(rows), np.nan)
    lost = (rng.random(len(rows)) < gap) & (rows["split"] == "test").to_numpy()
    answer, value = np.where(lost, np.nan, answer), np.where(lost, np.nan, value)
    kept = rows[["fold", "split", "sample", "batch", "y_true"]]
    return kept.assign(y_true_value=kept["y_true"], augmentation=0, y_pred=answer, y_pred_value=value, components=100)
