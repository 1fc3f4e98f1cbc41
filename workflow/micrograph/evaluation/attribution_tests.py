"""The table of explanations: whether maps of attribution find what a film shows, and name what the network goes by.

Made of the long tables of attribution/faithfulness.py (results/attribution/.../tests*.tsv): one row a film, map,
measure and feature. Every map has a control: the same measure of the map of another film, laid over this one.
"""

import numpy as np
import pandas as pd

from micrograph.attribution import maps
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, tables
from micrograph.evaluation.attribution_tests_caption import ALIKE, CURVES, FEATURES, FOUND, MAPS, MEASURES, WHOLE

NAME = "Table of explanations"
KEYS = ["map", "measure", "feature"]
FEWEST = {"pointing": 5}  # measure -> films that must differ from the commonest value for an interval; of others one
KNOWN = {"map": MAPS, "measure": MEASURES, "feature": (WHOLE, *FEATURES)}
COLUMNS = [
    *KEYS,
    *("value", "low", "high", "control", "gain", "gain_low", "gain_high"),
    *("area", "ratio", "ratio_low", "ratio_high", "control_ratio", "films", "batches", "folds"),
]


def make_table(tests, *, resamples, seed, data, words):
    """The table: one row a map, measure and feature, over all films out of fold.

    tests: data frames of faithfulness.tested, one a fold; resamples, seed: of the bootstrap, which redraws whole
    batches, the same ones for every row; data: what the films are, as "simulated films"; words: what is explained,
    {"protocol": ..., "pretraining": ..., "policy": ..., "scheme": ...}, the same in every row.

    value: mean over films (mass and pointing: a share, beside it `area`, the share of the picture that shows the
    feature); control: the mean of another film's map on the same films; gain: value - control; ratio: value / area,
    both means over films, so that films which show more count for more. Intervals are 95 %, and missing where there
    are fewer than two batches or hardly a film differs from the others (FEWEST). A film without the feature, or with a
    map that is flagged, does not count.
    """
    rows = _paired(pd.concat(list(tests), ignore_index=True))
    if rows.empty:
        raise UserError(f"{NAME}: there are no tests; explain films first, with maps that can be drawn.")
    names = np.unique(rows["batch"])
    times = bootstrap.cluster_weights(len(names), resamples, np.random.default_rng(seed))
    made = [
        dict(zip(KEYS, key, strict=True)) | _measured(here, names, times)
        for key, here in rows.groupby(KEYS, sort=False, dropna=False)
    ]
    made = pd.DataFrame(made, columns=COLUMNS).assign(data=data, **words)
    order = {name: {word: place for place, word in enumerate(words)} for name, words in KNOWN.items()}
    return made.sort_values(KEYS, key=lambda column: column.map(order[column.name]), kind="stable", ignore_index=True)


def _paired(tests):
    """The rows of the maps themselves, with the control's value beside (missing where a measure has none)."""
    tests = tests.assign(feature=tests["feature"].fillna("").replace("", WHOLE))
    twice = tests.duplicated(["sample", *KEYS])
    for sample in tests.loc[twice, "sample"]:
        raise UserError(f"sample '{sample}' is tested in two folds; give the tests of one network a fold.")
    control = tests["map"].str.startswith(maps.CONTROL_PREFIX)
    others = tests[control].assign(map=tests["map"].str.removeprefix(maps.CONTROL_PREFIX), control=tests["value"])
    rows = tests[~control].merge(others[["sample", *KEYS, "control"]], on=["sample", *KEYS], how="left")
    for name in KEYS:
        for stranger in rows.loc[~rows[name].isin(KNOWN[name]), name]:
            raise UserError(f"{name} '{stranger}' of the tests is not known; add it to results/explanations.py.")
    return rows[rows["value"].notna()]


def _measured(here, names, times):
    """Means, ratio and intervals of one row of the table."""
    paired = here["control"].notna().to_numpy()
    value, control, area = (here[name].to_numpy(float) for name in ("value", "control", "area"))
    columns = [np.ones(len(here)), value, area, paired, np.where(paired, value - control, 0)]
    sums = np.zeros((len(names), len(columns)))
    np.add.at(sums, np.searchsorted(names, here["batch"]), np.nan_to_num(np.stack(columns, axis=1)))
    found, drawn = _of_sums(sums.sum(axis=0)), _of_sums(times @ sums)
    row = {name: float(found[name]) for name in found} | {"control": np.nan}
    if paired.any():
        row["control"] = float(control[paired].mean())
    row["control_ratio"] = row["control"] / row["area"] if row["area"] > 0 else np.nan
    apart = _apart(value, here)
    told = {"value": apart, "ratio": apart, "gain": apart and _apart(value - control, here)}
    for name, low, high in (("value", "low", "high"), *((f, f"{f}_low", f"{f}_high") for f in ("gain", "ratio"))):
        row[low], row[high] = bootstrap.interval(drawn[name]) if told[name] else (np.nan, np.nan)
    return row | {"films": len(here), "batches": here["batch"].nunique(), "folds": here["fold"].nunique()}


