"""Tests of the attribution maps: localisation of surface features, deletion and insertion, similarity, randomisation.

Made of the metrics of :mod:`micrograph.attribution`, a row a sample, map, measure and feature. The control of a map is
the same measure of the map of another sample on this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, tables
from micrograph.evaluation.summaries import ENDS
from micrograph.evaluation.tables import Panel

NAME = "Table of attribution tests"
MAPS = {
    "cam": "CAM of the paper",
    "cam_class": "class-weighted CAM",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion, positive",
    "occlusion_abs": "occlusion, both signs",
}
SURFACE_FEATURES = {
    "boundaries": "domain boundaries",
    "domains": "domains",
    "islands": "islands",
    "terraces": "terrace edges",
    "pits": "pits",
    "particles": "particles",
    "background": "bare substrate",
}
ARTEFACTS = {"artefacts": "scars and jumps", "padding": "padding"}
FEATURES = SURFACE_FEATURES | ARTEFACTS
WHOLE = "whole"  # feature where a measure is of the map as a whole
LOCALISATION = {"mass": "Share of the map on a feature", "pointing": "Pointing game: the map's maximum on a feature"}
CURVES = ("deletion", "insertion")
SIMILARITY = {
    "agreement": "occlusion of the same sample",
    "randomised_head": "itself, head randomised",
    "randomised_all": "itself, all weights randomised",
}
MEASURES = (*LOCALISATION, *CURVES, *SIMILARITY)
MARGIN = 0.1  # rank correlations that differ by less are equivalent

KEYS = ["map", "measure", "feature"]
CONTROL_PREFIX = "control_"  # of `map`, in the rows of the metrics that hold a control
KNOWN = {"map": MAPS, "measure": MEASURES, "feature": (WHOLE, *FEATURES)}
FEWEST = {"pointing": 5}  # measure -> samples that must differ from the most frequent value for an interval; else 1
COLUMNS = [
    *KEYS,
    *("value", "low", "high", "control", "gain", "gain_low", "gain_high"),
    *("area", "ratio", "ratio_low", "ratio_high", "control_ratio", "n_samples", "n_batches", "folds"),
]


def make_table(
    tests: Iterable[pd.DataFrame], *, n_bootstrap: int, seed: int, data: str, network: Mapping[str, str]
) -> pd.DataFrame:
    """Make the table of attribution tests: a row a map, measure and feature, over all test samples.

    Parameters
    ----------
    tests : iterable of DataFrame
        Metrics of the attribution maps, a table a fold.
    n_bootstrap, seed : int
        Of the bootstrap over growth days.
    data : str
        What the samples are, as ``simulated films``.
    network : mapping
        Protocol, pretraining, policy and scheme of the explained network.

    Returns
    -------
    DataFrame
        ``value``: mean over samples (of mass and pointing a share, with ``area``, the share of the micrograph that
        shows the feature); ``control``: the mean of another sample's map; ``gain``: value - control; ``ratio``: value /
        area, of the means. 95 % intervals, NaN with fewer than two batches or where hardly a sample differs from the
        others. Samples without the feature, or with a flagged map, do not count.

    Raises
    ------
    UserError
        If there are no tests, a sample is tested twice, or a map, measure or feature is not known.
    """
    rows = _paired(pd.concat(list(tests), ignore_index=True))
    if rows.empty:
        raise UserError(f"{NAME}: no results of tests; compute attribution maps first, at least one of them valid.")
    names = np.unique(rows["batch"])
    weights = bootstrap.cluster_weights(len(names), n_bootstrap, np.random.default_rng(seed))
    table = [
        dict(zip(KEYS, key, strict=True)) | _scores(group, names, weights)
        for key, group in rows.groupby(KEYS, sort=False, dropna=False)
    ]
    table = pd.DataFrame(table, columns=COLUMNS).assign(data=data, **network)
    order = {name: {value: place for place, value in enumerate(known)} for name, known in KNOWN.items()}
    return table.sort_values(KEYS, key=lambda column: column.map(order[column.name]), kind="stable", ignore_index=True)


def _paired(tests: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the maps themselves, with the control's value (missing where a measure has none)."""
    tests = tests.assign(feature=tests["feature"].fillna("").replace("", WHOLE))
    twice = tests.duplicated(["sample", *KEYS])
    for sample in tests.loc[twice, "sample"]:
        raise UserError(f"sample '{sample}' is tested in two folds; give the results of one network per fold.")
    control = tests["map"].str.startswith(CONTROL_PREFIX)
    others = tests[control].assign(map=tests["map"].str.removeprefix(CONTROL_PREFIX), control=tests["value"])
    rows = tests[~control].merge(others[["sample", *KEYS, "control"]], on=["sample", *KEYS], how="left")
    for name in KEYS:
        for stranger in rows.loc[~rows[name].isin(KNOWN[name]), name]:
            raise UserError(f"{name} '{stranger}' of the tests is not known; add it to attribution_tests.py.")
    return rows[rows["value"].notna()]


