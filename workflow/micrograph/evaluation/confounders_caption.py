"""What the table of confounders says in words: its rows and notes, and which of them are comparisons."""

import numpy as np

from micrograph.evaluation.labels import model_label

SPLIT = "split"
KINDS = {
    "growth_seconds": "Growth time",
    "substrate": "Substrate",
    "batch_size": "Batch size",
    "scan_quality": "Scan",
    "pressure_torr": "Pressure",
    "operator": "Operator",
    SPLIT: "Tested films",
}
SPLITS = {"by_operator": "of a new operator", "by_date": "of later days"}
EACH_ALONE = {"scan_quality", SPLIT}  # kinds whose groups are not each other's rest
UNKNOWN = "the sheet does not tell it"
NOT_ASKED = "not asked for (experiments.confounders)"
NO_STRICT = "the same model was not run under strict"


def group(row):
    """A row's films in words."""
    return SPLITS.get(row["group"], row["group"]) if row["kind"] == SPLIT else row["group"]


def model(row):
    """A row's model and features in words; "" where nothing was run."""
    return model_label(row["model"], row["features"]) if isinstance(row["model"], str) else ""


def told(row):
    """Whether the interval of the difference leaves out 0."""
    return bool(row["difference_points_low"] > 0 or row["difference_points_high"] < 0)


def compared(table):
    """The comparisons that are made, rows with an interval. Of two groups of a kind each is the other's rest: that is
    one comparison, not two. Of three it is not, and none is left out for having no interval itself."""
    keys = ["kind", "model", "features"]
    groups = table[np.isfinite(table["difference_points"].astype(float))]
    pair = groups.groupby(keys)["group"].transform("size").eq(2) & ~groups["kind"].isin(EACH_ALONE)
    found = groups[np.isfinite(groups["difference_points_low"].astype(float))]
    return found[~(pair[found.index] & found.duplicated(keys))]


def notes(rows):
    """Notes below a panel: what its differences may owe to other things."""
    split = rows[rows["kind"] == SPLIT]
    known = split[split["training_films"].notna() & split["rest_training_films"].notna()]
    return tuple(
        f"{model(row)}, {group(row)}: a fold trains on {row['training_films']:.0f} films on average, strict's on "
        f"{row['rest_training_films']:.0f}; part of a difference may be that."
        for row in known.to_dict("records")
    )
