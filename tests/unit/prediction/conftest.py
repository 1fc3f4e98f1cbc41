"""A small simulated study with its final model; only its strict predictions are made up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from micrograph.prediction import final_model, storage
from micrograph.retrieval import weights
from micrograph.rng import random_stream
from micrograph.scans import conversion
from micrograph.simulation import simulate
from micrograph.splits import splitters
from micrograph.target import Target
from tables_of_films import TARGET

CLASSES = [900, 950, 1000]
BACKBONE = "efficientnet_lite0"
PIXELS = 64
TRAINING = {"pixels": 32, "precision": "fp32", "epochs": 3, "patience": 2, "batch_norm_momentum": 0.4}
SETTINGS = {"learning_rate": 1e-3, "batch_size": 8, "dropout": 0}


def model_settings(**changed):
    """The settings of the final model."""
    settings = {
        "target": {"column": "growth_celsius", "classes": CLASSES}, "extra_columns": [],
        "backbone": BACKBONE, "pretraining": "imagenet", "policy": "aug3", "scheme": "nominal",
        "search": "default", "coverage": 0.8, "novelty_quantile": 0.95, "resamples": 200, "data": "simulated films",
        "seed": 5,
        "training": TRAINING | SETTINGS,
        "preprocessing": {"pixels": PIXELS},
        "attribution": {"patch": 16, "stride": 8, "baseline": "zero", "precision": "fp32", "memory_mb": 200},
    }  # fmt: skip
    return final_model.FinalModelSettings(**settings | changed)


def simulate_scans(folder, count, days, seed):
    """Simulate scans in `folder`; return their sheet."""
    sheet = simulate.plan_samples(count, days, {900: 0.3, 950: 0.4, 1000: 0.3}, random_stream(seed, "plan"), folder)
    for row in sheet.to_dict("records"):
        simulate.simulate_scan(row, seed, row["scan"], folder / "truth" / f"{row['sample']}.npz", PIXELS)
    return sheet.assign(width_nm=np.nan)


def strict_fit(table, skill=0.8, target=TARGET):
    """Made-up predictions, search results and training curves of the strict CNN."""
    rng, rows = np.random.default_rng(3), table.reset_index(drop=True)
    truth = rows["y_true"].to_numpy()
    place = np.where(
        rng.random(len(rows)) < skill, np.searchsorted(target.classes, truth), rng.integers(3, size=len(rows))
    )
    marks = np.full((len(rows), 3), 0.15)
    marks[np.arange(len(rows)), place] = 0.7
    predictions = rows[["fold", "split", "sample", "batch"]].assign(
        augmentation=0,
        y_true=truth,
        y_true_value=1.0 * truth,
        y_pred=np.asarray(target.classes)[place],
        y_pred_value=np.nan,
    )
    predictions[target.score_columns] = marks
    folds = range(rows["fold"].nunique())
    choices = pd.DataFrame({"fold": folds, "validation_accuracy": 0.5, "best_params": [CHOSEN for _ in folds]})
    curves = [pd.DataFrame({"fold": fold, "point": 0, "epoch": range(3), "kept": [0, 1, 0]}) for fold in folds]
    return {"predictions": predictions, "search_results": choices, "curves": curves}


CHOSEN = '{"learning_rate": 0.001, "batch_size": 8, "dropout": 0}'


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    """The folder of the small study."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="session")
def weights_path(study_folder):
    """The weights that come with the environment."""
    return weights.retrieve(BACKBONE, "imagenet", study_folder / "weights.safetensors")


@pytest.fixture(scope="session")
def study(study_folder, weights_path):
    """StudyData of 18 films of 9 days."""
    sheet = simulate_scans(study_folder / "scans", 18, 9, seed=4)
    settings = conversion.Preprocessing(pixels=PIXELS)
    levelled, _ = conversion.level_shard(sheet, study_folder / "heights", settings)
    drawn, _ = conversion.render_shard(levelled, study_folder / "micrographs", settings)
    films, *_ = conversion.collect(sheet, [drawn], [], "simulated")
    films = TARGET.add_to(films)
    table = splitters.split(films, "strict", 3, np.random.default_rng(0), TARGET)
    copies = films[["sample", "micrograph"]].assign(augmentation=0)
    return final_model.StudyData(
        samples=films, images=copies, levelled=[levelled], splits=table, weights=weights_path, **strict_fit(table)
    )


@pytest.fixture(scope="session")
def model(study):
    """The final model of the small study."""
    return final_model.train(model_settings(), study, "cpu")


@pytest.fixture(scope="session")
def model_path(model, study_folder):
    """The final model's file."""
    path = study_folder / "model.safetensors"
    storage.write(path, model)
    return path


def trained_on(study, settings, values):
    """The final model of the small study with another target; values: of its column, a sample each."""
    target = Target.from_config(settings)
    samples = target.add_to(study.samples.assign(**{target.column: values}).drop(columns=["y_true", "y_true_value"]))
    labels = samples.set_index("sample")[["y_true", "y_true_value"]]
    splits = study.splits.drop(columns=list(labels)).join(labels, on="sample")
    other = replace(study, samples=samples, splits=splits, **strict_fit(splits, target=target))
    return final_model.train(model_settings(target=settings, extra_columns=[target.column]), other, "cpu")


@pytest.fixture(scope="session")
def substrate_model(study):
    """A final model that predicts names without order."""
    names = np.resize(["A-plane", "c-plane sapphire", "M"], len(study.samples))
    return trained_on(study, {"column": "substrate", "classes": ["A-plane", "c-plane sapphire", "M"]}, names)


@pytest.fixture(scope="session")
def minutes_model(study):
    """A final model that predicts growth time in bins."""
    settings = {"column": "growth_minutes", "name": "growth time", "unit": "min", "bins": [0, 5, 10, 30]}
    return trained_on(study, settings, np.resize([2.5, 4.0, 7.0, 12.0, 25.0, 29.5], len(study.samples)))