def _apart(values, here):
    """Whether redrawing batches can tell anything: two of them or more, and films with values of their own."""
    there = np.isfinite(values)
    if here.loc[there, "batch"].nunique() < 2:
        return False
    alike = np.unique(np.round(values[there], 9), return_counts=True)[1].max()
    return there.sum() - alike >= FEWEST.get(here["measure"].iloc[0], 1)


def _of_sums(sums):
    """Sums (..., 5) as the means that the table holds; NaN where nothing is there to divide by."""
    count, value, area, paired, gain = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        made = {"value": value / count, "gain": gain / paired, "area": area / count, "ratio": value / area}
    none = {"value": count, "gain": paired, "area": area, "ratio": area}
    return {name: np.where(none[name] > 0, made[name], np.nan) for name in made}


def panels(table):
    """The table as panels: features found, curves, likeness; those that no film has are left out."""
    made = [_found(table, measure) for measure in FOUND] + [_curves(table), _alike(table)]
    return [panel for panel in made if panel.rows]


def _found(table, measure):
    here = table[table["measure"] == measure]
    rows = []
    for feature, some in here.groupby("feature", sort=False):
        for place, row in enumerate(some.to_dict("records")):
            told = [
                tables.interval(100 * row["value"], 100 * row["low"], 100 * row["high"], 1),
                tables.number(100 * row["area"], 1),
                tables.best(tables.interval(*_of(row, "ratio")), _beside(row, "ratio", 1)),
                tables.number(row["control_ratio"], 2),
                tables.best(_points(row), _beside(row, "gain", 0, factor=100)),
                f"{row['films']}",
            ]
            rows.append([FEATURES[feature] if place == 0 else "", MAPS[row["map"]], *told])
    headings = ["Feature", "Map", "Share, %", "Area, %", "Share ÷ area", "Another film's map ÷ area"]
    headings += ["Gain over it, points", "Films"]
    return tables.Panel(FOUND[measure], headings, rows, words=2)


def _curves(table):
    rows = []
    for measure in CURVES:
        for place, row in enumerate(table[table["measure"] == measure].to_dict("records")):
            told = [
                tables.interval(row["value"], row["low"], row["high"], 3),
                tables.number(row["control"], 3),
                tables.best(tables.interval(*_of(row, "gain"), 3, tables.signed), _beside(row, "gain", 0, digits=3)),
                f"{row['films']}",
            ]
            rows.append([measure if place == 0 else "", MAPS[row["map"]], *told])
    headings = ["Curve", "Map", "Area under it", "Another film's map", "Difference", "Films"]
    notes = ("Deletion: lower is better. Insertion: higher is better.",)
    return tables.Panel("Hiding and showing the picture in the order of the map", headings, rows, 2, notes)


def _alike(table):
    rows = []
    for measure, words in ALIKE.items():
        form = tables.signed if measure == "agreement" else tables.number
        for place, row in enumerate(table[table["measure"] == measure].to_dict("records")):
            told = [
                tables.interval(row["value"], row["low"], row["high"], 2, form),
                form(row["control"], 2),
                tables.best(tables.interval(*_of(row, "gain"), 2, tables.signed), _beside(row, "gain", 0)),
                f"{row['films']}",
            ]
            rows.append([words if place == 0 else "", MAPS[row["map"]], *told])
    headings = ["Compared with", "Map", "Rank correlation", "Another film's map", "Difference", "Films"]
    notes = ("Agreement: higher is better. With weights drawn anew, where a sign may turn, the size counts: no higher "
             "than of another film's map is better.",)  # fmt: skip
    return tables.Panel("Likeness of maps", headings, rows, 2, notes)


def _of(row, name):
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _points(row):
    return tables.interval(*(100 * part for part in _of(row, "gain")), 2, tables.signed)


def _beside(row, name, middle, digits=2, factor=1):
    """Whether the interval, as it is written, excludes `middle`."""
    low, high = (round(factor * row[f"{name}_{end}"], digits) for end in ("low", "high"))
    return bool(low > middle or high < middle)
