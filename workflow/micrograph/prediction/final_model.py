"""Train the final model: the CNN fitted on all samples with the settings that the strict protocol selected.

No sample is left to test this network. Its performance and its calibration come from cross-validation: networks trained
in the same way on all samples but those of one strict fold's test split.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import __version__
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, by_time, metrics, summaries, uncertainty
from micrograph.evaluation.films import FilmScore
from micrograph.networks import device as devices
from micrograph.networks import finetune, pretraining, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.prediction import calibration, novelty
from micrograph.prediction.storage import FinalModel
from micrograph.rng import random_stream
from micrograph.scans import conversion, rendering
from micrograph.scans.height_map import read_gwy
from micrograph.splits import film_scans
from micrograph.splits.fit_spec import NetworkSpec
from micrograph.target import Target, decode, growth_variables

if TYPE_CHECKING:
    import torch

IMAGE_SIDE = 96  # pixels of the study's micrographs in the file, shown as neighbours
# Beside those of growth.
SAMPLE_COLUMNS = ("sample", "batch", "y_true", "y_true_value", "source_sha256")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
OF_ORDER = "mae"  # of ordered targets, too
PERSONAL = ["operator"]  # not written into a file that others get
PACKAGES = ("numpy", "torch", "torchvision", "timm")
SCHEMES = ("nominal", "nnrank", "corn")  # those with probabilities


@dataclass(frozen=True)
class FinalModelSettings:
    """Settings of a final model.

    Parameters
    ----------
    target : dict
        The config's section `target`.
    extra_columns : list of str
        The study's own columns (`scans.extra_columns`).
    backbone, pretraining, policy, scheme, search : str
        As of `finetune.fine_tune`.
    training : dict
        Of `TrainingSettings`.
    preprocessing : dict
        Of `conversion.Preprocessing`.
    attribution : dict
        Of `maps.AttributionSettings`.
    coverage : float
        Of sets and intervals, 0 to 1.
    novelty_quantile : float
        Of the study's own distances.
    resamples : int
        Bootstrap resamples of every 95 % interval.
    data : str
        "simulated films" or "real films".
    seed : int
        Of the study.
    material : str, optional
        Of the films.
    """

    target: dict[str, Any]
    extra_columns: list[str]
    backbone: str
    pretraining: str
    policy: str
    scheme: str
    search: str
    training: dict[str, Any]
    preprocessing: dict[str, Any]
    attribution: dict[str, Any]
    coverage: float
    novelty_quantile: float
    resamples: int
    data: str
    seed: int
    material: str | None = None

    @property
    def predicted(self) -> Target:
        """What is predicted."""
        return Target.from_config(self.target)


@dataclass(frozen=True, eq=False)
class StudyData:
    """The study's tables.

    Parameters
    ----------
    samples : DataFrame
        The table of samples (`conversion.collect`).
    images : DataFrame
        The policy's images: sample, augmentation, micrograph (path).
    levelled : list of DataFrame
        The shards' tables of levelled scans, for the height ranges.
    splits : DataFrame
        Of the strict protocol.
    search_results, predictions : DataFrame
        Of the strict CNN.
    curves : list of DataFrame
        Training curves of the strict CNN.
    scan_weights : str
        What counts once in training, of `film_scans.WEIGHTS`.
    film_score : str
        How several scans of a film give its prediction, of `films.METHODS`.
    weights : str, optional
        Path of the weights that training starts from; None from scratch.
    fold_weights : list of str
        For weights pre-trained on the study's own micrographs: a path for each fold, in order, of weights pre-trained
        on the fold's training samples alone. Otherwise empty: `weights` serve every fold.
    by_time : DataFrame, optional
        Table of time (`by_time.make_table`); without it the model says nothing about time.
    """

    samples: pd.DataFrame
    images: pd.DataFrame
    levelled: Sequence[pd.DataFrame]
    splits: pd.DataFrame
    search_results: pd.DataFrame
    curves: Sequence[pd.DataFrame]
    predictions: pd.DataFrame
    scan_weights: str = "film"
    film_score: str = "mean"
    weights: str | None = None
    fold_weights: Sequence[str] = field(default_factory=list)
    by_time: pd.DataFrame | None = None


def train(settings: FinalModelSettings, study: StudyData, device: str = "auto") -> FinalModel:
    """Train the final model, cross-validate and calibrate it.

    Parameters
    ----------
    settings : FinalModelSettings
    study : StudyData
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    FinalModel

    Raises
    ------
    UserError
        If the scheme has no probabilities, or the tables are not of one study.
    """
    if settings.scheme not in SCHEMES:
        raise UserError(
            f"final_model.scheme {settings.scheme} gives no probabilities; choose one of: {', '.join(SCHEMES)}."
        )
    training = training_settings(settings, study)
    images = transforms.read_images(study.images["micrograph"], settings.training["pixels"])
    predictions = cross_validate(settings, study, training, images, device)
    tuned = _train(settings, study, study.samples.assign(split="train"), training, images, device, "all")
    backbone = _load_backbone(settings, study)
    facts = tuned.metadata | {"preprocessing": settings.preprocessing, "attribution": settings.attribution}
    embeddings = novelty.embed(backbone, facts, _micrographs(study.samples), device)
    small = np.stack([transforms.resize(one[None], IMAGE_SIDE)[0] for one in _micrographs(study.samples)])
    predicted = settings.predicted
    score = FilmScore(predicted, study.film_score)
    films, strict = (score.by_film(frame, settings.scheme) for frame in (predictions, study.predictions))
    known = uncertainty.labelled_scores(films, predicted)
    variables = growth_variables(
        study.samples.drop(columns=PERSONAL, errors="ignore"), predicted, settings.extra_columns
    )
    rng = random_stream(settings.seed, "checked")
    facts |= {
        "precision": _precision(settings, device),
        "target": settings.target, "material": settings.material, "data": settings.data,
        "seed": settings.seed, "versions": _versions(),
        "settings_sha256": hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest(),
        "calibration": asdict(calibration.fit(known, settings.coverage, predicted.ordered)),
        "constant": _constant(known, settings),
        "checked": calibration.check(known, settings.coverage, settings.resamples, rng, predicted),
        "cross_validated": _scores(films, settings), "strict": _scores(strict, settings),
        **_compare_to_majority(films, study, settings),
        "novelty": _novelty(settings, study, embeddings),
        "time": asdict(by_time.beside(study.by_time, "network")) if study.by_time is not None else None,
        "film_score": study.film_score,
        "cross_validated_predictions": _as_lists(films, settings),
        "growth_variables": variables,
        "films": {name: study.samples[name].tolist() for name in (*SAMPLE_COLUMNS, *variables)},
    }  # fmt: skip
    return FinalModel(tuned.network, backbone, _to_json(facts), embeddings, small)


def training_settings(settings: FinalModelSettings, study: StudyData) -> TrainingSettings:
    """Return the settings that most strict folds selected, with the median of their epochs; UserError if unknown."""
    point = most_selected(study.search_results)
    grid = finetune.param_grid(settings.scheme, TrainingSettings.from_dict(settings.training), settings.search)
    points = [finetune.hyperparameters(one) for one in grid]
    if point not in points:
        raise UserError(f"the strict folds selected {point}, not a point of the grid; train the strict networks again.")
    index = points.index(point)
    return replace(grid[index], epochs=median_epochs(study.curves, index))


def cross_validate(
    settings: FinalModelSettings,
    study: StudyData,
    training: TrainingSettings,
    images: torch.Tensor,
    device: str = "auto",
) -> pd.DataFrame:
    """Predict every sample with a network trained as the final one, but without the sample's test split.

    The strict networks cannot serve: they stop at the epoch that is best on validation samples, which the final one
    does not have.

    Parameters
    ----------
    settings : FinalModelSettings
    study : StudyData
    training : TrainingSettings
        Of `training_settings`.
    images : Tensor of uint8, shape (n, side, side)
        Of the rows of ``study.images``.
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    DataFrame
        Predictions of the test splits, sorted by sample.

    Raises
    ------
    UserError
        If there are not as many `fold_weights` as folds.
    """
    weights = _weights_by_fold(settings, study)
    names, augmentation = study.images["sample"].to_numpy(str), study.images["augmentation"].to_numpy(int)
    row_of = {name: row for row, name in enumerate(names) if augmentation[row] == 0}
    frames = []
    for fold, table in study.splits.groupby("fold"):
        test = table["split"].eq("test")
        table = table.assign(split=np.where(test, "test", "train"))
        tuned = _train(settings, replace(study, weights=weights[fold]), table, training, images, device, fold)
        samples = table[test].sort_values("sample")
        outputs = tuned.outputs[0][[row_of[name] for name in samples["sample"]]]
        y_pred, y_value, scores = decode(settings.scheme, outputs, settings.predicted.classes)
        frame = samples[["fold", "split", "sample", "batch"]].assign(
            film=film_scans.film_of(samples),
            augmentation=0,
            y_true=samples["y_true"],
            y_true_value=samples["y_true_value"],
            y_pred=y_pred,
            y_pred_value=y_value,
        )
        frame[settings.predicted.score_columns] = scores
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).sort_values("sample", ignore_index=True)


def _weights_by_fold(settings: FinalModelSettings, study: StudyData) -> dict[int, str | None]:
    """Return the path of the weights that each fold's network starts from."""
    folds, paths = sorted(study.splits["fold"].unique()), study.fold_weights
    self_supervised = pretraining.origin(settings.pretraining) == "self_supervised"
    if len(paths) != (len(folds) if self_supervised or paths else 0):
        raise UserError(
            f"final_model.pretraining {settings.pretraining}: {len(paths)} fold weights for {len(folds)} folds; "
            "give each fold weights that were pre-trained without its test samples."
        )
    starts: Sequence[str | None] = paths or [study.weights] * len(folds)
    return dict(zip(folds, starts, strict=True))


