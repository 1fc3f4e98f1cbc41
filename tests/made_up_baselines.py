"""Made-up fits of baselines and of the network on pictures, and the table of them."""

import numpy as np
import pandas as pd

import made_up_fits
from made_up import RUN, resampling
from micrograph.evaluation import baselines, summaries
from micrograph.splits.fit_spec import FitSpec

SHEET = made_up_fits.films(samples=90, days=30, folds=4)


def fit(features, skill, protocol="strict", model="OLR", scheme="ordinal", **fields):
    return made_up_fits.fit(
        SHEET, skill, protocol=protocol, pretraining="none", policy="aug3", features=features, scheme=scheme,
        model=model, **fields,
    )  # fmt: skip


def network(skill=0.7):
    return fit("image", skill, model="CNN", scheme="nominal") if skill is not None else None


def given(protocols=("strict", "published"), metadata=0.3, physical=0.5):
    return [
        fit(features, skill, protocol)
        for protocol in protocols
        for features, skill in (("metadata", metadata), ("physical", physical))
    ]


def tabled(some, net=None):
    return baselines.make_table(some, net or network(), resampling=resampling(300), run=RUN)


def by_hand(right, batches="xxyy", truth=(900, 900, 900, 900)):
    """A strict Fit of one fold: test samples of `truth`, correct as given, one training and one validation sample."""
    part = ["train", "validation"] + ["test"] * len(right)
    predicted = [950, 900, *(true if yes else 1850 - true for yes, true in zip(right, truth, strict=True))]
    return summaries.Fit(
        FitSpec("strict", "any", "any", "metadata", "any", "any"),
        pd.DataFrame(
            {
                "fold": 0, "split": part, "sample": [f"s{place}" for place in range(len(part))], "augmentation": 0,
                "batch": ["u", "v", *batches], "y_true": [950, 900, *truth],
                "y_pred": predicted, "y_pred_value": np.nan, "y_true_value": [950, 900, *truth],
            }
        ),
    )  # fmt: skip
