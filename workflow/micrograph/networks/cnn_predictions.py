"""From the stored outputs of fine-tuned networks to predictions and choices (the CNN), or to tuned features.

A chunk of folds leaves a dict of arrays (networks/finetune.py): samples (n,), copies (n,), points (JSON, the settings
of every grid point), and outputs_{fold}_{point} (n, outputs), what that network answers for every row in evaluation
mode. A grid point is so chosen without a network in memory.
"""

import json

import numpy as np

from micrograph import target
from micrograph.errors import UserError
from micrograph.splits import model_selection, prediction_table, protocols, splitters


def predict_cnn(chunks, table, *, protocol, policy, scheme, classes, rng):
    """(choices, predictions): the tables of the waist for one network scheme.

    chunks: dicts of arrays as above, together every fold once; table: the splits; scheme: nominal ... regression;
    classes: growth temperatures in Celsius; rng: numpy Generator, which draws the rows that a policy scores.
    strict: every fold answers with its own choice. published: validation rows are the fold's own best point, train and
    test rows the best point of the best fold. The column components is 0: a network sees pictures.
    """
    samples, copies, points, outputs = joined(chunks, range(table["fold"].nunique()))
    folds = prediction_table.make_folds(samples, copies, table, protocol=protocol, policy=policy, rng=rng)
    chosen = _chosen(folds, outputs, protocol, scheme, classes)
    used = model_selection.refit_choice(chosen, protocol)
    frames = [
        _scored(fold, part, outputs[fold.number][choice.point if part == "validation" else point], scheme, classes)
        for fold, choice, point in zip(folds, chosen, used, strict=True)
        for part in splitters.PARTS
    ]
    return prediction_table.choices(chosen, used, points), prediction_table.predictions(frames)


def _chosen(folds, outputs, protocol, scheme, classes):
    """The Choice of every fold. outputs: {fold: (n, outputs) of every grid point}."""
    held = [fold.parts[protocols.parse(protocol).chooser] for fold in folds]
    predicted = [
        np.stack([_decoded(scheme, values[rows], classes)[0] for values in outputs[fold.number]])
        for fold, rows in zip(folds, held, strict=True)
    ]
    truths = [fold.rows.labels[rows] for fold, rows in zip(folds, held, strict=True)]
    return model_selection.select(predicted, truths, protocol)


def _scored(fold, part, outputs, scheme, classes):
    """One part's predictions from the outputs (n, outputs) of one network."""
    return prediction_table.prediction_frame(
        fold, part, *_decoded(scheme, outputs[fold.parts[part]], classes), classes, components=0
    )


def _decoded(scheme, outputs, classes):
    """(predicted (m,), value (m,), scores (m, classes)), all NaN where an output is no number: a network diverged."""
    sound = np.isfinite(outputs).all(axis=1)
    predicted, value, marks = target.decode(scheme, np.where(sound[:, None], outputs, 0.0), classes)
    return np.where(sound, predicted, np.nan), np.where(sound, value, np.nan), np.where(sound[:, None], marks, np.nan)


def tuned(chunks, curves, *, protocol, folds):
    """(samples (n,), copies (n,), [features (n, 100) of fold 0, 1, ...]): the fine-tuned features of every row.

    chunks: as above, of the head `tuned`, whose outputs are the features; curves: the learning curves of all folds
    (fold, point, epoch, validation_accuracy, kept), which choose between grid points; folds: their number.
    Every fold its own network; with the leak `one_fold` one network, that of the last fold, gives the features of all
    folds, as in the paper, though most held-out samples of the others were in its training rows.
    """
    source = _last if "one_fold" in protocols.parse(protocol).leaks else _own
    samples, copies, points, outputs = joined(chunks, {source(fold, folds) for fold in range(folds)})
    best = {fold: _best_point(curves, fold, len(points)) for fold in {source(fold, folds) for fold in range(folds)}}
    return samples, copies, [outputs[source(fold, folds)][best[source(fold, folds)]] for fold in range(folds)]


def _own(fold, folds):
    """The fold whose network gives a fold's features: itself."""
    return fold


def _last(fold, folds):
    """The fold whose network gives a fold's features: the last one, for all."""
    return folds - 1


def _best_point(curves, fold, points):
    """The grid point of a fold whose kept network has the best validation accuracy, the first among equals."""
    if points == 1:
        return 0
    kept = curves[(curves["fold"] == fold) & curves["kept"].eq(True)].sort_values("point")
    if kept.empty:
        raise UserError(
            f"the learning curves of fold {fold} keep no epoch of any grid point: lower its learning rates."
        )
    return int(kept["point"].to_numpy()[kept["validation_accuracy"].fillna(-1).round(9).to_numpy().argmax()])


def joined(chunks, folds):
    """(samples, copies, points, {fold: [outputs of point 0, 1, ...]}) of all chunks.

    folds: those wanted. Raises UserError where the chunks are not of the same rows and grid points, or do not hold each of
    these folds once.
    """
    first = chunks[0]
    points = json.loads(str(first["points"]))
    outputs = {}
    for chunk in chunks:
        for name in ("samples", "copies", "points"):
            if not np.array_equal(chunk[name], first[name]):
                raise UserError(
                    f"networks of one study were trained with different {name}: train all their folds anew."
                )
        for fold in sorted({int(name.split("_")[1]) for name in chunk if name.startswith("outputs_")}):
            if fold in outputs:
                raise UserError(f"fold {fold} of the networks was given twice: give the answers of every fold once.")
            outputs[fold] = [chunk[f"outputs_{fold}_{point}"] for point in range(len(points))]
    if lost := sorted(set(folds) - set(outputs)):
        raise UserError(f"fold {lost[0]} is missing from the networks' answers: train the networks of all folds.")
    return first["samples"].astype(str), first["copies"].astype(int), points, outputs
