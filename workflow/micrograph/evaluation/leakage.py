"""Data leakage of the published protocol: each leak by itself, with true and with permuted labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, chance_corrected, summaries, tables
from micrograph.evaluation.bootstrap import ENDS, Resampling
from micrograph.evaluation.labels import model_label
from micrograph.evaluation.summaries import Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import protocols
from micrograph.splits.protocols import Protocol

NAME = "Table of leakage"
BOTH = "both"  # labels of a row that takes permutations of samples and of growth days together
ALL = "all"  # features and model of a row that takes all models together
CONSTANT = ("pretraining", "policy", "scheme")  # of all fits
GROUP = ["protocol", "labels", "features", "model"]  # columns that name a row
PARTS = ("validation", "test")
ABOVE, AT, BELOW = "above chance", "at chance", "below chance"
MIN_PERMUTATIONS = 10  # of one kind; of fewer their growth days are resampled
COLUMNS = [
    *("protocol", "labels", "pretraining", "policy", "features", "scheme", "model"),
    *("reported", "n_permutations", "n_samples", "n_batches"),
    *(f"{part}_pct{end}" for part in PARTS for end in ENDS),
    *(f"gap_pct_points{end}" for end in ENDS),
    *(f"chance_{part}_pct" for part in PARTS),
    *(f"above_chance_{part}_pct_points{end}" for part in PARTS for end in ENDS),
    *(f"change_pct_points{end}" for end in summaries.PAIRED),
    *("selection_bias_pct_points", "verdict"),
    *(f"{name}_{labels}" for labels in ("films", "batches") for name in ("p", "n_draws")),
]
# Settings that a network's fold compares at most, the epochs of early stopping among them.
COMPARED = {"default": 1_000, "published": 10_000, "as_run": 1_000}

# Kinds of labels, and the leaks, as the table names them.
LABELS = {
    "true": "true labels",
    "films": "labels permuted between samples",
    "batches": "labels permuted between growth days",
    BOTH: "labels permuted in both ways",
}
LEAKS = {  # and errors
    "features_from_one_fold": "features of all folds from one network",
    "pca_on_all": "PCA fitted on all samples",
    "scaler_on_validation": "features scaled with validation samples",
    "selection_on_reported_split": "settings selected on the reported split",
    "validation_in_train_mode": "validation loss in training mode",
    "last_checkpoint": "last checkpoint, not the best",
    "ungrouped": "splits not grouped by growth day",
    "aug1_wrong_scan": "aug1: crops of another sample's scan",
    "aug1_one_crop": "aug1: one crop repeated",
    "aug2_range": "aug2: features of images in 0..255",
    "one_component_fewer": "one principal component fewer",
    "features_not_normalised": "features of images not normalised",
    "target_not_scaled": "networks learn the value in its unit",
    "nnrank_loss_summed": "NNRank's loss summed over the minibatch",
}


def make_table(
    fits: Iterable[Fit],
    permuted: Iterable[Fit] = (),
    *,
    n_candidates: Mapping[str, Mapping[str, int]],
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make the table of leakage: a row per protocol, kind of labels and model.

    Parameters
    ----------
    fits, permuted : iterable of Fit
        Of one pre-training, policy and scheme; their protocols are named with leaks and permutations.
    n_candidates : mapping
        {scheme: {model: size of its parameter grid}}; models without one count as networks (COMPARED).
    resampling : Resampling
    run : RunInfo

    Returns
    -------
    DataFrame
        Pooled accuracies in percent, differences in points, with 95 % intervals. ``chance``: mean accuracy of the same
        predictions permuted among the samples of each fold; ``above``: accuracy less chance. ``change``: the reported
        accuracy less that of the same model under the protocol without changes. ``selection_bias_pct_points``: the
        most that selecting settings on validation samples adds on average to the accuracy of random predictions.
        ``verdict``: of permuted labels, where the interval of the reported accuracy above chance lies. ``p_films``,
        ``p_batches``: of true labels, the p-value of the reported accuracy among those of the same model on labels
        permuted between samples or growth days, (1 + b) / (1 + n): b of ``n_draws`` n permutations reach it.

    Raises
    ------
    UserError
        If there are no fits, or they differ in pre-training, policy or scheme.

    Notes
    -----
    Of permuted labels there are rows of all models together (features and model ALL), where there are several: one for
    each kind of permutation and, where there are both, one for both (labels BOTH). They resample permutations with the
    predictions of all models; their chance level is that of each model by itself.
    """
    fits = [*fits, *permuted]
    summaries.check_same(fits, CONSTANT, "the table of leakage")
    groups = _groups(_predictions(fits))
    constant = {name: getattr(fits[0].spec, name) for name in CONSTANT}
    grids, others = n_candidates.get(constant["scheme"], {}), COMPARED[run.search]
    rows = []
    for key in sorted(groups, key=_order):
        base = groups.get((protocols.without_leaks(key[0]), *key[1:]))
        row = constant | dict(zip(GROUP, key, strict=True)) | _scores(key[0], groups[key], base, resampling)
        row["selection_bias_pct_points"] = _selection_bias(groups[key], grids, others)
        rows.append(row | {"verdict": _verdict(row)} | _p_values(key, groups))
    return run.add_to(pd.DataFrame(rows, columns=COLUMNS))


