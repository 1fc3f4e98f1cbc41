"""Verdicts are the data's: another seed of the bootstrap gives the same, and ends within a tenth of the margin."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from made_up import CLASSES, RUN, fit, samples
from micrograph.config_schema import Evaluation
from micrograph.evaluation import baselines, conclusions, table2, table4
from micrograph.evaluation.bootstrap import Resampling
from project import PROJECT

PUBLISHED = pd.read_csv(PROJECT / "resources" / "published" / "values.tsv", sep="\t")
CHANNELS = pd.read_csv(PROJECT / "resources" / "published" / "channels.tsv", sep="\t")
SHAPES = {"block2": (40, 10, 10)}
SEEDS = 20


@pytest.fixture(scope="module")
def judged():
    """{seed: table of conclusions} of one made-up study of 42 films on 14 growth days, with the default resamples."""
    films = samples(42)
    network = fit(films, better=0.25, model="CNN")
    blocks = [fit(films, better=more, features=name) for name, more in (("tuned", 0.2), ("block2_cev85", -0.2))]
    blocks = [replace(one, predictions=one.predictions.assign(components=2)) for one in blocks]
    alone = [
        fit(films, better=more, features=name, model="OLR") for name, more in (("metadata", -0.3), ("physical", 0))
    ]
    schemes = [network, fit(films, better=-0.1, model="CNN", scheme="corn")]
    made = {}
    for seed in range(SEEDS):
        how = {"resampling": Resampling(CLASSES, Evaluation().n_bootstrap, seed), "run": RUN}
        tables = {
            "table2": table2.make_table(blocks, PUBLISHED, SHAPES, CHANNELS, **how),
            "table4": table4.make_table(schemes, PUBLISHED, **how),
            "baselines": baselines.make_table(alone, network, **how),
        }
        rows = conclusions.make_table(tables, "simulated films")
        made[seed] = rows[rows["verdict"] != conclusions.NOT_TESTED].set_index("comparison")
    return made


def test_no_verdict_flips_with_the_seed(judged):
    verdicts = pd.DataFrame({seed: table["verdict"] for seed, table in judged.items()})
    assert len(verdicts) >= 8 and verdicts[0].nunique() >= 2
    assert (verdicts.nunique(axis=1) == 1).all(), verdicts[verdicts.nunique(axis=1) > 1]


def test_ends_are_stable_to_a_tenth_of_the_margin(judged):
    for end in ("ci_low", "ci_high"):
        ends = pd.DataFrame({seed: table[end] for seed, table in judged.items()})
        percent = ends[judged[0]["unit"].isin(["%", "points"])].astype(float)
        assert len(percent) >= 6 and np.nanmax(percent.std(axis=1)) < conclusions.MARGIN / 10