def _scores(rows: pd.DataFrame, names: NDArray, weights: NDArray[np.float64]) -> dict[str, Any]:
    """Means, ratio and intervals of one row of the table."""
    paired = rows["control"].notna().to_numpy()
    value, control, area = (rows[name].to_numpy(float) for name in ("value", "control", "area"))
    columns = [np.ones(len(rows)), value, area, paired, np.where(paired, value - control, 0)]
    columns = np.nan_to_num(np.stack(columns, axis=1))
    sums = bootstrap.cluster_sums(columns, np.searchsorted(names, rows["batch"]), len(names))
    means, resampled = _means(sums.sum(axis=0)), _means(bootstrap.resample(weights, sums))
    row = {name: float(mean) for name, mean in means.items()} | {"control": np.nan}
    if paired.any():
        row["control"] = float(control[paired].mean())
    row["control_ratio"] = row["control"] / row["area"] if row["area"] > 0 else np.nan
    varies = _varies(value, rows)
    has_interval = {"value": varies, "ratio": varies, "gain": varies and _varies(value - control, rows)}
    for name, prefix in (("value", ""), ("gain", "gain_"), ("ratio", "ratio_")):
        ends = bootstrap.interval(resampled[name]) if has_interval[name] else (np.nan, np.nan)
        row[f"{prefix}low"], row[f"{prefix}high"] = ends
    return row | {"n_samples": len(rows), "n_batches": rows["batch"].nunique(), "folds": rows["fold"].nunique()}


def _varies(values: NDArray[np.float64], rows: pd.DataFrame) -> bool:
    """Whether a bootstrap over batches is informative: two of them or more, and samples that differ."""
    known = np.isfinite(values)
    if rows.loc[known, "batch"].nunique() < 2:
        return False
    most_frequent = np.unique(np.round(values[known], 9), return_counts=True)[1].max()
    return bool(known.sum() - most_frequent >= FEWEST.get(rows["measure"].iloc[0], 1))


def _means(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the means of the table from sums (..., 5); NaN where there is nothing to divide by, or no area."""
    count, value, area, paired, gain = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {"value": value / count, "gain": gain / paired, "area": area / count, "ratio": value / area}
    present = {"value": count, "gain": paired, "area": area, "ratio": area}
    return {name: np.where(present[name] > 0, mean, np.nan) for name, mean in means.items()}


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: localisation, curves, similarity; panels without a row are left out."""
    made = [_localisation_panel(table, measure) for measure in LOCALISATION]
    made += [_curves_panel(table), _similarity_panel(table)]
    return [panel for panel in made if panel.rows]


def _localisation_panel(table: pd.DataFrame, measure: str) -> Panel:
    rows = []
    for row in table[table["measure"] == measure].to_dict("records"):
        gain, low, high = (100 * row[f"gain{end}"] for end in ENDS)
        cells = [
            tables.interval(100 * row["value"], 100 * row["low"], 100 * row["high"], 1),
            tables.number(100 * row["area"], 1),
            _bold(tables.interval_column("ratio", 2)(row), row["ratio_low"], row["ratio_high"], 1),
            tables.number(row["control_ratio"], 2),
            _bold(tables.interval(gain, low, high, 2, tables.signed), low, high, 0),
            f"{row['n_samples']}",
        ]
        rows.append([FEATURES[row["feature"]], MAPS[row["map"]], *cells])
    headings = ["Feature", "Map", "Share, %", "Area share, %", "Share ÷ area share"]
    headings += ["Another sample's map ÷ area share", "Difference, points", "Samples"]
    return Panel(LOCALISATION[measure], headings, tables.without_repeats(rows), text_columns=2)


def _curves_panel(table: pd.DataFrame) -> Panel:
    headings = ["Curve", "Map", "Area under it", "Another sample's map", "Difference", "Samples"]
    rows = _compared(table, dict(zip(CURVES, CURVES, strict=True)), 3)
    notes = ("Deletion: lower is better. Insertion: higher is better.",)
    return Panel("Deletion and insertion", headings, rows, 2, notes)


def _similarity_panel(table: pd.DataFrame) -> Panel:
    headings = ["Compared with", "Map", "Rank correlation", "Another sample's map", "Difference", "Samples"]
    notes = (
        "Agreement: higher is better. Randomised weights: absolute correlation, since a sign may change; it should not "
        "exceed that of another sample's map.",
    )
    return Panel("Similarity of maps", headings, _compared(table, SIMILARITY, 2), 2, notes)


def _compared(table: pd.DataFrame, measures: Mapping[str, str], digits: int) -> list[list[str]]:
    """Rows of measures with their control and the difference from it."""
    rows = []
    for measure, label in measures.items():
        form = tables.signed if measure == "agreement" else tables.number
        for row in table[table["measure"] == measure].to_dict("records"):
            difference = tables.interval_column("gain", digits, tables.signed)(row)
            cells = [
                tables.interval(row["value"], row["low"], row["high"], digits, form),
                form(row["control"], digits),
                _bold(difference, row["gain_low"], row["gain_high"], 0, digits),
                f"{row['n_samples']}",
            ]
            rows.append([label, MAPS[row["map"]], *cells])
    return tables.without_repeats(rows)


def _bold(text: str, low: float, high: float, value: float, digits: int = 2) -> str:
    """Return the cell in bold where the interval, as it is printed, excludes a value."""
    return tables.best(text, tables.excludes(round(low, digits), round(high, digits), value))
