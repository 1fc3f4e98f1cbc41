"""Data leakage of the published protocol: each leak by itself, with true and with permuted labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, chance_corrected, summaries, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.labels import model_label
from micrograph.evaluation.summaries import ENDS, Fit, RunInfo
from micrograph.evaluation.tables import Panel
from micrograph.splits import protocols
from micrograph.splits.protocols import Protocol

NAME = "Table of leakage"
BOTH = "both"  # labels of a row that takes permutations of samples and of growth days together
ALL = "all"  # features and model of a row that takes all models together
FIELDS = ("pretraining", "policy", "features", "scheme", "model")
KEYS = ["protocol", "labels", *FIELDS]
PARTS = ("validation", "test")
ABOVE, AT, BELOW = "above chance", "at chance", "below chance"
MIN_PERMUTATIONS = 10  # of one kind; of fewer their growth days are resampled
COLUMNS = [
    *KEYS,
    *("reported", "n_permutations", "n_samples", "n_batches"),
    *(f"{part}_pct{end}" for part in PARTS for end in ENDS),
    *(f"gap_pct_points{end}" for end in ENDS),
    *(f"chance_{part}_pct" for part in PARTS),
    *(f"above_chance_{part}_pct_points{end}" for part in PARTS for end in ENDS),
    *(f"change_pct_points{end}" for end in ENDS),
    *("selection_bias_pct_points", "verdict"),
]
# Settings that a network's fold compares at most, the epochs of early stopping among them.
COMPARED = {"default": 1_000, "published": 10_000}

# Kinds of labels, and the leaks, as the table names them.
LABELS = {
    "true": "true labels",
    "films": "labels permuted between samples",
    "batches": "labels permuted between growth days",
    BOTH: "labels permuted in both ways",
}
LEAKS = {
    "features_from_one_fold": "features of all folds from one network",
    "pca_on_all": "PCA fitted on all samples",
    "selection_on_reported_split": "settings selected on the reported split",
    "validation_in_train_mode": "validation loss in training mode",
    "last_checkpoint": "last checkpoint, not the best",
    "ungrouped": "splits not grouped by growth day",
}


@dataclass(frozen=True)
class _Group:
    """The predictions of one row of the table: one fit, or all models, all permutations of the labels together.

    Columns beside those of predictions: labels, features, model, permutation, file, and unit and group as of
    :mod:`micrograph.evaluation.chance_corrected`.
    """

    protocol: Protocol
    predictions: pd.DataFrame

    def part(self, name: str) -> pd.DataFrame:
        """Return the predictions of a split."""
        return self.predictions[self.predictions["split"] == name]

    @property
    def reported(self) -> pd.DataFrame:
        """The predictions of the split that the protocol reports."""
        return self.part(self.protocol.reported_split)


def make_table(
    fits: Iterable[Fit],
    permuted: Iterable[Fit] = (),
    *,
    n_candidates: Mapping[str, Mapping[str, int]],
    resampling: Resampling,
    run: RunInfo,
) -> pd.DataFrame:
    """Make the table of leakage: a row a protocol, kind of labels and model.

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
        ``verdict``: of permuted labels, where the interval of the reported accuracy above chance lies.

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
    summaries.check_same(fits, ("pretraining", "policy", "scheme"), "the table of leakage")
    groups = _grouped(fits)
    groups |= _pooled(groups)
    rows = []
    for key in sorted(groups, key=_order):
        fields = dict(zip(KEYS, key, strict=True))
        base = groups.get((protocols.without_leaks(fields["protocol"]), *key[1:]))
        row = fields | _scores(groups[key], base, resampling)
        grids = n_candidates.get(fields["scheme"], {})
        row["selection_bias_pct_points"] = _selection_bias(groups[key].part("validation"), grids, COMPARED[run.search])
        rows.append(row | {"verdict": _verdict(row)})
    return run.add_to(pd.DataFrame(rows, columns=COLUMNS))


