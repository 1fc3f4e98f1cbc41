"""Fits of made-up features by the real models: a signal, labels that leak, permuted labels."""

import numpy as np
import pandas as pd

from made_up import RUN, resampling
from micrograph.evaluation import leakage, summaries
from micrograph.io import FeatureSet
from micrograph.models import registry
from micrograph.models.fit import fit_folds
from micrograph.splits import permutation, protocols, splitters
from micrograph.splits.fit_spec import FitSpec, FitTask
from tables_of_films import CLASSES, TARGET

FOLDS = 4
SHALLOW = ("SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC")


def samples(days=30, films=3, seed=0):
    """A table of samples: so many growth days of as many films, each day of one temperature."""
    celsius = np.random.default_rng(seed).permutation(
        np.repeat(CLASSES, [days // 5, days // 2, days - days // 5 - days // 2])
    )
    batch = [f"MCV1-{day:06d}" for day in range(days)]
    frame = pd.DataFrame({"batch": np.repeat(batch, films), "y_true": np.repeat(celsius, films)})
    frame["y_true_value"] = 1.0 * frame["y_true"]
    return frame.assign(sample=[f"{name}-{place % films}" for place, name in enumerate(frame["batch"])])


def days_alike(sample_table, rng, width=6):
    """(n, width) features that say which day a film is of and nothing of its temperature."""
    days, day = np.unique(sample_table["batch"].to_numpy(str), return_inverse=True)
    return 2 * rng.normal(size=(len(days), width))[day] + rng.normal(size=(len(day), width))


def known(splits, names, parts, rng):
    """(n, 3) features of one fold that give the label away in the rows of `parts` and are noise elsewhere.

    splits: the rows of the fold in the splits table.
    """
    rows = splits.set_index("sample").loc[names]
    shown = (rows["y_true"].to_numpy()[:, None] == np.array(CLASSES)) & rows["split"].isin(parts).to_numpy()[:, None]
    return rng.normal(size=shown.shape) + 12.0 * shown


def fit(table, protocol, features, model="KNN", parts=(), called="block2_cev85", seed=1):
    """The Fit of a protocol, with its labels permuted and its samples split, fitted as a study is.

    table: samples; features: (n, k) of all films; parts: those whose rows give their label away besides (known).
    """
    rng = np.random.default_rng([seed, *protocols.without_leaks(protocol).encode()])
    named = permutation.permute_labels(table, protocol, FOLDS, rng)
    splits = splitters.split(named, protocol, FOLDS, rng, TARGET)
    names = table["sample"].to_numpy(str)
    each = [features] * FOLDS
    if parts:
        each = [np.hstack([features, known(rows, names, parts, rng)]) for _, rows in splits.groupby("fold")]
    spec = FitSpec(protocol, "imagenet", "aug4", called, "nominal", model)
    task = FitTask(spec, TARGET, registry.param_grid(model, "nominal", protocol, "default"))
    made = fit_folds(FeatureSet(names, np.zeros(len(names), int), each), splits, task, rng)
    return summaries.Fit(spec, made.predictions)


def guesses(protocol, right, rng, features="pool_cev85", model="KNN"):
    """The Fit of a model whose answers are the temperatures of 40 films of 20 days, permuted: 8 of the first class, 20
    of the second, 12 of the third. So many tested films as `right` says are answered rightly; in validation 15."""
    truth, parts = np.repeat(CLASSES, [8, 20, 12]), []
    film = rng.permutation(40)
    for part, wanted in (("validation", 15), ("test", right)):
        answers = rng.permutation(truth)
        while (answers == truth).sum() != wanted:
            answers = rng.permutation(truth)
        rows = {"sample": [f"f{place}" for place in film], "batch": [f"d{place // 2:02d}" for place in film]}
        parts.append(pd.DataFrame({"fold": 0, "split": part, **rows, "y_true": truth, "y_pred": answers}))
    return summaries.Fit(
        FitSpec(protocol, "imagenet", "aug4", features, "nominal", model), pd.concat(parts, ignore_index=True)
    )


def tabled(given, n_bootstrap=400):
    """The table of leakage of such fits."""
    candidates = {"nominal": {name: len(registry.param_grid(name, "nominal", "strict", "default")) for name in SHALLOW}}
    return leakage.make_table(
        given, n_candidates=candidates, resampling=resampling(n_bootstrap, classes=CLASSES), run=RUN
    )
