"""Tests of the attribution maps: localisation of surface features, deletion and insertion, similarity, randomisation.

Made of the metrics of :mod:`micrograph.attribution`, a row per sample, map, measure and feature. The control of a map
is the same measure of the map of another sample on this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, tables
from micrograph.evaluation.tables import Panel
from micrograph.splits import film_scans

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
    "pits": "pits and cracks",
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

Cell = Callable[[tables.Row], str]
KEYS = ["map", "measure", "feature"]
CONTROL_PREFIX = "control_"  # of `map`, in the rows of the metrics that hold a control
KNOWN = {"map": MAPS, "measure": MEASURES, "feature": (WHOLE, *FEATURES)}
FEWEST = {"pointing": 5}  # measure -> samples that must differ from the most frequent value for an interval; else 1
GAIN = [f"gain{end}" for end in bootstrap.ENDS]
COLUMNS = [
    *KEYS,
    *(*(f"value{end}" for end in bootstrap.ENDS), "control", *GAIN),
    *("area", *(f"ratio{end}" for end in bootstrap.ENDS), "control_ratio", "n_samples", "n_batches", "folds"),
]


def make_table(
    tests: Iterable[pd.DataFrame], *, n_bootstrap: int, seed: int, data: str, network: Mapping[str, str]
) -> pd.DataFrame:
    """Make the table of attribution tests: a row per map, measure and feature, over all test samples.

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
        for unknown in rows.loc[~rows[name].isin(KNOWN[name]), name]:
            raise UserError(f"{name} '{unknown}' of the tests is not known; add it to attribution_tests.py.")
    return rows[rows["value"].notna()]


def _scores(rows: pd.DataFrame, names: NDArray, weights: NDArray[np.float64]) -> dict[str, Any]:
    """Means, ratio and intervals of one row of the table."""
    value, control, area = (rows[name].to_numpy(float) for name in ("value", "control", "area"))
    paired, gain = np.isfinite(control), value - control
    columns = np.nan_to_num(np.stack([np.ones(len(rows)), value, area, paired, gain], axis=1))
    sums = bootstrap.cluster_sums(columns, np.searchsorted(names, rows["batch"]), len(names))
    means, resampled = _means(sums.sum(axis=0)), _means(bootstrap.resample(weights, sums))
    row: dict[str, Any] = {name: float(mean) for name, mean in means.items()}
    row["control"] = float(control[paired].mean()) if paired.any() else np.nan
    row["control_ratio"] = row["control"] / row["area"] if row["area"] > 0 else np.nan
    varies = _varies(value, rows)
    shown = {"value": varies, "ratio": varies, "gain": varies and _varies(gain, rows)}
    for name, has_interval in shown.items():
        ends = bootstrap.interval(resampled[name]) if has_interval else (np.nan, np.nan)
        row |= bootstrap.columns(name, (row[name], *ends))
    n_films = rows["sample"].map(film_scans.film_of_scan).nunique()
    return row | {"n_samples": n_films, "n_batches": rows["batch"].nunique(), "folds": rows["fold"].nunique()}


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
        means = {"value": (value, count), "gain": (gain, paired), "area": (area, count), "ratio": (value, area)}
        made = {name: np.where(whole > 0, part / whole, np.nan) for name, (part, whole) in means.items()}
    return made | {"area": np.where(area > 0, made["area"], np.nan)}


def shows_nothing(table: pd.DataFrame, map_type: str) -> str:
    """Say that a map shows nothing beyond its control.

    Parameters
    ----------
    table : DataFrame
        Table of `make_table`.
    map_type : str
        A key of `MAPS`.

    Returns
    -------
    str
        A sentence with the differences from the control, where neither deletion nor insertion distinguishes the map of
        a sample from that of another one; "" where one of them does.
    """
    rows = table[(table["map"] == map_type) & table["measure"].isin(CURVES)].set_index("measure")
    low, high = rows["gain_low"], rows["gain_high"]
    if high.get("deletion", np.nan) < 0 or low.get("insertion", np.nan) > 0:
        return ""
    text = tables.interval_column("gain", 3, tables.signed)
    differences = ", ".join(f"{name} {text(row)}" for name, row in rows.iterrows())
    return (
        f"In the tests, {MAPS[map_type].partition(',')[0]} shows nothing beyond its control, the map of another "
        f"film{f' (difference in {differences})' if differences else ''}."
    )


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: localisation, curves, similarity; panels without a row are left out."""
    percent = table.assign(**{name: 100 * table[name] for name in (*COLUMNS[3:6], "area", *GAIN)})
    made = [
        *(
            tables.panel(title, percent[percent["measure"] == measure], LOCALISED, 2)
            for measure, title in LOCALISATION.items()
        ),
        tables.panel("Deletion and insertion", _of(table, CURVES), _compared("Curve", "Area under it", 3), 2,
                     notes=("Deletion: lower is better. Insertion: higher is better.",)),
        tables.panel("Similarity of maps", _of(table, SIMILARITY), _compared("Compared with", "Rank correlation", 2), 2,
                     notes=(SIMILARITY_NOTE,)),
    ]  # fmt: skip
    return [panel for panel in made if panel.rows]


SIMILARITY_NOTE = (
    "Agreement: higher is better. Randomised weights: absolute correlation, since a sign may change; it should not "
    "exceed that of another sample's map."
)


def _of(table: pd.DataFrame, measures: Iterable[str]) -> pd.DataFrame:
    """Return the rows of some measures, in their order."""
    return pd.concat([table[table["measure"] == measure] for measure in measures])


def _bold(name: str, digits: int, value: float, form: Callable[[float, int], str] = tables.number) -> Cell:
    """Return the cell of a column with its interval, in bold where that, to `digits`, excludes a value."""
    text = tables.interval_column(name, digits, form)
    return lambda row: tables.best(
        text(row), tables.excludes(round(row[f"{name}_low"], digits), round(row[f"{name}_high"], digits), value)
    )


def _value(digits: int) -> Cell:
    """Return the cell of the value with its interval; of a correlation that may be negative with its sign."""
    return lambda row: tables.interval_column("value", digits, _form(row))(row)


def _form(row: tables.Row) -> Callable[[float, int], str]:
    return tables.signed if row["measure"] == "agreement" else tables.number


MAP: tables.Column = ("Map", lambda row: MAPS[row["map"]])
SAMPLES = ("Samples", tables.number_column("n_samples"))
LOCALISED: list[tables.Column] = [
    ("Feature", lambda row: FEATURES[row["feature"]]),
    MAP,
    ("Share, %", _value(1)),
    ("Area share, %", tables.number_column("area", 1)),
    ("Share ÷ area share", _bold("ratio", 2, 1)),
    ("Another sample's map ÷ area share", tables.number_column("control_ratio", 2)),
    ("Difference, points", _bold("gain", 2, 0, tables.signed)),
    SAMPLES,
]


def _compared(heading: str, value: str, digits: int) -> list[tables.Column]:
    """Return the columns of measures with their control and the difference from it."""
    return [
        (heading, lambda row: SIMILARITY.get(row["measure"], row["measure"])),
        MAP,
        (value, _value(digits)),
        ("Another sample's map", lambda row: _form(row)(row["control"], digits)),
        ("Difference", _bold("gain", digits, 0, tables.signed)),
        SAMPLES,
    ]
