"""Table of fidelity: each step of the study as the paper, its notebooks and the protocols of this run have it.

What the protocols do is read from the code and the config of the run. What the paper and its notebooks say is in
`resources/published/procedure.tsv`, a row per step of `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from micrograph.evaluation import tables
from micrograph.evaluation.tables import Panel
from micrograph.models import registry
from micrograph.splits import protocols
from micrograph.splits.fit_spec import FOLD_FROM_LAST, feature_fold
from micrograph.splits.protocols import Protocol
from micrograph.target import Target

NAME = "Table of fidelity"
COMPARED = ("published", "as_run", "strict")
COLUMNS = ["step", "paper", "notebooks", *COMPARED, "switch", "status", "data"]
SAME, UNNAMED = "as the notebooks", "differs, unnamed"

Settings = Mapping[str, Any]
Value = Callable[[Protocol, Settings], str]


def make_table(procedure: pd.DataFrame, *, settings: Settings, data: str) -> pd.DataFrame:
    """Make the table of fidelity, a row per step.

    Parameters
    ----------
    procedure : DataFrame
        step, paper, notebooks, switch: what the paper and its notebooks do, and what here decides it: a switch of the
        protocols, a key of the config, ``protocol`` or ``methods`` (explained in docs/methods.md).
    settings : mapping
        Of the run: ``config``, ``heads`` and ``mlp`` (settings of networks, by head and by scheme).
    data : str
        What the samples are, as ``simulated films``.

    Returns
    -------
    DataFrame
        ``status``: SAME, or which of published and as_run differ from the notebooks and by which switch, or UNNAMED.
    """
    rows = []
    for row in procedure[["step", "paper", "notebooks", "switch"]].fillna("").to_dict("records"):
        made = {name: STEPS[row["step"]](protocols.parse(name), settings) for name in COMPARED}
        rows.append(row | made | {"status": _status(row, made), "data": data})
    return pd.DataFrame(rows, columns=COLUMNS)


def _status(row: Mapping[str, str], made: Mapping[str, str]) -> str:
    """State which of published and as_run differ from the notebooks, and by what."""
    differing = [name for name in ("published", "as_run") if made[name] != row["notebooks"]]
    if not differing:
        return SAME
    return f"{' and '.join(differing)}: {row['switch']}" if row["switch"] else UNNAMED


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: steps in which published or as_run differ from the notebooks, then the others."""
    columns = [
        ("Step", lambda row: row["step"]),
        ("Paper", lambda row: row["paper"] or tables.DASH),
        ("Notebooks", lambda row: row["notebooks"]),
        *((name, lambda row, name=name: row[name]) for name in COMPARED),
        ("Differs by", lambda row: "" if row["status"] == SAME else row["status"]),
    ]
    same = table["status"] == SAME
    parts = {"Steps that differ from the notebooks": table[~same], "Steps as in the notebooks": table[same]}
    made = [tables.panel(title, rows.fillna(""), columns, len(columns), 0) for title, rows in parts.items()]
    return [panel for panel in made if panel.rows]


def _of_config(key: str) -> Value:
    """Return the value of a key of the config, which all protocols have."""

    def value(protocol: Protocol, settings: Settings) -> str:
        found = settings["config"]
        for name in key.split("."):
            found = found[name]
        return ", ".join(map(str, found)) if isinstance(found, list) else str(found)

    return value


def _by_switch(switch: str, on: str, off: str) -> Value:
    return lambda protocol, settings: on if switch in protocol.leaks else off


def _by_variant(published: str, strict: str) -> Value:
    """Return what the variants of models and images do (`Protocol.estimators`)."""
    return lambda protocol, settings: published if protocol.estimators == "published" else strict


def _always(text: str) -> Value:
    return lambda protocol, settings: text


def _grid_points(model: str, scheme: str) -> Value:
    def value(protocol: Protocol, settings: Settings) -> str:
        search = settings["config"]["models"]["param_grid"]
        return str(len(registry.param_grid(model, scheme, protocol.name, search)))

    return value


def _target(settings: Settings) -> Target:
    return Target.from_config(settings["config"]["target"])


def _scaling(protocol: Protocol, settings: Settings) -> str:
    made = registry.make_estimator("KNN", "nominal", protocol.name, {}, _target(settings).classes, 0)
    return type(made[0]).__name__


def _without_neighbours(protocol: Protocol, settings: Settings) -> str:
    made = registry.make_estimator("RNN", "regression", protocol.name, {}, _target(settings).classes, 0)
    own = type(made[-1]).__name__ == "RadiusNeighborsRegressor"
    return "lowest class, regression highest" if own else "its nearest sample's"


def _tree_rule(protocol: Protocol, settings: Settings) -> str:
    falls = registry.training_must_not_fall("DTC", "regression", protocol.name)
    return "training accuracy must not fall" if falls else "none"


def _features_network(protocol: Protocol, settings: Settings) -> str:
    if "features_from_one_fold" not in protocol.leaks:
        return "each fold's own"
    folds = settings["config"]["splits"]["folds"]
    places = {name: folds - feature_fold(name, folds) for name in ("imagenet", *FOLD_FROM_LAST)}
    return "fold counted from the last: " + ", ".join(f"{name} {place}" for name, place in places.items())