def most_selected(search_results: pd.DataFrame) -> dict[str, Any]:
    """Return the settings that most folds selected.

    Parameters
    ----------
    search_results : DataFrame
        best_params (JSON) and validation_accuracy, a row per fold.

    Returns
    -------
    dict
        learning_rate, batch_size, dropout; of equals those with the best mean validation accuracy, then those of the
        first fold.
    """
    groups = search_results.groupby("best_params", sort=False)["validation_accuracy"].agg(["size", "mean"]).round(9)
    return json.loads(groups.sort_values(["size", "mean"], ascending=False, kind="stable").index[0])


def median_epochs(curves: Sequence[pd.DataFrame], point: int) -> int:
    """Return the median number of epochs of the networks that folds kept, halves rounded up.

    Parameters
    ----------
    curves : sequence of DataFrame
        Training curves: point, epoch, kept.
    point : int
        Index in the grid.

    Raises
    ------
    UserError
        If no fold kept a network of the point.
    """
    kept = [table.loc[(table["point"] == point) & table["kept"].eq(1), "epoch"].to_numpy() for table in curves]
    epochs = np.concatenate(kept) + 1
    if not len(epochs):
        raise UserError("no training curve keeps a network of the selected settings; train the strict networks again.")
    return int(np.floor(np.median(epochs) + 0.5))


