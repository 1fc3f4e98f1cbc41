"""Permutation tests: models fitted on growth temperatures that were permuted, many times, on block features alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from micrograph.io import FeatureChunks
from micrograph.models import pca
from micrograph.models.fit import fit_folds
from micrograph.splits import permutation, protocols, splitters

COLUMNS = ["labels", "draw", "features", "model", "fold", "part", "sample", "batch", "truth_celsius",
           "predicted_celsius"]  # fmt: skip
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
    """Fit models on permuted growth temperatures, draw by draw, with splits and principal components of their own.

    Parameters
    ----------
    samples : DataFrame
        One row a sample: sample, batch, growth_celsius.
    blocks : dict of str to FeatureChunks
        Features of every block that the fits use.
    fits : list of dict
        The words of each fit (experiments.WORDS), all of one protocol; features are named {block}_cev{cev}.
    draws : dict of str to int
        Number of permutations: ``films`` between films, ``batches`` between growth batches.
    folds, classes, search
        As of `fitting.fit_study`.
    stream : callable
        Gives the random generator of a name, a sequence of words.

    Returns
    -------
    DataFrame
        Validation and test predictions in COLUMNS. A draw equals the fit under the protocol of its name, such as
        ``strict.shuffled_films7``.
    """
    grams = {block: pca.gram(chunks.table()) for block, chunks in blocks.items()}
    names = {block: chunks.samples for block, chunks in blocks.items()}
    frames = []
    for kind, count in draws.items():
        for draw in range(1, count + 1):
            of_draw = [{**fit, "protocol": _name(fit["protocol"], kind, draw)} for fit in fits]
            table = _split(samples, of_draw[0]["protocol"], kind, draw, folds, classes, stream)
            projected = {}
            for fit in of_draw:
                block, cev = fit["features"].split("_cev")
                if fit["features"] not in projected:
                    seen = [splitters.fit_index(table, fit["protocol"], fold, names[block]) for fold in range(folds)]
                    projected[fit["features"]] = _scores(grams[block], seen, int(cev) / 100)
                predictions = _fitted(fit, names[block], projected[fit["features"]], table, classes, search, stream)
                frames.append(predictions.assign(labels=kind, draw=draw, features=fit["features"], model=fit["model"]))
    return pd.concat(frames, ignore_index=True)[COLUMNS]


def _name(protocol, kind, draw):
    """The name of the protocol with one permutation: strict+grid -> strict+grid.shuffled_films3."""
    return replace(protocols.parse(protocol), shuffled=kind, draw=draw).name


def _split(samples, protocol, kind, draw, folds, classes, stream):
    """The splits of one draw, as rule deal_folds makes them."""
    protocol = protocols.as_seen_by("splits", protocol)
    permuted = permutation.permute_labels(samples, protocol, folds, stream("relabel", kind, draw))
    table = splitters.split(permuted, protocol, folds, stream("deal_folds", protocols.dealt(protocol)))
    splitters.check(table, protocol, classes, permuted)
    return table


def _scores(gram, seen, variance):
    """The principal component scores of every fold, as rule project_features makes them."""
    made = {}
    for rows in map(tuple, seen):
        if rows not in made:
            made[rows] = pca.fit_gram(gram, rows, variance).scores
    return [made[tuple(rows)] for rows in seen]


def _fitted(fit, names, scores, table, classes, search, stream):
    """Validation and test predictions of one fit."""
    words = [fit[name] for name in ("pretraining", "policy", "features", "scheme", "model")]
    return fit_folds(
        names,
        np.zeros(len(names), dtype=int),
        scores,
        table,
        protocol=fit["protocol"],
        policy=fit["policy"],
        scheme=fit["scheme"],
        model=fit["model"],
        classes=classes,
        search=search,
        rng=stream("fit_models", protocols.without_leaks(fit["protocol"]), *words),
        parts=PARTS,
    ).predictions