def _training(of: str, name: str) -> Value:
    """Return the settings of a network: of a head, or of the MLP under a scheme."""

    def value(protocol: Protocol, settings: Settings) -> str:
        own = settings[of][name]
        layers = [f"layers {', '.join(map(str, own['hidden_layer_sizes']))}"] if of == "mlp" else []
        stops = own["patience"] < own["epochs"]
        parts = [f"{own['epochs']} epochs", f"patience {own['patience']}" if stops else "no early stopping"]
        parts += [f"rate {own['learning_rate']:g}", f"batch {own['batch_size']}", f"dropout {own['dropout']:g}"]
        return ", ".join([*parts, *layers])

    return value


def _stopping(protocol: Protocol, settings: Settings) -> str:
    return "epochs since the best > patience" if protocol.training_options["tolerance"] else "as many as patience"


def _validation_mode(protocol: Protocol, settings: Settings) -> str:
    return {"train": "training mode", "eval": "evaluation mode"}[protocol.training_options["validate_in"]]


def _selection(protocol: Protocol, settings: Settings) -> str:
    reported = protocol.selection_split == protocol.reported_split
    return "on reported samples" if reported and "selection_on_reported_split" in protocol.leaks else "on other samples"


# What the protocols do in each step.
STEPS: dict[str, Value] = {
    "levelling of scans": _of_config("heights.levelling"),
    "clipped percentiles": _of_config("micrographs.clip_percentiles"),
    "scans that are not square": _of_config("micrographs.aspect"),
    "micrograph, pixels a side": _of_config("micrographs.pixels"),
    "classes": lambda protocol, settings: ", ".join(_target(settings).labels),
    "folds": _of_config("splits.folds"),
    "splits keep together": _by_switch("ungrouped", "samples", "growth days"),
    "test set": lambda protocol, settings: (
        "one for all folds" if protocol.reported_split == "validation" else "each fold's own"
    ),
    "samples before the split": _always("shuffled"),
    "random numbers": _always("a stream for each job"),
    "aug1, scan of the crops": _by_switch("aug1_wrong_scan", "another sample's", "the sample's own"),
    "aug1, crops of a sample": _by_switch("aug1_one_crop", "one, repeated", "each drawn"),
    "aug2, range of augmented images in features": _by_switch("aug2_range", "0..255", "0..1"),
    "aug1 and aug2, validation": _by_variant("augmented images", "micrographs"),
    "aug1 and aug2, network of the features": _always("trained under the policy"),
    "backbone": _of_config("networks.backbone"),
    "block features, normalisation": _of_config("networks.normalise"),
    "PCA fitted on": _by_switch("pca_on_all", "all samples", "training samples"),
    "number of components": _by_switch("one_component_fewer", "one fewer", "the fewest that reach the share"),
    "tuned features, network": _features_network,
    "tuned features, normalisation": _by_switch("features_not_normalised", "none", "as in training"),
    "scaling of features": _scaling,
    "scaling fitted on": _by_switch("scaler_on_validation", "training and validation", "training"),
    "scaling of the MLP's features": _by_variant("none", "standardised"),
    "grids": _of_config("models.param_grid"),
    **{
        f"grid points, {model} {scheme}": _grid_points(model, scheme)
        for model in registry.SHALLOW
        for scheme in registry.MODELS[model].schemes
        if scheme in ("nominal", "regression")
    },
    "rule of the tree regressor": _tree_rule,
    "radius without neighbours": _without_neighbours,
    "selection of settings": _selection,
    "settings of training and test predictions": lambda protocol, settings: (
        "best fold's" if _selection(protocol, settings) == "on reported samples" else "each fold's own"
    ),
    "training accuracy reported": _always("every sample once, settings used"),
    "networks, pixels a side": _of_config("training.pixels"),
    "networks, precision": _of_config("training.precision"),
    "networks, batch norm momentum": _of_config("training.batch_norm_momentum"),
    "aug3, draws of an epoch": lambda protocol, settings: (
        "training samples" if protocol.draws_as_many_as_trained else "classes x largest class"
    ),
    "rotation": lambda protocol, settings: ", ".join(protocol.sampling),
    "images of early stopping": lambda protocol, settings: (
        "rotated and flipped" if protocol.rotates_validation else "as they are"
    ),
    "validation loss": _validation_mode,
    "stops when": _stopping,
    "weights kept": lambda protocol, settings: protocol.training_options["keep"],
    **{f"CNN, {head}": _training("heads", head) for head in ("nominal", "nnrank", "regression")},
    "network of tuned features": _training("heads", "tuned"),
    **{f"MLP, {scheme}": _training("mlp", scheme) for scheme in ("nominal", "nnrank", "regression")},
    "regression target of networks": _by_switch("target_not_scaled", "degrees", "standardised"),
    "nnrank loss": _by_switch("nnrank_loss_summed", "sum over the batch", "mean over the batch"),
    "nnrank without a leading output": lambda protocol, settings: "lowest class" if protocol.ranks_all else "wrong",
    "numbers in tables": _always("computed"),
}
