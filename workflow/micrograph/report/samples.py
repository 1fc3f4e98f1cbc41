"""What the page knows of every film: window.STUDY, columns of values in the order of the films' names.

Every film is tested once, by the network of the fold that holds it out; that network's answer and its explanation are
shown. Keys of the study (missing values are null):

data, classes, colours ([hex, one a class]), scheme, target (what is explained, in words), model (words)
films       columns, index i the film: sample, batch, truth, predicted, value (C), confidence, right, fold, substrate,
            seconds, pressure, scan, pixel_nm, side_nm (of the square micrograph), width_nm, tall_nm (of the scan),
            lines, pixels, channel, direction, sha256 (12 digits), scores [[one a class] ...], cam_flag, occlusion_flag,
            cam_strongest (the map's largest value), occlusion_strongest (the largest effect of one window on `target`,
            without its sign), neighbours [[places] ...], distances [[...] ...], training (films that neighbours were
            chosen from), x, y
overlays    cam, occlusion: {name, words, detail, colours {positive, negative (null: not drawn)}}
neighbours  words
map         words, x, y (labels of the axes)
curves      {fold: {epoch, train_loss, validation_loss, validation_accuracy: [...], kept: epoch}}; training: words
sheets, large  where the pictures are (sheets.write adds them)
"""

import json
import math

import numpy as np
import pandas as pd

from micrograph.attribution import target_score
from micrograph.attribution.maps import BASELINES
from micrograph.errors import UserError, lookup
from micrograph.evaluation.labels import fit_label
from micrograph.figures import attribution_maps, fig8_fig9, style, training_curves
from micrograph.report import sprites
from micrograph.scans import rendering

SIGNIFICANT = 5  # digits that the page is given
HASH_DIGITS = 12
KNOWN = {  # column of the samples table -> its name on the page
    "substrate": "substrate",
    "growth_seconds": "seconds",
    "pressure_torr": "pressure",
    "scan": "scan",
    "pixel_nm": "pixel_nm",
    "width_nm": "width_nm",
    "tall_nm": "tall_nm",
    "lines": "lines",
    "pixels": "pixels",
    "channel": "channel",
    "direction": "direction",
}
CURVES = ("epoch", "train_loss", "validation_loss", "validation_accuracy")


def tested(predictions, samples):
    """One row a tested film, sorted by name: its test prediction and what the samples table says of it.

    predictions: the waist's table under the strict protocol; samples: the table of accepted samples. Raises UserError
    where a film is tested twice or is not among the samples.
    """
    rows = predictions[(predictions["split"] == "test") & (predictions["augmentation"] == 0)]
    twice = rows.loc[rows["sample"].duplicated(), "sample"]
    if len(twice):
        raise UserError(
            f"sample {twice.iloc[0]} is tested by several folds; the page shows predictions of strict alone."
        )
    rows = rows.sort_values("sample", ignore_index=True)
    places = pd.Index(samples["sample"]).get_indexer(rows["sample"])
    if (places < 0).any():
        raise UserError(
            f"sample {rows['sample'][places < 0].iloc[0]} has predictions and is not in samples.tsv; fit anew."
        )
    found = samples.iloc[places].reset_index(drop=True)
    return pd.concat([rows, found[[name for name in found if name not in rows]]], axis=1)


def study(rows, explained, near, place, curves, spec, classes, data):
    """window.STUDY without its pictures, as a dict that json can write.

    rows: of `tested`; explained: maps.Attributions of the same films; near: neighbours.Near of the same films; place:
    of feature_map; curves: rows of the explained networks' learning curves; spec: the fit's; classes:
    Celsius; data: how the data are called. Raises UserError where the films that are explained are others.
    """
    from matplotlib.colors import to_hex

    same_films(rows, explained)
    marks = style.class_marks(classes)
    return {
        "data": data,
        "classes": list(classes),
        "colours": [to_hex(marks[name][0]) for name in classes],
        "scheme": spec.scheme,
        "target": target_score.describe(spec.scheme),
        "model": named(spec),
        "films": {**columns(rows, classes), **_explained(explained), **_near(near), **place["films"]},
        "overlays": _overlays(explained),
        "neighbours": "Of the films that the fold trained on, those nearest in the values of the network fine-tuned "
        "for the fold's features (Euclidean distance). A film's own growth day is not among them.",
        "map": place["map"],
        "curves": learning(curves),
        "training": "The network that tested the film: its loss by epoch on the films that it learnt from and on those "
        "that chose the epoch.",
    }


def same_films(rows, explained):
    """UserError unless the rows and the explanations are of the same films in the same order."""
    if list(rows["sample"]) != list(explained.samples):
        lost = sorted(set(rows["sample"]) ^ set(map(str, explained.samples)))
        raise UserError(f"sample {lost[0]} is either tested or explained, not both; explain the networks again.")


def named(spec):
    """Name a fit: "CNN, nominal, imagenet, aug3"."""
    return fit_label(spec, ("model", "scheme", "pretraining", "policy"))


