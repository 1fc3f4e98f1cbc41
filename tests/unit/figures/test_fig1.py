"""Figure 1: the numbers of the run, the example that is shown, scans that were images already."""

import numpy as np
import pandas as pd
import pytest

from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.figures import fig1
from micrograph.scans.height_map import HeightMap
from tables_of_films import TARGET

NETWORKS = {
    "pixels": 80,
    "epochs": 5,
    "policies": ["aug1", "aug2", "aug3", "aug4"],
    "pretraining": ["imagenet", "scratch", "films"],
    "schemes": ["nominal", "nnrank", "corn", "regression"],
    "models": ["SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC", "MLP", "CNN"],
}
FLOW = {"protocol": "strict", "pretraining": "imagenet", "policy": "aug3", "scheme": "nominal"}
FLOW |= {"models": ["SVC", "KRC"], "networks": NETWORKS}


@pytest.fixture
def samples():
    return pd.DataFrame(
        {
            "sample": [f"MCV1-20010{day}A-0{run}" for day in range(1, 7) for run in (1, 2)],
            "batch": [f"MCV1-20010{day}" for day in range(1, 7) for _ in (1, 2)],
            "y_true": [900, 950, 1000, 950] * 3,
            "lines": [512, 256] + [512] * 10,
            "pixels": [256, 256] + [512] * 10,
        }
    )


@pytest.fixture
def run(samples, tmp_path):
    parts, day = ["test", "validation", "train", "train", "train", "train"], samples["batch"].factorize()[0]
    splits = [samples.assign(fold=fold, split=[parts[(one - fold) % 6] for one in day]) for fold in range(6)]
    features, components = [], []
    for block, module, shape in (("block2", "stage.1", (6, 4, 4)), ("pool", "gap", (8, 1, 1))):
        features.append(tmp_path / block / "0000.npz")
        io.write_features(features[-1], ["a"], np.zeros((1, np.prod(shape)), "f4"), "net", module, shape)
    for name, kept in (("block2_cev85", (3, 4)), ("pool_cev85", (2, 2))):
        components.append(tmp_path / f"{name}.npz")
        io.write_arrays(components[-1], **{f"explained_{fold}": np.zeros(count) for fold, count in enumerate(kept)})
    return fig1.describe(samples, pd.concat(splits), features, components, TARGET, FLOW)


def images(height=True):
    ramp = np.add.outer(np.arange(64.0), np.arange(128.0))
    height = HeightMap(ramp, 1000.0, 500.0, "Height Sensor", "Trace", "a.spm", "0" * 64, 64) if height else None
    return fig1.Images("a", height, height, np.full((224, 224), 90, np.uint8), 1000 / 224 if height else np.nan)


def test_the_numbers_are_those_of_the_run(run):
    assert run.counts == {900: 3, 950: 6, 1000: 3}
    assert run.before == {900: 2, 950: 4, 1000: 2}  # in the first fold days 1 (900, 950) and 2 (1000, 950) stay out
    assert run.after == {900: 4, 950: 4, 1000: 4}
    assert run.components == {("block2", 85): (3, 4), ("pool", 85): (2, 2)}
    assert (run.grid == "test").sum(axis=0).tolist() == [1] * 6
    figure = fig1.draw_run(run, images())
    laid_out_well(figure)
    for part in ("12 samples", "6 batches", "6 × 4 × 4", "stage.1", "3–4", "= 24 fits", "128 × 64 pixels", "CORN"):
        assert part in words_in(figure)


def test_the_flow_of_a_finished_picture_has_no_height_map(run):
    words = words_in(fig1.draw_run(run, images(height=False)))
    assert "finished image" in words and "200 nm" not in words


def test_the_example_is_a_fine_whole_scan_of_the_largest_class(samples):
    assert fig1.choose_example(samples)["sample"] == "MCV1-200102A-02"  # not 01A: oblong, coarse; not 02A-01: 1000 C