def _train(
    settings: FinalModelSettings,
    study: StudyData,
    table: pd.DataFrame,
    training: TrainingSettings,
    images: torch.Tensor,
    device: str,
    name: int | str,
) -> finetune.FineTuned:
    """Train on the samples of the train split; `name` (a fold, or "all") names the random stream."""
    spec = NetworkSpec("strict", settings.pretraining, settings.policy, settings.scheme)
    rng, fold_rng = random_stream(settings.seed, "train_production", name).spawn(2)
    table = table[["sample", "batch", "y_true", "y_true_value", "split"]].assign(fold=0, film=film_scans.film_of(table))
    weights_rng = random_stream(settings.seed, "train_production", name, "scan_weights")
    table = film_scans.add_repeats(table, study.scan_weights, weights_rng)
    fold = finetune.select_fold(study.images, table, 0, spec, fold_rng)
    task = finetune.TuningTask(spec, settings.backbone, [training], settings.predicted)
    return finetune.train_fixed_epochs(fold, images, task, study.weights, rng, device)


def _load_backbone(settings: FinalModelSettings, study: StudyData) -> torch.nn.Module:
    """Load the network before fine-tuning; random weights where it starts from scratch."""
    rng = random_stream(settings.seed, "train_production", "start")
    return pretraining.load_backbone(settings.backbone, settings.pretraining, study.weights, rng)


def _micrographs(samples: pd.DataFrame) -> Iterator[NDArray[np.uint8]]:
    """Read the micrographs of the samples, one after another."""
    return (rendering.read_png(path) for path in samples["micrograph"])


