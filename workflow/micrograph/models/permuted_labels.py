"""Permutation tests: models on block features, fitted on labels that were permuted many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace

import numpy as np
import pandas as pd

from micrograph.io import FeatureChunks, FeatureSet
from micrograph.models import fit, pca
from micrograph.splits import film_scans, permutation, protocols, splitters
from micrograph.splits.fit_spec import FitTask

COLUMNS = ["labels", "permutation", "features", "model", "fold", "split", "sample", "film", "batch",
           "y_true", "y_pred"]  # fmt: skip
PARTS = ("validation", "test")


def permuted_predictions(
    samples: pd.DataFrame,
    blocks: dict[str, FeatureChunks],
    tasks: list[FitTask],
    n_permutations: dict[str, int],
    folds: int,
    scan_weights: str,
    stream: Callable[..., np.random.Generator],
) -> pd.DataFrame:
    """Fit models on permuted labels, every permutation with its own splits and principal components.

    Parameters
    ----------
    samples : DataFrame
        One row per sample: sample, batch, y_true, y_true_value.
    blocks : dict of str to FeatureChunks
        Features of every block that the fits use.
    tasks : list of FitTask
        Fits on principal components, all of one protocol.
    n_permutations : dict of str to int
        Number of permutations: ``films`` between films, ``batches`` between growth batches.
    folds : int
        Number of folds.
    scan_weights : str
        Of `film_scans.WEIGHTS`.
    stream : callable
        Returns the random generator named by its arguments.

    Returns
    -------
    DataFrame
        Validation and test predictions in COLUMNS, with scores where films have several scans. Each equals the fit
        under the protocol of its name, as ``strict.shuffled_films7``.
    """
    products = {block: pca.inner_products(chunks.table()) for block, chunks in blocks.items()}
    frames = []
    for kind, number in [(kind, one) for kind, count in n_permutations.items() for one in range(1, count + 1)]:
        protocol = replace(protocols.parse(tasks[0].spec.protocol), shuffled=kind, permutation=number).name
        table = _split(samples, protocol, folds, tasks[0].target, scan_weights, stream)
        features = {}
        for task in tasks:
            spec = replace(task.spec, protocol=protocol)
            if spec.features not in features:
                block, percent = spec.features.split("_cev")
                names, variance = blocks[block].samples, int(percent) / 100
                index = [splitters.fit_index(table, protocol, fold, names) for fold in range(folds)]
                fits = pca.fit_folds(products[block], index, [variance])[variance]
                if "one_component_fewer" in protocols.parse(protocol).leaks:
                    fits = [one.without_last() for one in fits]
                features[spec.features] = FeatureSet(names, np.zeros(len(names), int), [one.scores for one in fits])
            rng = stream("fit_models", protocols.stream_name(protocol), *astuple(spec)[1:])
            own = replace(task, spec=spec)
            predictions = fit.fit_folds(features[spec.features], table, own, rng, parts=PARTS).predictions
            names_of_fit = {"labels": kind, "permutation": number, "features": spec.features, "model": spec.model}
            frames.append(predictions.assign(**names_of_fit))
    joined = pd.concat(frames, ignore_index=True)
    several = (joined["film"] != joined["sample"]).any()
    return joined[[*COLUMNS, *(name for name in joined if several and name.startswith(("score_", "y_pred_")))]]


def _split(samples, protocol, folds, target, scan_weights, stream):
    """Return the splits of one permutation, as rule make_splits makes them."""
    protocol = protocols.as_seen_by("splits", protocol)
    parsed = protocols.parse(protocol)
    permuted = permutation.permute_labels(
        samples, protocol, folds, stream("relabel", parsed.shuffled, parsed.permutation)
    )
    name = protocols.split_stream_name(protocol)
    rng = stream("deal_folds", name)
    table = splitters.split(permuted, protocol, folds, rng, target)
    splitters.check(table, protocol, target, permuted)
    return film_scans.add_repeats(table, scan_weights, stream("scan_weights", name))