def columns(rows, classes):
    """What is known of the films apart from explanations: {column: list}."""
    truth, predicted = rows["y_true"], rows["y_pred"]
    marks = rows[[f"score_{celsius}" for celsius in classes]].to_numpy(float)
    chosen = predicted.to_numpy(float, na_value=np.nan)[:, None] == np.asarray(classes, float)
    confidence = np.where(chosen.any(axis=1), np.where(chosen, marks, 0).sum(axis=1), np.nan)
    side = rendering.PIXELS * rows["pixel_nm"].to_numpy(float)
    return {
        "sample": plain(rows["sample"]),
        "batch": plain(rows["batch"]),
        "truth": plain(truth),
        "predicted": plain(predicted),
        "value": plain(rows["y_pred_value"]),
        "confidence": plain(confidence),
        "right": [bool(one) for one in predicted.eq(truth).fillna(False)],
        "fold": plain(rows["fold"]),
        **{name: plain(rows[column]) if column in rows else [None] * len(rows) for column, name in KNOWN.items()},
        "side_nm": plain(side),
        "sha256": [str(one)[:HASH_DIGITS] for one in rows["source_sha256"]],
        "scores": [plain(row) for row in marks],
    }


def _explained(explained):
    """The columns on explanations."""
    count = range(len(explained))
    return {
        "cam_flag": plain(explained.cam_flag),
        "occlusion_flag": plain(explained.occlusion_flag),
        "cam_strongest": plain(
            [attribution_maps.strongest(explained.weighted_map(i), attribution_maps.CAM) for i in count]
        ),
        "occlusion_strongest": plain(
            [attribution_maps.strongest(explained.windows(i), attribution_maps.OCCLUSION) for i in count]
        ),
    }


def _near(near):
    """The columns on neighbours."""
    there = [row >= 0 for row in near.places]
    return {
        "neighbours": [row[kept].tolist() for row, kept in zip(near.places, there, strict=True)],
        "distances": [plain(row[kept]) for row, kept in zip(near.distances, there, strict=True)],
        "training": near.training.tolist(),
    }


def _overlays(explained):
    """What the page says of the two kinds of overlay."""
    high, wide = explained.weighted.shape[2:]
    rows, cols = explained.occlusion.shape[2:]
    filled = lookup(explained.baseline, BASELINES, "baseline").text
    kinds = {
        "cam": (
            attribution_maps.CAM,
            attribution_maps.NAMES[explained.weighted_name],
            f"{high} x {wide} values, drawn smooth.",
        ),
        "occlusion": (
            attribution_maps.OCCLUSION,
            "Occlusion",
            f"{rows} x {cols} windows of {explained.patch} x {explained.patch} pixels, {explained.stride} apart, in a "
            f"picture of {explained.side} x {explained.side}, filled with {filled}.",
        ),
    }
    return {
        kind: {
            "name": name,
            "words": scale.words,
            "detail": f"{detail} Every film by its own strongest value, so that two films' colours do not compare.",
            "colours": {"positive": scale.positive, "negative": scale.negative},
        }
        for kind, (scale, name, detail) in kinds.items()
    }


def feature_map(components, samples, names, title):
    """Where the films stand on the map: {"films": {"x", "y"}, "map": {"words", "x", "y"}}.

    components: arrays of a components file, of which fold 0 is shown, as in figures 8 and 9; samples: the table of
    accepted samples; names: (n,) of the films; title: what the components are of. A film without any has no place.
    """
    fit = fig8_fig9.one_fit(components, samples)
    places = pd.Index(fit.samples["sample"]).get_indexer(names)
    scores = np.where((places >= 0)[:, None], np.asarray(fit.scores, float)[places][:, :2], np.nan)
    shares = [f"component {number} ({100 * share:.1f} % of variance)" for number, share in enumerate(fit.explained, 1)]
    words = f"Films at their first two principal components: {title}. Films near each other look alike to the network."
    return {
        "films": {"x": plain(scores[:, 0]), "y": plain(scores[:, 1])},
        "map": {"words": words, "x": shares[0], "y": shares[1]},
    }


def learning(curves):
    """The learning curves fold by fold, of the grid point that each fold kept: {"0": {"epoch": [...], ...}}."""
    found = {}
    for fold, rows in training_curves.best_points(curves).groupby("fold", sort=True):
        rows = rows.sort_values("epoch")
        kept = rows.loc[rows["kept"] == 1, "epoch"]
        found[str(fold)] = {name: plain(rows[name]) for name in CURVES} | {"kept": plain(kept)[0]}
    return found


def drawn(rows, explained):
    """The sheets.Drawn of the films of `tested`; micrographs are read when they are asked for."""
    same_films(rows, explained)
    paths = rows["micrograph"].tolist()
    tile = sprites.SMALL.tile

    def cam(i):
        return (
            None
            if explained.cam_flag[i]
            else attribution_maps.paint(explained.weighted_map(i), tile, attribution_maps.CAM)
        )

    def occlusion(i):
        if explained.occlusion_flag[i]:
            return None
        return attribution_maps.paint(explained.occlusion_map(i), tile, attribution_maps.OCCLUSION)

    return sprites.Drawn(len(paths), lambda i: rendering.read_png(paths[i]), cam, occlusion)


def plain(values):
    """A column as a list of what JSON knows: texts, whole numbers, numbers of SIGNIFICANT digits, None for missing."""
    return [_plain(value) for value in (values.tolist() if hasattr(values, "tolist") else values)]


def _plain(value):
    if value is None or value is pd.NA:
        return None
    if isinstance(value, str | bool):
        return value
    if float(value).is_integer() and abs(value) < 2**53:
        return int(value)
    rounded = float(f"{value:.{SIGNIFICANT}g}")
    return rounded if math.isfinite(rounded) else None


def javascript(study):
    """The text of films.js, in ASCII. Nothing in a name can end the script or the page: `<` is written as an escape."""
    text = json.dumps(study, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"window.STUDY = {text.replace('<', chr(92) + 'u003c')};\n"
