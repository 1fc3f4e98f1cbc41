"""Accuracies of the networks behind the fine-tuned features, by their own last layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import summaries, tables
from micrograph.evaluation.tables import Panel
from micrograph.splits import film_scans
from micrograph.splits.fit_spec import NetworkSpec

SPLITS = ("train", "validation", "test")


def make_table(
    outputs: Mapping[str, Mapping[str, NDArray]],
    splits: Mapping[str, pd.DataFrame],
    published: pd.DataFrame,
    classes: Sequence[int],
    data: str,
) -> pd.DataFrame:
    """Make the table: a row for each protocol, pre-training and policy.

    Parameters
    ----------
    outputs : mapping of str to mapping
        Path -> arrays of a file of outputs of fine-tuned features, which has ``class_outputs_{fold}``.
    splits : mapping of str to DataFrame
        Protocol -> its splits.
    published : DataFrame
        The paper's accuracies: pretraining, train_pct, validation_pct.
    classes : sequence of int
        Values of the classes in the target's unit, ascending.
    data : str

    Returns
    -------
    DataFrame
        Mean and standard deviation over folds in percent, of the micrographs themselves, without augmentation and
        oversampling; the standard deviation is missing where one network serves all folds.
    """
    shares: dict[NetworkSpec, list[dict[str, float]]] = {}
    for path, arrays in outputs.items():
        spec = NetworkSpec.from_path(path)
        for name in [name for name in arrays if name.startswith("class_outputs_")]:
            fold = int(name.removeprefix("class_outputs_"))
            shares.setdefault(spec, []).append(_accuracies(arrays, name, splits[spec.protocol], fold, classes))
    printed = published.set_index("pretraining")
    rows = []
    for spec, of_folds in shares.items():
        row = {
            "protocol": spec.protocol,
            "pretraining": spec.pretraining,
            "policy": spec.policy,
            "folds": len(of_folds),
        }
        for split in SPLITS:
            values = [100 * one[split] for one in of_folds]
            row |= {f"{split}_pct": np.mean(values), f"{split}_pct_std": np.std(values) if len(values) > 1 else np.nan}
        for name in ("train_pct", "validation_pct"):
            row[f"paper_{name}"] = printed[name].get(spec.pretraining, np.nan)
        rows.append(row)
    order = [name for name in summaries.PROTOCOLS if name in {row["protocol"] for row in rows}]
    rows.sort(key=lambda row: order.index(row["protocol"]) if row["protocol"] in order else len(order))
    return pd.DataFrame(rows).assign(data=data)


def _accuracies(
    arrays: Mapping[str, NDArray], name: str, splits: pd.DataFrame, fold: int, classes: Sequence[int]
) -> dict[str, float]:
    """Return the share of correct predictions in each split of a fold; a film counts once."""
    predicted = pd.Series(np.asarray(classes)[arrays[name].argmax(axis=1)], index=arrays["samples"].astype(str))
    predicted = predicted[arrays["augmentation"] == 0]
    rows = splits[splits["fold"] == fold]
    right = rows.assign(right=predicted.reindex(rows["sample"]).to_numpy() == rows["y_true"].to_numpy())
    by_film = right.groupby(["split", film_scans.film_of(rows)])["right"].mean()
    return {split: float(by_film.get(split, pd.Series(dtype=float)).mean()) for split in SPLITS}


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay out the table, the paper's accuracies last."""
    columns = [
        ("Protocol", lambda row: row["protocol"]),
        ("Pre-training", lambda row: row["pretraining"]),
        ("Policy", lambda row: row["policy"]),
        ("Networks", lambda row: f"{row['folds']:.0f}"),
        *((f"{split.capitalize()} %", tables.spread_column(f"{split}_pct")) for split in SPLITS),
        ("Paper, train %", tables.number_column("paper_train_pct")),
        ("Paper, validation %", tables.number_column("paper_validation_pct")),
    ]
    return [tables.panel("Networks of the fine-tuned features", table, columns, text_columns=3)]