def _grouped(fits: Sequence[Fit]) -> dict[tuple, _Group]:
    """{key (KEYS): group}, a fit each; fits that differ in the permutation alone are one."""
    if not fits:
        raise UserError("the table of leakage has no predictions to show: name models in experiments.leakage.")
    frames: dict[tuple, list[pd.DataFrame]] = {}
    for file, fit in enumerate(fits):
        protocol = protocols.parse(fit.spec.protocol)
        if protocol.share != protocols.WHOLE:
            raise UserError(
                f"protocol '{protocol.name}' trains on a share of the samples: not for experiments.leakage."
            )
        labels = protocol.shuffled or "true"
        key = (protocols.without_variations(protocol.name), labels, *(getattr(fit.spec, name) for name in FIELDS))
        columns = {"labels": labels, "features": fit.spec.features, "model": fit.spec.model, "file": file}
        frame = fit.predictions.assign(**columns, permutation=f"{labels} {protocol.permutation:09d}")
        frames.setdefault(key, []).append(frame)
    frames = {key: _with_unit(group) for key, group in frames.items()}
    names = {unit for group in frames.values() for frame in group for unit in frame["unit"]}
    units = {unit: place for place, unit in enumerate(sorted(names))}
    numbered = {key: [frame.assign(unit=frame["unit"].map(units)) for frame in group] for key, group in frames.items()}
    return {key: _Group(protocols.parse(key[0]), _concatenated(group)) for key, group in numbered.items()}


