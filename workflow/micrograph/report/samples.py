"""The data of the explorer of samples: window.STUDY, columns of values in the order of the samples' names.

Every sample is shown with the prediction and the attribution maps of the network of the fold that tests it. Keys of the
study (missing values are null):

target      name, unit, classes (values), labels (of the classes)
colours     [hex, one per class]; explained (the score that attribution explains); model (name)
metadata    [{column, name, unit, number (or text)}]: what the sheet tells beside the target
samples     columns, one value per sample: name, batch, truth, predicted (classes), true_value (only where it is not the
            class), value (predicted), confidence, correct, fold, those of metadata and of `COLUMNS`, side_nm (of the
            square micrograph), sha256 (12 digits), scores [[one per class] ...], cam_flag, occlusion_flag,
            cam_strongest (largest value of the map), occlusion_strongest (largest absolute effect of a window on
            `target`), neighbours [[indices] ...], distances [[...] ...], x, y; where films have several scans also film
            (name) and film_predicted (from all its scans)
overlays    cam, occlusion, that which shows more first: {description, detail, warning and brief (what tests say against
            it, in full and in a few words, or null), colours {positive, negative (null: not drawn)}}
neighbours  description
map         description, x, y (labels of the axes)
curves      {fold: {epoch, train_loss, validation_loss, validation_accuracy: [...], kept: epoch}}; training: description
sheets, large  where the pictures are (added by sprites.write)
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from micrograph.attribution import target_score
from micrograph.attribution.maps import BASELINES, Attributions
from micrograph.errors import UserError, lookup
from micrograph.evaluation import attribution_tests
from micrograph.evaluation.labels import fit_label
from micrograph.figures import attribution_maps, fig8_fig9, style, training_curves
from micrograph.report import sprites
from micrograph.report.similar_samples import Neighbours
from micrograph.scans import rendering
from micrograph.splits.fit_spec import FitSpec
from micrograph.target import Target, growth_variables

N_SIGNIFICANT = 5  # digits of a number on the page
HASH_DIGITS = 12
# Columns of the table of samples that the page shows, missing ones as null.
COLUMNS = (
    *("scan", "pixel_nm", "width_nm", "tall_nm", "lines", "pixels", "channel", "direction", "levelling", "quality"),
)
FILM = ("film", "film_predicted")
UNTESTED = "This study has no attribution tests: whether the map shows more than that of another film is unknown."
BRIEF_UNTESTED, BRIEF_NOTHING = "not tested", "no more than another film's map"
CURVES = ("epoch", "train_loss", "validation_loss", "validation_accuracy")


def tested(predictions: pd.DataFrame, samples: pd.DataFrame, films: pd.DataFrame | None = None) -> pd.DataFrame:
    """Join the test prediction of every sample with its row in the table of samples.

    Parameters
    ----------
    predictions : DataFrame
        Table of predictions under the strict protocol.
    samples : DataFrame
        Table of accepted samples.
    films : DataFrame, optional
        The predictions of films.

    Returns
    -------
    DataFrame
        One row per tested sample, sorted by name; with ``film_predicted`` where films have several scans.

    Raises
    ------
    UserError
        If a sample is tested twice or is not among `samples`.
    """
    rows = predictions[(predictions["split"] == "test") & (predictions["augmentation"] == 0)]
    duplicates = rows.loc[rows["sample"].duplicated(), "sample"]
    if len(duplicates):
        raise UserError(
            f"sample {duplicates.iloc[0]} is tested by several folds; give predictions of the strict protocol."
        )
    rows = rows.sort_values("sample", ignore_index=True)
    index = pd.Index(samples["sample"]).get_indexer(rows["sample"])
    if (index < 0).any():
        raise UserError(
            f"sample {rows['sample'][index < 0].iloc[0]} has predictions but is not in samples.tsv; fit again."
        )
    if films is not None and (rows["film"] != rows["sample"]).any():
        of_film = films[films["split"] == "test"].drop_duplicates("film").set_index("film")["y_pred"]
        rows = rows.assign(film_predicted=rows["film"].map(of_film))
    described = samples.iloc[index].reset_index(drop=True)
    return pd.concat([rows, described[[name for name in described if name not in rows]]], axis=1)


def study(
    rows: pd.DataFrame,
    attributions: Attributions,
    neighbours: Neighbours,
    feature_map: Mapping[str, dict],
    curves: pd.DataFrame,
    spec: FitSpec,
    target: Target,
    extra_columns: Sequence[str] = (),
    tests: pd.DataFrame | None = None,
    pixels: int = rendering.PIXELS,
) -> dict[str, Any]:
    """Collect window.STUDY without its pictures.

    Parameters
    ----------
    rows : DataFrame
        Result of `tested`.
    attributions : Attributions
        Of the same samples.
    neighbours : Neighbours
        Of the same samples.
    feature_map : mapping
        Result of `feature_map`.
    curves : DataFrame
        Training curves of the explained networks.
    spec : FitSpec
        The fit.
    target : Target
    extra_columns : sequence of str
        The study's own columns (`scans.extra_columns`).
    tests : DataFrame, optional
        Table of attribution tests.
    pixels : int
        Side of a micrograph.

    Returns
    -------
    dict
        Can be written as JSON.

    Raises
    ------
    UserError
        If the attributions are of other samples.
    """
    from matplotlib.colors import to_hex

    check_samples(rows, attributions)
    marks = style.class_marks(target.classes, target.ordered)
    metadata = growth_variables(rows, target, extra_columns)
    return {
        "target": {
            "name": target.name,
            "unit": target.unit,
            "classes": list(target.classes),
            "labels": list(target.labels),
        },
        "colours": [to_hex(marks[one][0]) for one in target.classes],
        "explained": target_score.describe(spec.scheme),
        "metadata": [
            {"column": column, "name": name, "unit": unit, "number": is_numeric_dtype(rows[column])}
            for column, (name, unit) in metadata.items()
        ],
        "model": model_name(spec),
        "samples": {
            **columns(rows, target, metadata, pixels),
            **_attribution_columns(attributions),
            **_neighbour_columns(neighbours),
            **feature_map["samples"],
        },
        "overlays": _overlays(attributions, tests),
        "neighbours": "Nearest training samples of the fold, by Euclidean distance of the features of the network "
        "fine-tuned for it. The growth day of the sample is not among them.",
        "map": feature_map["map"],
        "curves": training(curves),
        "training": "The network that tests the sample: loss by epoch on its training samples and on the validation "
        "samples, which select the epoch.",
    }


def check_samples(rows: pd.DataFrame, attributions: Attributions) -> None:
    """Check that predictions and attributions are of the same samples in the same order.

    Parameters
    ----------
    rows : DataFrame
        Result of `tested`.
    attributions : Attributions

    Raises
    ------
    UserError
    """
    if list(rows["sample"]) != list(attributions.samples):
        lost = sorted(set(rows["sample"]) ^ set(map(str, attributions.samples)))
        raise UserError(f"sample {lost[0]} has predictions or maps, not both; compute the attributions again.")


def model_name(spec: FitSpec) -> str:
    """Name a fit: "CNN, nominal, imagenet, aug3".

    Parameters
    ----------
    spec : FitSpec

    Returns
    -------
    str
    """
    return fit_label(spec, ("model", "scheme", "pretraining", "policy"))


def columns(
    rows: pd.DataFrame, target: Target, metadata: Iterable[str] = (), pixels: int = rendering.PIXELS
) -> dict[str, list]:
    """List what is known of the samples apart from attributions.

    Parameters
    ----------
    rows : DataFrame
        Result of `tested`.
    target : Target
    metadata : iterable of str
        Columns that the sheet has beside the target.
    pixels : int
        Side of a micrograph.

    Returns
    -------
    dict of str to list
    """
    truth, predicted = rows["y_true"], rows["y_pred"]
    scores = rows[target.score_columns].to_numpy(float)
    is_predicted = predicted.to_numpy(float, na_value=np.nan)[:, None] == np.asarray(target.classes, float)
    confidence = np.where(is_predicted.any(axis=1), np.where(is_predicted, scores, 0).sum(axis=1), np.nan)
    side = pixels * rows["pixel_nm"].to_numpy(float)
    return {
        "name": plain(rows["sample"]),
        "batch": plain(rows["batch"]),
        "truth": plain(truth),
        "true_value": plain(rows["y_true_value"].where(rows["y_true_value"] != truth)),
        "predicted": plain(predicted),
        "value": plain(rows["y_pred_value"]),
        "confidence": plain(confidence),
        "correct": [bool(one) for one in predicted.eq(truth).fillna(False)],
        "fold": plain(rows["fold"]),
        **{name: plain(rows[name]) if name in rows else [None] * len(rows) for name in (*metadata, *COLUMNS)},
        "side_nm": plain(side),
        "sha256": [str(one)[:HASH_DIGITS] for one in rows["source_sha256"]],
        "scores": [plain(row) for row in scores],
        **({name: plain(rows[name]) for name in FILM} if set(FILM) <= set(rows) else {}),
    }


def _attribution_columns(attributions: Attributions) -> dict[str, list]:
    cam, occlusion = attribution_maps.CAM, attribution_maps.OCCLUSION
    indices = range(len(attributions))
    return {
        "cam_flag": plain(attributions.cam_flag),
        "occlusion_flag": plain(attributions.occlusion_flag),
        "cam_strongest": plain([attribution_maps.largest_shown(attributions.weighted_map(i), cam) for i in indices]),
        "occlusion_strongest": plain(
            [attribution_maps.largest_shown(attributions.windows(i), occlusion) for i in indices]
        ),
    }


def _neighbour_columns(neighbours: Neighbours) -> dict[str, list]:
    valid = [row >= 0 for row in neighbours.indices]
    return {
        "neighbours": [row[kept].tolist() for row, kept in zip(neighbours.indices, valid, strict=True)],
        "distances": [plain(row[kept]) for row, kept in zip(neighbours.distances, valid, strict=True)],
    }


def _overlays(attributions: Attributions, tests: pd.DataFrame | None) -> dict[str, dict]:
    """Describe the two kinds of overlay, occlusion first where class activation maps show nothing beyond a control."""
    high, wide = attributions.weighted.shape[2:]
    rows, cols = attributions.occlusion.shape[2:]
    fill = lookup(attributions.baseline, BASELINES, "baseline").text
    kinds = {
        "cam": (attribution_maps.CAM, f"{high} x {wide} values, interpolated."),
        "occlusion": (
            attribution_maps.OCCLUSION,
            f"{rows} x {cols} windows of {attributions.patch} x {attributions.patch} pixels with stride "
            f"{attributions.stride} in {attributions.side} x {attributions.side} pixels, filled with {fill}.",
        ),
    }
    types = {"cam": attributions.weighted_name, "occlusion": "occlusion"}
    warnings = {
        kind: UNTESTED if tests is None else attribution_tests.shows_nothing(tests, name) or None
        for kind, name in types.items()
    }
    if tests is not None and warnings["cam"]:
        kinds = dict(reversed(kinds.items()))
    return {
        kind: {
            "warning": warnings[kind],
            "brief": BRIEF_UNTESTED if tests is None else BRIEF_NOTHING if warnings[kind] else None,
            "description": scale.description,
            "detail": f"{detail} Colours are relative to the largest value of each sample.",
            "colours": {"positive": scale.positive, "negative": scale.negative},
        }
        for kind, (scale, detail) in kinds.items()
    }


def feature_map(
    components: Mapping[str, NDArray], samples: pd.DataFrame, names: Sequence[str], title: str
) -> dict[str, dict]:
    """Place the samples at their first two principal components.

    Parameters
    ----------
    components : mapping of str to ndarray
        Arrays of a file of principal components; fold 0 is shown, as in figures 8 and 9.
    samples : DataFrame
        Table of accepted samples.
    names : sequence of str
        Samples in the order of the page.
    title : str
        The features.

    Returns
    -------
    dict
        ``samples`` with columns ``x`` and ``y`` (None without features), ``map`` with ``description`` and labels of the
        axes.
    """
    fit = fig8_fig9.select_fold(components, samples)
    index = pd.Index(fit.samples["sample"]).get_indexer(names)
    scores = np.where((index >= 0)[:, None], np.asarray(fit.scores, float)[index][:, :2], np.nan)
    axes = [f"component {number} ({100 * share:.1f} % of variance)" for number, share in enumerate(fit.explained, 1)]
    description = f"First two principal components of the features: {title}."
    return {
        "samples": {"x": plain(scores[:, 0]), "y": plain(scores[:, 1])},
        "map": {"description": description, "x": axes[0], "y": axes[1]},
    }


def training(curves: pd.DataFrame) -> dict[str, dict]:
    """List the training curves of every fold, of the selected grid point.

    Parameters
    ----------
    curves : DataFrame
        One row per fold, grid point and epoch.

    Returns
    -------
    dict
        By fold; columns `CURVES` and the selected epoch ``kept``.
    """
    by_fold = {}
    for fold, rows in training_curves.selected_points(curves).groupby("fold", sort=True):
        rows = rows.sort_values("epoch")
        kept = rows.loc[rows["kept"] == 1, "epoch"]
        by_fold[str(fold)] = {name: plain(rows[name]) for name in CURVES} | {"kept": plain(kept)[0]}
    return by_fold


def pictures(rows: pd.DataFrame, attributions: Attributions) -> sprites.Pictures:
    """Give the pictures of the samples; micrographs are read on request.

    Parameters
    ----------
    rows : DataFrame
        Result of `tested`.
    attributions : Attributions
        Of the same samples.

    Returns
    -------
    Pictures

    Raises
    ------
    UserError
        If the attributions are of other samples.
    """
    check_samples(rows, attributions)
    paths = rows["micrograph"].tolist()

    def overlay(flag: str, values: NDArray[np.floating], scale: attribution_maps.Scale) -> NDArray[np.uint8] | None:
        return None if flag else attribution_maps.paint(values, sprites.SMALL.tile, scale)

    return sprites.Pictures(
        len(paths),
        lambda i: rendering.read_png(paths[i]),
        lambda i: overlay(attributions.cam_flag[i], attributions.weighted_map(i), attribution_maps.CAM),
        lambda i: overlay(attributions.occlusion_flag[i], attributions.occlusion_map(i), attribution_maps.OCCLUSION),
    )


def plain(values: Iterable) -> list:
    """Convert a column to values of JSON.

    Parameters
    ----------
    values : iterable

    Returns
    -------
    list
        Texts, whole numbers, floats of `N_SIGNIFICANT` digits, None for missing and infinite values.
    """
    return [_plain(value) for value in (values.tolist() if hasattr(values, "tolist") else values)]


def _plain(value: Any) -> str | bool | int | float | None:
    if value is None or value is pd.NA:
        return None
    if isinstance(value, str | bool):
        return value
    if float(value).is_integer() and abs(value) < 2**53:
        return int(value)
    rounded = float(f"{value:.{N_SIGNIFICANT}g}")
    return rounded if math.isfinite(rounded) else None


def javascript(study: Mapping[str, Any]) -> str:
    """Write the study as the script samples.js.

    Parameters
    ----------
    study : mapping
        Values of JSON.

    Returns
    -------
    str
        ASCII; ``<`` is escaped, so that no name can end the script or the page.
    """
    text = json.dumps(study, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"window.STUDY = {text.replace('<', chr(92) + 'u003c')};\n"