def _predictions(fits: Sequence[Fit]) -> pd.DataFrame:
    """Return the predictions of all fits with the columns GROUP, permutation, file, group (fold of a file) and unit.

    A unit is resampled together: a growth day of true labels; of permuted ones a permutation, or its growth days where
    permutations are few.
    """
    if not fits:
        raise UserError("the table of leakage has no predictions to show: name models in experiments.leakage.")
    frames = []
    for file, fit in enumerate(fits):
        protocol = protocols.parse(fit.spec.protocol)
        if protocol.share != protocols.WHOLE:
            raise UserError(
                f"protocol '{protocol.name}' trains on a share of the samples: not for experiments.leakage."
            )
        labels, name = protocol.shuffled or "true", protocols.without_variations(protocol.name)
        row = dict(zip(GROUP, (name, labels, fit.spec.features, fit.spec.model), strict=True))
        frame = fit.predictions[["fold", "split", "sample", "batch", "y_true", "y_pred"]]
        frames.append(frame.assign(**row, file=file, permutation=f"{labels} {protocol.permutation:09d}"))
    rows = pd.concat(frames, ignore_index=True)
    many = rows.groupby(GROUP)["permutation"].transform("nunique") >= MIN_PERMUTATIONS
    units = rows["permutation"].where(many, rows["permutation"] + " " + rows["batch"].astype(str))
    return rows.assign(unit=units.astype("category").cat.codes, group=rows.groupby(["file", "fold"]).ngroup())


