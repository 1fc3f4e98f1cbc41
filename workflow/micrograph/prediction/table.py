"""The table of predictions: one row a scan, results/new/predictions.tsv."""

import numpy as np
import pandas as pd

from micrograph.prediction import novelty

MEASURES = ("width_nm", "lines", "pixels")


def row(said, classes):
    """A dict, one cell a column, of a Prediction; empty where nothing is known.

    classes: of the model, in Celsius. set: classes parted by spaces; reasons: sentences parted by semicolons.
    """
    near = [one["sample"] for one in said.neighbours]
    return {
        "scan": said.scan,
        "fault": said.fault,
        "unlike": "yes" if said.unlike else "no",
        "reasons": "; ".join(said.reasons),
        "predicted_celsius": said.predicted_celsius,
        **{f"p_{celsius}": said.probabilities.get(celsius) for celsius in classes},
        "set": " ".join(map(str, said.prediction_set)),
        "temperature_celsius": said.temperature_celsius,
        "low_celsius": said.low_celsius,
        "high_celsius": said.high_celsius,
        "distance": said.distance,
        "threshold": said.threshold,
        **{f"neighbour_{place}": near[place - 1] if place <= len(near) else "" for place in _places()},
        **{name: said.measures.get(name) for name in MEASURES},
        "sha256": said.sha256,
    }


def table(rows, classes):
    """The rows as a data frame, in their order; whole numbers stay whole, limits without end are empty."""
    frame = pd.DataFrame(rows, columns=columns(classes))
    for name in ("predicted_celsius", "lines", "pixels"):
        frame[name] = pd.array(pd.to_numeric(frame[name]), dtype="Int64")
    return frame.replace([np.inf, -np.inf], np.nan)


def columns(classes):
    """The names of the columns, in order."""
    chances = [f"p_{celsius}" for celsius in classes]
    near = [f"neighbour_{place}" for place in _places()]
    return [
        *("scan", "fault", "unlike", "reasons", "predicted_celsius", *chances, "set"),
        *("temperature_celsius", "low_celsius", "high_celsius", "distance", "threshold", *near, *MEASURES, "sha256"),
    ]


def _places():
    return range(1, novelty.NEIGHBOURS + 1)
