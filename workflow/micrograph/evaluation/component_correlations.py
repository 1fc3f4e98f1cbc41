"""Whether the first principal component is domain size and the second density: rank correlations with both.

The paper reads the axes of its Figures 8 and 9 so, by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import bootstrap, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.tables import Panel
from micrograph.evaluation.value_scores import CHUNK, rank_correlation
from micrograph.splits import film_scans

SIZE, DENSITY = "domain size", "density"
MEASURED, TRUE = "measured", "simulation"
# Measure -> what it stands for, where it comes from, its name in the table.
MEASURES = {
    "Sal_nm": (SIZE, MEASURED, "correlation length"),
    "grain_diameter_nm": (SIZE, MEASURED, "grain diameter"),
    "domain_diameter_nm": (SIZE, TRUE, "domain diameter"),
    "grain_density_um2": (DENSITY, MEASURED, "grains per area"),
    "coverage_pct": (DENSITY, MEASURED, "coverage"),
    "domain_density_um2": (DENSITY, TRUE, "domains per area"),
    "domain_coverage_pct": (DENSITY, TRUE, "coverage"),
}
FOLD = 0  # as in figures 8 and 9


def make_table(
    components: Mapping[str, Mapping[str, NDArray]],
    samples: pd.DataFrame,
    topography: pd.DataFrame,
    truth: Sequence[pd.DataFrame] = (),
    *,
    resampling: Resampling,
    data: str,
) -> pd.DataFrame:
    """Make the table: a row for each kind of features and measure.

    Parameters
    ----------
    components : mapping of str to mapping
        Features -> arrays of a file of principal components.
    samples : DataFrame
        Table of accepted samples: sample, batch.
    topography : DataFrame
        Physical features of the samples.
    truth : sequence of DataFrame, optional
        Domains of simulated films.
    resampling : Resampling
    data : str

    Returns
    -------
    DataFrame
        ``pc1``, ``pc2``: Spearman's correlation with the measure; ``contrast``: absolute value of the former less that
        of the latter; each with its 95 % interval over growth batches. NaN with fewer than three samples or batches.
    """
    known = samples[["sample", "batch"]].assign(film=film_scans.film_of(samples))
    known = known.merge(topography, on="sample", how="left")
    known = known.merge(pd.concat(truth), on="sample", how="left") if truth else known
    rows = []
    for features, arrays in components.items():
        scores = pd.DataFrame(arrays[f"scores_{FOLD}"][:, :2], columns=["pc1", "pc2"])
        table = known.merge(scores.assign(sample=arrays["samples"].astype(str)), on="sample")
        if table["film"].duplicated().any():  # a film counts once, with the means over its scans
            table = table.groupby(["film", "batch"], as_index=False).mean(numeric_only=True)
        for name, (quantity, source, _) in MEASURES.items():
            if name in table:
                row = {"features": features, "quantity": quantity, "measure": name, "source": source}
                rows.append(row | _correlations(table.dropna(subset=[name]), name, resampling))
    return pd.DataFrame(rows).assign(data=data)


def _correlations(table: pd.DataFrame, name: str, resampling: Resampling) -> dict[str, Any]:
    """Return the correlations of both components with a measure, their contrast, and how many samples they are of."""
    batch, names = pd.factorize(table["batch"])
    row: dict[str, Any] = {"n_samples": len(table), "n_batches": len(names)}
    if len(table) < 3 or len(names) < 3:
        return row | {f"{key}{end}": np.nan for key in ("pc1", "pc2", "contrast") for end in bootstrap.ENDS}
    weights = np.vstack([np.ones(len(names)), resampling.weights(len(names))])
    parts = np.array_split(weights, -(-weights.shape[0] * len(table) // CHUNK))
    first, second = (
        np.concatenate([rank_correlation(table[name], table[score], part[:, batch]) for part in parts])
        for score in ("pc1", "pc2")
    )
    for key, values in (("pc1", first), ("pc2", second), ("contrast", np.abs(first) - np.abs(second))):
        row |= bootstrap.columns(key, (values[0], *bootstrap.interval(values[1:])))
    return row


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay out the table, a panel for each kind of features."""
    columns = [
        ("Quantity", lambda row: row["quantity"]),
        ("Measure", lambda row: MEASURES[row["measure"]][2]),
        ("From", lambda row: row["source"]),
        *(
            (f"{heading} [95 %]", tables.difference_column(name, 2))
            for name, heading in (("pc1", "PC1"), ("pc2", "PC2"), ("contrast", "|PC1| − |PC2|"))
        ),
        ("Samples", tables.number_column("n_samples")),
    ]
    return [
        tables.panel(str(features), rows, columns, text_columns=3)
        for features, rows in table.groupby("features", sort=False)
    ]
