"""Tables of films that were never grown, for tests of splits and models."""

import numpy as np
import pandas as pd

from micrograph.models import fit, registry
from micrograph.scans.sample_sheet import Columns
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

CLASSES = [900, 950, 1000]
TARGET = Target.from_config({"column": "growth_celsius", "classes": CLASSES})
COLUMNS = Columns(TARGET)  # of a sheet


def films(counts, days, seed=0):
    """A table of samples: so many at each temperature, every temperature on as many of the days as it can."""
    rng = np.random.default_rng(seed)
    rows = []
    for celsius, count in zip(CLASSES, counts, strict=True):
        batches = [rng.permutation(days) for _ in range(-(-count // days))]
        rows += [(celsius, f"MCV1-{day:06d}") for day in np.concatenate(batches)[:count]]
    frame = pd.DataFrame(rows, columns=["y_true", "batch"])
    frame.insert(0, "sample", [f"{batch}-{place:03d}" for place, batch in enumerate(frame["batch"])])
    return frame.assign(y_true_value=frame["y_true"].astype(float))


def shallow_fit(features, table, names, rng, **more):
    """`fit.fit_folds` with the grid ``default``; names: protocol, policy, features, scheme and model of the fit."""
    spec = FitSpec(**({"pretraining": "imagenet", "policy": "aug3", "features": "tuned", "scheme": "nominal"} | names))
    grid = registry.param_grid(spec.model, spec.scheme, spec.protocol, "default")
    return fit.fit_folds(features, table, FitTask(spec, TARGET, grid), rng, **more)