def _with_unit(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the frames of one fit with the column unit, which is resampled together whatever model predicts it.

    A growth day of true labels; of permuted ones a permutation, or its growth days where permutations are few.
    """
    many = len({name for frame in frames for name in frame["permutation"].unique()}) >= MIN_PERMUTATIONS
    return [
        frame.assign(unit=frame["permutation"] if many else frame["permutation"] + " " + frame["batch"].astype(str))
        for frame in frames
    ]


def _pooled(groups: Mapping[tuple, _Group]) -> dict[tuple, _Group]:
    """{key: group} of all models together: of every protocol and kind of permutation, and of both kinds."""
    members: dict[tuple, list[tuple]] = {}
    for key in groups:
        fields = dict(zip(KEYS, key, strict=True)) | {"features": ALL, "model": ALL}
        if fields["labels"] != "true":
            for labels in (fields["labels"], BOTH):
                members.setdefault(tuple((fields | {"labels": labels}).values()), []).append(key)
    kinds = {key: {one[1] for one in keys} for key, keys in members.items()}
    kept = [key for key in members if len(kinds[key]) > 1 or (key[1] != BOTH and len(members[key]) > 1)]
    return {
        key: _Group(groups[members[key][0]].protocol, _concatenated([groups[one].predictions for one in members[key]]))
        for key in kept
    }


def _concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows; predictions are permuted among the samples of a fold of one file (column group)."""
    rows = pd.concat(frames, ignore_index=True)
    return rows.assign(group=rows.groupby(["file", "fold"]).ngroup())


def _order(key: tuple) -> tuple:
    """Where a row stands: strict and its added leaks, then published and its closed ones; true labels first."""
    protocol = protocols.parse(key[0])
    changed = [leak in protocols.changed_leaks(protocol.name) for leak in protocols.LEAKS]
    base = list(protocols.PROTOCOLS).index(protocol.base)
    return base, sum(changed), [not change for change in changed], list(LABELS).index(key[1])


def _scores(group: _Group, base: _Group | None, resampling: Resampling) -> dict[str, Any]:
    """Return the numbers of one row."""
    row = {"reported": group.protocol.reported_split, "n_permutations": group.predictions["permutation"].nunique()}
    row["n_samples"], row["n_batches"] = group.reported["sample"].nunique(), group.reported["batch"].nunique()
    for part in PARTS:
        accuracy, above = chance_corrected.accuracy([group.part(part)], resampling)
        row[f"chance_{part}_pct"] = float(accuracy[0, 0] - above[0, 0])
        row |= _with_interval(f"{part}_pct", accuracy[0]) | _with_interval(f"above_chance_{part}_pct_points", above[0])
    row |= _with_interval("gap_pct_points", _difference([group.part(part) for part in PARTS], resampling))
    change = np.array([np.nan])
    if base is not None and base is not group:
        change = _difference(_shared(group.reported, base.reported), resampling)
    return row | _with_interval("change_pct_points", change)


def _shared(one: pd.DataFrame, other: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of two frames that are of models and permutations which both have."""
    names = [rows["permutation"] + " " + rows["features"] + " " + rows["model"] for rows in (one, other)]
    common = set(names[0]) & set(names[1])
    return [rows[each.isin(common)] for rows, each in zip((one, other), names, strict=True)]


def _with_interval(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """Return the columns of a value, which is the first, and of the interval of the others, which are resampled."""
    return dict(zip([f"{name}{end}" for end in ENDS], (float(values[0]), *bootstrap.interval(values[1:])), strict=True))


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


def _selection_bias(validation: pd.DataFrame, grids: Mapping[str, int], others: int) -> float:
    """`selection_bias_bound` in the mean over the models and kinds of labels that a row takes together."""
    each = [
        selection_bias_bound(rows, labels, grids.get(model, others))
        for (labels, _, model), rows in validation.groupby(["labels", "features", "model"])
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
    independent = "sample" if labels == "films" else "batch"
    log_settings = np.log(n_settings)
    bounds = []
    for _, fold in validation.groupby("group"):
        sizes = fold.groupby(independent).size().to_numpy(float)
        bounds.append(np.sqrt(log_settings / 2 * (sizes**2).sum()) / sizes.sum())
    return 100 * float(np.mean(bounds)) if bounds else np.nan


GAP = "gap"


@dataclass(frozen=True)
class Finding:
    """An accuracy, or a gap between splits, that is higher than it can be without a leak.

    Parameters
    ----------
    protocol, labels, features, model : str
        The row of the table.
    what : str
        validation, test, or the gap between them.
    points, low, high : float
        By how many points, with the 95 % interval.
    allowed : float
        Points that selecting settings explains at most; 0 where it must not explain any.
    leaks : tuple of str
        Leaks of the protocol that explain it; none for a leak that the protocol does not name.
    """

    protocol: str
    labels: str
    features: str
    model: str
    what: str
    points: float
    low: float
    high: float
    allowed: float
    leaks: tuple[str, ...]

    @property
    def unexplained(self) -> bool:
        """Whether no leak of the protocol explains it."""
        return not self.leaks


def audit(table: pd.DataFrame) -> list[Finding]:
    """List the findings in a table of leakage, in the order of its rows.

    Notes
    -----
    A finding has a 95 % interval wholly above what is allowed, so that of forty rows without a leak about one is a
    finding by chance; fewer where selection is allowed for, since its bound is generous. Rows of all models together
    find a leak that is too weak to be seen in any one of them.
    """
    candidates = (_finding(row, what) for row in table.to_dict("records") for what in _checked(row))
    return [finding for finding in candidates if finding]


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
    return (GAP,) if protocol.base in ("strict", "published") else ()


def _finding(row: Mapping[str, Any], what: str) -> Finding | None:
    """Return the finding about one thing in a row, if there is one."""
    name = "gap_pct_points" if what == GAP else f"above_chance_{what}_pct_points"
    points, low, high = (row[f"{name}{end}"] for end in ENDS)
    protocol = protocols.parse(row["protocol"])
    selected_on = what == GAP or (what == "validation" and protocol.reported_split == "test")
    allowed = row["selection_bias_pct_points"] if selected_on else 0.0
    if np.isnan(low) or not low > allowed:
        return None
    leaks = tuple(leak for leak in protocols.LEAKS if _explains(leak, protocol, row, what, low))
    key = {name: row[name] for name in ("protocol", "labels", "features", "model")}
    return Finding(**key, what=what, points=points, low=low, high=high, allowed=allowed, leaks=leaks)


def _explains(leak: str, protocol: Protocol, row: Mapping[str, Any], what: str, low: float) -> bool:
    """Whether a leak of the protocol can bring the labels of these samples to a model on these features."""
    kind = row["features"] if row["features"] in protocols.PREDICTION_LEAKS else "components"
    if leak not in protocol.leaks or leak not in protocols.PREDICTION_LEAKS[kind]:
        return False
    return leak in EXPLAINS and EXPLAINS[leak](protocol, row, what, low)


def _one_fold(protocol: Protocol, row: Mapping[str, Any], what: str, low: float) -> bool:
    """Return whether networks were trained on what is tested.

    Published tests samples that no network was trained on. Strict tests every sample, of all folds together mostly
    samples that the last fold's network was trained on: those of K - 2 of K parts.
    """
    return what != "test" or protocol.base != "published"


def _grid(protocol: Protocol, row: Mapping[str, Any], what: str, low: float) -> bool:
    """Return whether the samples are those selected on, and selection can add as much."""
    return what == protocol.reported_split and low <= row["selection_bias_pct_points"]


def _ungrouped(protocol: Protocol, row: Mapping[str, Any], what: str, low: float) -> bool:
    """Return whether labels were permuted between days, so that samples of one day share theirs."""
    return what != GAP and row["labels"] == "batches"


# Leak -> whether it explains a finding. The others do not use labels: PCA, and the weights that a network keeps.
EXPLAINS: dict[str, Callable[..., bool]] = {
    "features_from_one_fold": _one_fold,
    "selection_on_reported_split": _grid,
    "ungrouped": _ungrouped,
}


def panels(table: pd.DataFrame) -> list[Panel]:
    """Lay the table out: true labels, permuted ones, each leak by itself, the audit."""
    made = [_true_panel(table), _permuted_panel(table), *(_leaks_panel(table, labels) for labels in LABELS)]
    return [panel for panel in [*made, _audit_panel(table)] if panel.rows]


def _model(features: str, model: str) -> str:
    return "all models" if model == ALL else model_label(model, features)


def _base_rows(table: pd.DataFrame, permuted: bool) -> list[dict[str, Any]]:
    """Return the rows of strict and published, of permuted labels or of true ones."""
    rows = table[table["protocol"].isin(protocols.PROTOCOLS)]
    return rows[(rows["labels"] != "true") == permuted].to_dict("records")


def _true_panel(table: pd.DataFrame) -> Panel:
    rows = []
    for row in _base_rows(table, permuted=False):
        part = row["reported"]
        cells = [tables.interval_column(f"{part}_pct")(row) for part in PARTS]
        cells += [tables.difference_column("gap_pct_points", 1)(row), tables.number(row[f"chance_{part}_pct"])]
        cells += [tables.difference_column(f"above_chance_{part}_pct_points", 1)(row), f"{row['n_samples']}"]
        rows.append([f"{row['protocol']}: reports {part}", _model(row["features"], row["model"]), *cells])
    headings = ["Protocol", "Model", "Validation, % [95 %]", "Test, % [95 %]", "Validation − test, points"]
    headings += ["Chance level, %", "Reported − chance level, points", "Samples"]
    return Panel("True labels", headings, tables.without_repeats(rows), text_columns=2)


def _permuted_panel(table: pd.DataFrame) -> Panel:
    rows = []
    for row in sorted(_base_rows(table, permuted=True), key=lambda row: list(LABELS).index(row["labels"])):
        cells = [
            cell
            for part in PARTS
            for cell in (
                tables.number(row[f"{part}_pct"]),
                tables.difference_column(f"above_chance_{part}_pct_points", 1)(row),
            )
        ]
        verdict = tables.best(row["verdict"] or tables.DASH, row["verdict"] not in ("", AT))
        permuted = f"{LABELS[row['labels']].removeprefix('labels ')}, n = {row['n_permutations']}"
        protocol = f"{row['protocol']}: reports {row['reported']}"
        rows.append([permuted, protocol, _model(row["features"], row["model"]), *cells, verdict])
    headings = ["Labels", "Protocol", "Model", "Validation, %", "Above chance level, points", "Test, %"]
    headings += ["Above chance level, points", "Reported accuracy is"]
    notes = (
        "Under strict, validation accuracies may exceed chance, since settings are selected on these samples; they are "
        "not reported. Of forty models at chance level, about one has an interval above it and one below.",
    )
    return Panel("Permuted labels", headings, tables.without_repeats(rows, 2), 3, notes)


# How a leak is changed -> heading of what is reported then.
CHANGES = {"strict+": "Added to strict: test", "published-": "Closed in published: validation"}


def _leaks_panel(table: pd.DataFrame, labels: str) -> Panel:
    """Each leak by itself, on one kind of labels; of true labels without the accuracy above chance."""
    changed = table[~table["protocol"].isin(protocols.PROTOCOLS) & (table["labels"] == labels)]
    kept = {(row["protocol"], row["features"], row["model"]): row for row in changed.to_dict("records")}
    models = sorted(dict.fromkeys(zip(table["features"], table["model"], strict=True)), key=lambda one: one[1] == ALL)
    changes = {
        prefix: heading for prefix, heading in CHANGES.items() if changed["protocol"].str.startswith(prefix).any()
    }
    permuted = labels != "true"
    rows = []
    for leak, text in LEAKS.items():
        for features, model in models:
            changed_rows = [kept.get((f"{prefix}{leak}", features, model)) for prefix in changes]
            if any(changed_rows):
                cells = [cell for row in changed_rows for cell in _change_cells(row, permuted)]
                rows.append([text, _model(features, model), *cells])
    headings = ["Leak", "Model"]
    for heading in changes.values():
        headings += [f"{heading}, %", *(["Above chance level, points"] if permuted else []), "Change, points"]
    return Panel(f"Each leak by itself: {LABELS[labels]}", headings, tables.without_repeats(rows), 2, _notes(changed))


def _change_cells(row: Mapping[str, Any] | None, permuted: bool) -> list[str]:
    """Return the accuracy under a changed leak, what of it is above chance, and the change; dashes for no row."""
    if row is None:
        return [tables.DASH] * (3 if permuted else 2)
    part = row["reported"]
    above = [tables.difference_column(f"above_chance_{part}_pct_points", 1)(row)] if permuted else []
    return [tables.number(row[f"{part}_pct"]), *above, tables.difference_column("change_pct_points", 1)(row)]


def _notes(changed: pd.DataFrame) -> tuple[str, ...]:
    """Return the notes below a panel of single leaks."""
    grid = changed[changed["protocol"].str.endswith("selection_on_reported_split")]
    same = (grid[[f"change_pct_points{end}" for end in ENDS]] == 0).all(axis=1)
    note = "Models that a leak does not affect have no row. Leaks overlap: their changes need not add up."
    return (note, "A change of +0.0 [+0.0, +0.0]: a grid of one point.") if same.any() else (note,)


def _audit_panel(table: pd.DataFrame) -> Panel:
    """Return what no leak explains, then what leaks do explain; findings that differ in the model alone are one row."""
    findings: dict[tuple, list[Finding]] = {}
    for finding in audit(table):
        key = (finding.protocol, finding.labels, finding.what, finding.leaks)
        findings.setdefault((*key, finding if finding.unexplained else None), []).append(finding)
    rows = [_audit_row(group) for group in sorted(findings.values(), key=lambda group: not group[0].unexplained)]
    rows = rows or [["no findings", *[tables.DASH] * 7]]
    headings = ["Explained by", "Protocol", "Labels", "Accuracy", "Model", "Rows", "Excess, points [95 %]"]
    headings += ["Expected from selection, points"]
    return Panel("Audit: accuracies higher than the samples allow", headings, rows, text_columns=5)


def _audit_row(group: Collection[Finding]) -> list[str]:
    """One row of the audit: the largest of its findings."""
    largest = max(group, key=lambda finding: finding.points)
    leaks = " or ".join(LEAKS[leak] for leak in largest.leaks)
    return [
        leaks or tables.Bold("no leak of this protocol"),
        largest.protocol,
        LABELS[largest.labels],
        "validation − test" if largest.what == GAP else f"{largest.what} − chance",
        _model(largest.features, largest.model),
        f"{len(group)}",
        tables.interval(largest.points, largest.low, largest.high, 1),
        tables.number(largest.allowed, 1),
    ]
