"""Answers and fits whose scores are probabilities of a known sharpness: truths are drawn from the chances."""

import numpy as np
import pandas as pd

from micrograph.evaluation import summaries, uncertainty
from micrograph.splits.fit_spec import KEYS, FitSpec

CLASSES = np.array([900.0, 950.0, 1000.0])


def answers(count=3000, sharpness=1.0, seed=0, days=None):
    """Answers whose truth is drawn from chances, and whose scores are these chances to the power `sharpness`."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([1.0, 1.0, 1.0], count)
    places = drawn(chances, rng)
    batches = np.arange(count) if days is None else np.arange(count) % days
    return uncertainty.LabelledScores(sharpened(chances, sharpness), places, batches.astype(str), CLASSES)


def drawn(chances, rng):
    """(n,) places of classes, drawn from chances (n, K)."""
    return (rng.random(len(chances))[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)


def sharpened(chances, sharpness):
    """(n, K) chances to the power `sharpness`, summing to one."""
    marks = chances**sharpness
    return marks / marks.sum(axis=1, keepdims=True)


def fit(days=40, films_a_day=3, folds=4, sharpness=1.0, seed=0, scores=sharpened, **fields):
    """A fits.Fit, each film tested once, whose truths are drawn from chances and whose scores are made of these.

    scores: function of chances (n, K) and sharpness, giving scores (n, K).
    """
    fields = dict.fromkeys(KEYS, "any") | {"protocol": "strict", "scheme": "nominal", "model": "MLP"} | fields
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), films_a_day)
    chances = rng.dirichlet([1.0, 1.0, 1.0], len(day))
    places = drawn(chances, rng)
    films = pd.DataFrame(
        {
            "sample": [f"film{place:04d}" for place in range(len(day))],
            "augmentation": 0,
            "batch": [f"day{name:03d}" for name in day],
            "y_true": CLASSES[places].astype(int),
            "y_pred": CLASSES[chances.argmax(axis=1)].astype(int),
            "y_pred_value": np.nan,
            "y_true_value": CLASSES[places],
        }
    )
    films[[f"score_{celsius:g}" for celsius in CLASSES]] = scores(chances, sharpness)
    parts = []
    for fold in range(folds):
        part = np.select([day % folds == fold, day % folds == (fold + 1) % folds], ["test", "validation"], "train")
        parts.append(films.assign(fold=fold, split=part))
    rows = pd.concat(parts, ignore_index=True).sort_values(["fold", "split", "sample"], ignore_index=True)
    return summaries.Fit(FitSpec(**fields), rows)