def _groups(rows: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """{values of GROUP: predictions}: of every model, and of permuted labels of all models together."""
    groups = dict(iter(rows.groupby(GROUP, sort=False)))
    permuted = rows[rows["labels"] != "true"]
    for (protocol, labels), together in permuted.groupby(["protocol", "labels"], sort=False):
        if together.groupby(["features", "model"]).ngroups > 1:
            groups[protocol, labels, ALL, ALL] = together
    for protocol, together in permuted.groupby("protocol", sort=False):
        if together["labels"].nunique() > 1:
            groups[protocol, BOTH, ALL, ALL] = together
    return groups


def _order(key: tuple) -> tuple:
    """Where a row stands: strict and its added leaks, then published and its closed ones; true labels first."""
    protocol = protocols.parse(key[0])
    changed = [leak in protocols.changed_leaks(protocol.name) for leak in protocols.SWITCHES]
    base = list(protocols.PROTOCOLS).index(protocol.base)
    return base, sum(changed), [not change for change in changed], list(LABELS).index(key[1])


def _scores(protocol: str, rows: pd.DataFrame, base: pd.DataFrame | None, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one row; base: the predictions of the protocol without changes."""
    split = protocols.parse(protocol).reported_split
    parts = {part: rows[rows["split"] == part] for part in PARTS}
    row = {"reported": split, "n_permutations": rows["permutation"].nunique()}
    row |= {"n_samples": parts[split]["sample"].nunique(), "n_batches": parts[split]["batch"].nunique()}
    for part, frame in parts.items():
        accuracy, above = (values[0] for values in chance_corrected.accuracy([frame], resampling))
        row[f"chance_{part}_pct"] = float(accuracy[0] - above[0])
        row |= _with_interval(f"{part}_pct", accuracy) | _with_interval(f"above_chance_{part}_pct_points", above)
    row |= _with_interval("gap_pct_points", _difference(list(parts.values()), resampling))
    change = np.array([np.nan])
    if base is not None and base is not rows:
        pair = _shared(parts[split], base[base["split"] == split])
        change, row["change_pct_points_discordant"] = _difference(pair, resampling), summaries.discordant(*pair)
    return row | _with_interval("change_pct_points", change)


def _shared(one: pd.DataFrame, other: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of two frames that are of models and permutations which both have."""
    names = [rows["permutation"] + " " + rows["features"] + " " + rows["model"] for rows in (one, other)]
    common = set(names[0]) & set(names[1])
    return [rows[each.isin(common)] for rows, each in zip((one, other), names, strict=True)]


def _with_interval(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Return the columns of a value, which is the first, and of the interval of the others, which are resampled."""
    return bootstrap.columns(name, (float(values[0]), *bootstrap.interval(values[1:])))


def _difference(frames: Sequence[pd.DataFrame], resampling: Resampling) -> NDArray[np.float64]:
    """Return the accuracy of the first frame less the second's, in points: the value, then the resampled ones."""
    accuracy, _ = chance_corrected.accuracy(frames, resampling)
    return accuracy[0] - accuracy[1]


def _verdict(row: Mapping[str, Any]) -> str:
    """Where the reported accuracy on permuted labels lies; empty for true labels and where there is no interval."""
    low, high = (row[f"above_chance_{row['reported']}_pct_points{end}"] for end in ENDS[1:])
    if row["labels"] == "true" or np.isnan(low):
        return ""
    return ABOVE if low > 0 else BELOW if high < 0 else AT


def _p_values(key: tuple, groups: Mapping[tuple, pd.DataFrame]) -> dict[str, float]:
    """Return the columns of the permutation tests of a row on true labels; {} of others and without permutations."""
    protocol, labels, *model = key
    found: dict[str, float] = {}
    for kind in ("films", "batches") if labels == "true" else ():
        drawn = groups.get((protocol, kind, *model))
        if drawn is not None:
            split = protocols.parse(protocol).reported_split
            (reached,), others = (_accuracies(rows[rows["split"] == split]) for rows in (groups[key], drawn))
            better = int((others >= reached - 1e-9).sum())
            found |= {f"p_{kind}": (1 + better) / (1 + len(others)), f"n_draws_{kind}": len(others)}
    return found


def _accuracies(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the accuracy of every permutation; of true labels there is one."""
    right = (rows["y_pred"] == rows["y_true"]).fillna(False)
    return right.groupby(rows["permutation"]).mean().to_numpy(float)


def _selection_bias(rows: pd.DataFrame, grids: Mapping[str, int], others: int) -> float:
    """`selection_bias_bound` in the mean over the models and kinds of labels that a row takes together."""
    validation = rows[rows["split"] == "validation"]
    each = [
        selection_bias_bound(here, labels, grids.get(model, others))
        for (labels, _, model), here in validation.groupby(["labels", "features", "model"])
    ]
    return float(np.mean(each)) if each else np.nan


def selection_bias_bound(validation: pd.DataFrame, labels: str, n_settings: int) -> float:
    """Bound what selecting settings adds on average to the validation accuracy of random predictions.

    Parameters
    ----------
    validation : DataFrame
        The predictions of a fit's validation rows, with the column ``group``.
    labels : str
        ``true``, ``films`` or ``batches``.
    n_settings : int
        Settings that are compared.

    Returns
    -------
    float
        In points, mean over the folds.

    Notes
    -----
    The mean of the best of m guesses about n independent samples lies at most sqrt(ln m / (2 n)) above that of one
    (Hoeffding's lemma and the maximal inequality). Samples are independent where labels were permuted between samples;
    otherwise growth days are, of s samples each: 1 / n is sum(s^2) / (sum s)^2.

    References
    ----------
    S. Boucheron, G. Lugosi, P. Massart, Concentration Inequalities (2013), theorem 2.5.
    """
    sizes = validation.groupby(["group", "sample" if labels == "films" else "batch"]).size().astype(float)
    folds = sizes.groupby("group").agg([lambda size: (size**2).sum(), "sum"])
    bounds = np.sqrt(np.log(n_settings) / 2 * folds.iloc[:, 0]) / folds.iloc[:, 1]
    return 100 * float(bounds.mean()) if len(bounds) else np.nan


GAP = "gap"
FINDING = ["protocol", "labels", "features", "model", "what", *(f"excess{end}" for end in ENDS), "allowed", "leaks"]


def audit(table: pd.DataFrame) -> pd.DataFrame:
    """List accuracies, or gaps between splits, of a table of leakage that are higher than they can be without a leak.

    Parameters
    ----------
    table : DataFrame
        Of `make_table`.

    Returns
    -------
    DataFrame
        FINDING, in the order of the rows: ``what`` is validation, test or GAP; ``excess`` (points) with its 95 %
        interval; ``allowed``, what selecting settings explains at most; ``leaks``, a tuple of those of the protocol
        that explain it, empty for a leak that the protocol does not name.

    Notes
    -----
    A finding has a 95 % interval wholly above what is allowed, so that of forty rows without a leak about one is a
    finding by chance; fewer where selection is allowed for, since its bound is generous. Rows of all models together
    find a leak that is too weak to be seen in any one of them.
    """
    found = [_finding(row, what) for row in table.to_dict("records") for what in _checked(row)]
    return pd.DataFrame([finding for finding in found if finding], columns=FINDING)


def _checked(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is checked in a row: on permuted labels both splits, on true ones the gap.

    No gap where the protocol tests samples of another operator or of later days, which may be harder.

    Of all models together only under protocols without a leak: leaks do not reach all models, so that a leak which
    explains some of a row would explain it all.
    """
    protocol = protocols.parse(row["protocol"])
    if row["model"] == ALL and protocol.leaks:
        return ()
    if row["labels"] != "true":
        return PARTS
    return (GAP,) if protocol.base in summaries.PROTOCOLS else ()


def _finding(row: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the finding about one thing in a row; {} without one."""
    name = "gap_pct_points" if what == GAP else f"above_chance_{what}_pct_points"
    excess = bootstrap.columns("excess", (row[f"{name}{end}"] for end in ENDS))
    protocol = protocols.parse(row["protocol"])
    selected_on = what == GAP or (what == "validation" and protocol.reported_split == "test")
    allowed = row["selection_bias_pct_points"] if selected_on else 0.0
    if not excess["excess_low"] > allowed:
        return {}
    leaks = tuple(leak for leak in protocols.LEAKS if _explains(leak, protocol, row, what, excess["excess_low"]))
    return {name: row[name] for name in GROUP} | {"what": what, "allowed": allowed, "leaks": leaks} | excess


def _explains(leak: str, protocol: Protocol, row: Mapping[str, Any], what: str, low: float) -> bool:
    """Whether a leak of the protocol can bring the labels of these samples to a model on these features."""
    kind = row["features"] if row["features"] in protocols.PREDICTION_LEAKS else "components"
    if leak not in protocol.leaks or leak not in protocols.PREDICTION_LEAKS[kind]:
        return False
    if leak == "features_from_one_fold":
        # Whether networks were trained on what is tested. Published tests samples that no network was trained on.
        # Strict tests every sample, of all folds together mostly samples that the last fold's network was trained on:
        # those of K - 2 of K parts.
        return what != "test" or protocol.estimators != "published"
    if leak == "selection_on_reported_split":  # the samples are those selected on, and selection can add as much
        return what == protocol.reported_split and low <= row["selection_bias_pct_points"]
    if leak == "ungrouped":  # labels were permuted between days, so that samples of one day share theirs
        return what != GAP and row["labels"] == "batches"
    return False  # the others do not use labels: PCA, scaling, and the weights that a network keeps


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: true labels, permuted ones, each leak by itself, the audit."""
    base = table[table["protocol"].isin(protocols.PROTOCOLS)]
    permuted = base[base["labels"] != "true"].sort_values("labels", key=lambda names: names.map(ORDER), kind="stable")
    made = [
        tables.panel("True labels", base[base["labels"] == "true"], TRUE, 2),
        tables.panel("Permuted labels", permuted, PERMUTED, 3, 2, (NOTE_PERMUTED,)),
        *(_leaks_panel(table, labels) for labels in LABELS),
        _audit_panel(table),
    ]
    return [panel for panel in made if panel.rows]


def _model(row: tables.Row) -> str:
    return "all models" if row["model"] == ALL else model_label(row["model"], row["features"])


def _above(part: str = "") -> Callable[[tables.Row], str]:
    """Return the cell of the accuracy above chance level on a split, by default the reported one."""
    return lambda row: tables.difference_column(f"above_chance_{part or row['reported']}_pct_points", 1)(row)


def _reported(name: str) -> Callable[[tables.Row], str]:
    """Return the cell of a column of the reported split."""
    return lambda row: tables.number(row[name.format(row["reported"])])


def _p_value(labels: str) -> Callable[[tables.Row], str]:
    """Return the cell of a permutation test: the p-value and the number of permutations."""

    def cell(row: tables.Row) -> str:
        if tables.missing(row[f"p_{labels}"]):
            return tables.DASH
        return f"{tables.number(row[f'p_{labels}'], 3)} ({row[f'n_draws_{labels}']:.0f})"

    return cell


UNITS = {"films": "samples", "batches": "growth days"}  # that labels are permuted between
PROTOCOL = ("Protocol", lambda row: f"{row['protocol']}: reports {row['reported']}")
TRUE = [
    PROTOCOL,
    ("Model", _model),
    *((f"{part.capitalize()}, % [95 %]", tables.interval_column(f"{part}_pct")) for part in PARTS),
    ("Validation − test, points", tables.difference_column("gap_pct_points", 1)),
    ("Chance level, %", _reported("chance_{}_pct")),
    ("Reported − chance level, points", _above()),
    *((f"p, labels permuted between {what} (n)", _p_value(kind)) for kind, what in UNITS.items()),
    ("Samples", tables.number_column("n_samples")),
]
PERMUTED = [
    ("Labels", lambda row: f"{LABELS[row['labels']].removeprefix('labels ')}, n = {row['n_permutations']}"),
    PROTOCOL,
    ("Model", _model),
    *(
        column
        for part in PARTS
        for column in (
            (f"{part.capitalize()}, %", tables.number_column(f"{part}_pct")),
            ("Above chance level, points", _above(part)),
        )
    ),
    ("Reported accuracy is", lambda row: tables.best(row["verdict"] or tables.DASH, row["verdict"] not in ("", AT))),
]
ORDER = {labels: place for place, labels in enumerate(LABELS)}
NOTE_PERMUTED = (
    "Under strict, validation accuracies may exceed chance, since settings are selected on these samples; they are "
    "not reported. Of forty models at chance level, about one has an interval above it and one below."
)
NOTE_LEAKS = "Models that a leak does not affect have no row. Leaks overlap: their changes need not add up."
# How a leak is changed -> heading of what is reported then.
CHANGES = {
    "strict+": "Added to strict: test",
    "published-": "Closed in published: validation",
    "published+": "Added to published: validation",
    "as_run-": "Closed in as_run: validation",
}


def _leaks_panel(table: pd.DataFrame, labels: str) -> Panel:
    """Each leak by itself, on one kind of labels; of true labels without the accuracy above chance."""
    changed = table[~table["protocol"].isin(protocols.PROTOCOLS) & (table["labels"] == labels)]
    shown = [("{}, %", _reported("{}_pct")), ("Change, points", tables.difference_column("change_pct_points", 1))]
    if labels != "true":
        shown.insert(1, ("Above chance level, points", _above()))
    columns = [("Leak", lambda row: LEAKS[row["leak"]]), ("Model", _model)]
    for prefix, heading in CHANGES.items():
        if changed["protocol"].str.startswith(prefix).any():
            columns += [(name.format(heading), _of_change(prefix, text)) for name, text in shown]
    records = changed.to_dict("records")
    kept = {(row["protocol"], row["features"], row["model"]): row for row in records}
    models = table[["features", "model"]].drop_duplicates().sort_values("model", key=lambda names: names == ALL,
                                                                        kind="stable").to_dict("records")  # fmt: skip
    rows = [
        model | {"leak": leak} | {prefix: kept.get((f"{prefix}{leak}", *model.values())) for prefix in CHANGES}
        for leak in LEAKS
        for model in models
    ]
    rows = [row for row in rows if any(row[prefix] for prefix in CHANGES)]
    grid = changed[changed["protocol"].str.endswith("selection_on_reported_split")]
    same = (grid[[f"change_pct_points{end}" for end in ENDS]] == 0).all(axis=1).any()
    notes = (NOTE_LEAKS, *(["A change of +0.0 [+0.0, +0.0]: a grid of one point."] if same else []))
    return tables.panel(f"Each leak by itself: {LABELS[labels]}", rows, columns, 2, notes=notes)


def _of_change(prefix: str, text: Callable[[tables.Row], str]) -> Callable[[tables.Row], str]:
    """Return the cell of the row under one change of a leak; a dash without it."""
    return lambda row: text(row[prefix]) if row[prefix] else tables.DASH


NO_LEAK = tables.Bold("no leak of this protocol")
AUDIT = [
    ("Explained by", lambda row: " or ".join(LEAKS[leak] for leak in row["leaks"]) or NO_LEAK),
    ("Protocol", lambda row: row["protocol"]),
    ("Labels", lambda row: LABELS[row["labels"]]),
    ("Accuracy", lambda row: "validation − test" if row["what"] == GAP else f"{row['what']} − chance"),
    ("Model", _model),
    ("Rows", lambda row: str(row["count"])),
    ("Excess, points [95 %]", tables.interval_column("excess", 1)),
    ("Expected from selection, points", tables.number_column("allowed", 1)),
]


def _audit_panel(table: pd.DataFrame) -> Panel:
    """Return what no leak explains, then what leaks do explain; findings that differ in the model alone are one row."""
    found = audit(table)
    explained = found["leaks"].map("".join).astype(str)
    keys = [found["protocol"], found["labels"], found["what"], explained, found.index.where(explained == "", -1)]
    rows = [
        group.loc[group["excess"].idxmax()].to_dict() | {"count": len(group)}
        for _, group in found.groupby(keys, sort=False)
    ]
    title = "Audit: accuracies higher than the samples allow"
    panel = tables.panel(title, sorted(rows, key=lambda row: len(row["leaks"]) > 0), AUDIT, 5, n_repeated=0)
    return panel if rows else replace(panel, rows=[["no findings", *[tables.DASH] * (len(AUDIT) - 1)]])
