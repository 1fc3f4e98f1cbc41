"""Permutation tests: models on block features, fitted on growth temperatures that were permuted many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from micrograph.models import fit, pca
from micrograph.splits import permutation, protocols, splitters

if TYPE_CHECKING:
    from micrograph.io import FeatureChunks

COLUMNS = ["labels", "permutation", "features", "model", "fold", "split", "sample", "batch", "y_true",
           "y_pred"]  # fmt: skip
PARTS = ("validation", "test")


def permuted_predictions(
    samples: pd.DataFrame,
    blocks: dict[str, FeatureChunks],
    fits: list[dict],
    draws: dict[str, int],
    *,
    folds: int,
    classes: list[int],
    search: str,
    stream: Callable[..., np.random.Generator],
) -> pd.DataFrame:
    """Fit models on permuted growth temperatures, every permutation with its own splits and principal components.

    Parameters
    ----------
    samples : DataFrame
        One row a sample: sample, batch, growth_celsius.
    blocks : dict of str to FeatureChunks
        Features of every block that the fits use.
    fits : list of dict
        Every fit's names (experiments.WORDS), all of one protocol; features are named {block}_cev{cev}.
    draws : dict of str to int
        Number of permutations: ``films`` between films, ``batches`` between growth batches.
    folds, classes, search
        As of `fit.fit_folds`.
    stream : callable
        Returns the random generator named by its arguments.

    Returns
    -------
    DataFrame
        Validation and test predictions in COLUMNS. Each equals the fit under the protocol of its name, as
        ``strict.shuffled_films7``.
    """
    products = {block: pca.inner_products(chunks.table()) for block, chunks in blocks.items()}
    names = {block: chunks.samples for block, chunks in blocks.items()}
    frames = []
    for kind, count in draws.items():
        for draw in range(1, count + 1):
            permuted = [{**one, "protocol": _permuted(one["protocol"], kind, draw)} for one in fits]
            table = _split(samples, permuted[0]["protocol"], kind, draw, folds, classes, stream)
            scores = {}
            for one in permuted:
                block, cev = one["features"].split("_cev")
                if one["features"] not in scores:
                    fit_indices = [
                        splitters.fit_index(table, one["protocol"], fold, names[block]) for fold in range(folds)
                    ]
                    scores[one["features"]] = _pca_scores(products[block], fit_indices, int(cev) / 100)
                predictions = _predictions(one, names[block], scores[one["features"]], table, classes, search, stream)
                frames.append(
                    predictions.assign(labels=kind, permutation=draw, features=one["features"], model=one["model"])
                )
    return pd.concat(frames, ignore_index=True)[COLUMNS]


def _permuted(protocol, kind, draw):
    """Return the name of the protocol with one permutation: strict -> strict.shuffled_films3."""
    return replace(protocols.parse(protocol), shuffled=kind, permutation=draw).name


def _split(samples, protocol, kind, draw, folds, classes, stream):
    """Return the splits of one permutation, as rule make_splits makes them."""
    protocol = protocols.as_seen_by("splits", protocol)
    permuted = permutation.permute_labels(samples, protocol, folds, stream("relabel", kind, draw))
    table = splitters.split(
        permuted, protocol, folds, stream("deal_folds", protocols.without_leaks_and_share(protocol))
    )
    splitters.check(table, protocol, classes, permuted)
    return table


def _pca_scores(products, fit_indices, variance):
    """Return the principal component scores of every fold, as rule project_features makes them."""
    fits = {}
    for fit_index in map(tuple, fit_indices):
        if fit_index not in fits:
            fits[fit_index] = pca.fit(products, fit_index, [variance])[variance].scores
    return [fits[tuple(fit_index)] for fit_index in fit_indices]


def _predictions(one, names, scores, table, classes, search, stream):
    """Return validation and test predictions of one fit."""
    words = [one[name] for name in ("pretraining", "policy", "features", "scheme", "model")]
    return fit.fit_folds(
        names,
        np.zeros(len(names), dtype=int),
        scores,
        table,
        protocol=one["protocol"],
        policy=one["policy"],
        scheme=one["scheme"],
        model=one["model"],
        classes=classes,
        search=search,
        rng=stream("fit_models", protocols.without_leaks(one["protocol"]), *words),
        parts=PARTS,
    ).predictions