def _novelty(settings: FinalModelSettings, study: StudyData, embeddings: NDArray[np.float32]) -> dict[str, Any]:
    """Compute the limits of measures and distances."""
    samples, batches = study.samples, study.samples["batch"].to_numpy(str)
    between = novelty.distances_between_batches(embeddings, batches)
    measures = {name: samples[name].to_numpy(float) for name in ("width_nm", "lines", "pixels")}
    measures["scan_pixel_nm"] = measures["width_nm"] / measures["pixels"]
    measures["relief_nm"] = _height_ranges(samples, study.levelled)
    return {
        "block": novelty.BLOCK,
        "neighbours": novelty.NEIGHBOURS,
        "quantile": settings.novelty_quantile,
        "threshold": novelty.threshold(between, settings.novelty_quantile),
        "flagged": novelty.flagged_share(between, batches, settings.novelty_quantile, film_scans.film_of(samples)),
        "ranges": novelty.ranges(measures),
    }


def _height_ranges(samples: pd.DataFrame, levelled: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
    """Height range (n,) in nm of every sample's levelled map, NaN of exported images."""
    paths = {row.sample: row.height for table in levelled for row in table.itertuples() if isinstance(row.height, str)}
    heights = [paths.get(sample, "") for sample in samples["sample"]]
    return np.array([conversion.height_range_nm(read_gwy(path).height_nm) if path else np.nan for path in heights])


def _resampling(settings: FinalModelSettings) -> bootstrap.Resampling:
    """Return the resamples behind the intervals of the model card."""
    return bootstrap.Resampling(settings.predicted.classes, settings.resamples, random_stream(settings.seed, "card"))


def _scores(predictions: pd.DataFrame, settings: FinalModelSettings) -> dict[str, Any]:
    """Compute {metric: [value, low, high]} of the test predictions, with the numbers of samples and batches."""
    test = predictions[predictions["split"] == "test"]
    names = [*METRICS, OF_ORDER] if settings.predicted.ordered else METRICS
    intervals = bootstrap.intervals(test, names, _resampling(settings))
    scores = {name: [metrics.score(test, name, settings.predicted.classes), *intervals[name]] for name in names}
    return scores | {"films": len(test), "batches": test["batch"].nunique()}


def _compare_to_majority(predictions: pd.DataFrame, study: StudyData, settings: FinalModelSettings) -> dict[str, Any]:
    """Compare the predictions with the majority class of the training samples.

    Returns
    -------
    dict
        majority (its accuracy), above_majority ([value, low, high] of the accuracy above it) and discordant (number of
        samples that only one of the two gets right).
    """
    known = film_scans.films_by_fold(study.splits[study.splits["split"] != "test"])
    known = known.assign(split="train")
    baseline = metrics.majority_class_baseline(pd.concat([known, predictions], ignore_index=True))
    baseline = baseline[baseline["split"] == "test"]
    interval = bootstrap.paired_bootstrap(predictions, baseline, "accuracy", _resampling(settings))
    accuracy, majority = (
        metrics.score(frame, "accuracy", settings.predicted.classes) for frame in (predictions, baseline)
    )
    compared = {"majority": majority, "above_majority": [accuracy - majority, *interval]}
    return compared | {"discordant": summaries.discordant(predictions, baseline)}


def _precision(settings: FinalModelSettings, device: str) -> str:
    """Name the arithmetic that this machine really computed in, which may not be the one of the settings."""
    used = devices.resolve_dtype(settings.training["precision"], devices.resolve_device(device))
    return next(name for name, dtype in devices.PRECISIONS.items() if dtype is used)


def _as_lists(predictions: pd.DataFrame, settings: FinalModelSettings) -> dict[str, list]:
    """Return the predictions of films as lists, of which scores, calibration and coverage can be recomputed."""
    columns = ["sample", "batch", "fold", "y_true", "y_true_value", "y_pred", *settings.predicted.score_columns]
    return {name: predictions[name].tolist() for name in columns}


def _constant(known: uncertainty.LabelledScores, settings: FinalModelSettings) -> dict[str, Any]:
    """Return the set (classes) and the interval, None without order, that are the best without using the scan."""
    inside = uncertainty.constant_set(known.true_index, len(known.classes))
    interval = calibration.constant_interval(known, settings.coverage) if settings.predicted.ordered else None
    return {"classes": np.asarray(settings.predicted.classes)[inside].tolist(), "interval": interval}


def _versions() -> dict[str, str]:
    """List the versions of the software."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"micrograph": __version__, "python": platform.python_version()} | packages


def _to_json(value: Any) -> Any:
    """Convert to JSON values: no numpy, and None for a number that is not finite."""
    if isinstance(value, dict):
        return {str(name): _to_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_to_json(part) for part in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
