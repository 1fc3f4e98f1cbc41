"""The table of confounders: is the accuracy the same whatever else differs between films, and with films unlike those
that were learnt from?

Made of predictions, all of test films out of fold. Groups of films (film_groups.py) are compared with the rest of the
films; the kind `split` compares folds by operator or by date with strict's, on the same films.
"""

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, confounders_caption, metrics, subgroups, summaries, tables
from micrograph.evaluation.confounders_caption import SPLIT
from micrograph.splits import group_splits, protocols

NAME = "Table of confounders"
FEWEST = 5  # batches on either side: of fewer, redrawing them says too little about how far they differ
COLUMNS = [
    *("kind", "group", "model", "features", "films", "batches"),
    *("accuracy_pct", "accuracy_low", "accuracy_high", "majority_pct", "rest_pct"),
    *("difference_points", "difference_points_low", "difference_points_high", "why"),
    *("overall_pct", "training_films", "rest_training_films", "pretraining", "policy", "scheme"),
]
ALONE = "all films are alike in this"
FEW = f"fewer than {FEWEST} batches"
SAME = "all its films are answered alike, right or wrong"
BOTH = "right on the same films as strict"


def make_table(
    samples, levelled, fits, splits, strict, untested,
    *, classes, data, backbone, search, pixels, epochs, resamples, rng,
):  # fmt: skip
    """The table as a data frame (COLUMNS, then the settings).

    samples: the table of samples; levelled: the shards' levelled tables; fits, splits, strict, untested: of Asked;
    classes: temperatures in Celsius; resamples, rng: of the bootstrap; the rest is said in every row.

    accuracy_pct: of the group's test films, in percent; majority_pct: of always naming the temperature commonest in
    training, on the same films; rest_pct: of all other films, for the kind split of the same films by strict's folds;
    difference_points: the group less the rest. _low and _high: 95 % intervals from redrawing whole batches, of a
    difference the same batches for both. There is none, and `why` says it, with fewer than FEWEST batches on either
    side, or where all films of a group are right, or all wrong: redrawn, they would always be. overall_pct: of all
    films. training_films: mean over the folds, for the kind split, beside strict's.
    """
    given = Asked(fits, splits, strict, untested)
    drawn = (classes, resamples, int(rng.integers(2**31)))
    films = subgroups.known_films(samples, levelled)
    rows = []
    for fit in given.strict:
        tested = _tested(fit)
        known = films.set_index("sample").index
        for lost in sorted(set(tested["sample"]) - set(known)):
            raise UserError(f"{NAME}: film {lost} is predicted and not among the samples: make both in one run.")
        for kind, groups in subgroups.groups(films).items():
            rows += [_of_fit(fit) | row for row in _grouped(kind, groups, known, tested, drawn)]
    rows += _splits(given, drawn)
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    framed = pd.DataFrame(rows, columns=COLUMNS).assign(**made)
    return framed.assign(why=framed["why"].fillna(""))


class Asked:
    """The fits of the table: those whose films are grouped, and those whose folds are dealt otherwise."""

    def __init__(self, strict, splits, same, untested):
        """strict: Fit of strict whose films are grouped; splits: fits by_operator and by_date; same: strict's fits
        of the same words; untested: {protocol: why its folds could not be dealt}."""
        self.strict, self.splits, self.untested = strict, splits, untested
        self.same = {_words(fit): fit for fit in same}

    def beside(self, fit):
        """The strict fit of the same words, None where it was not run."""
        return self.same.get(_words(fit))


def _words(fit):
    return tuple(getattr(fit.spec, word) for word in summaries.KEYS if word != "protocol")


def _of_fit(fit):
    return {word: getattr(fit.spec, word) for word in ("model", "features", "pretraining", "policy", "scheme")}


def _tested(fit):
    """The test rows of a fit: as given, with right and majority (whether that is right), as 0 and 1."""
    named = metrics.majority_class_baseline(fit.predictions)
    test = fit.predictions["split"] == "test"
    right, majority = (
        (frame["y_pred"] == frame["y_true"]).fillna(False).astype(float) for frame in (fit.predictions, named)
    )
    return fit.predictions.assign(right=right, majority=majority)[test]


def _grouped(kind, groups, known, tested, drawn):
    """The rows of one kind: its groups, each against all other films that are known; or one that says why not."""
    overall = {"overall_pct": 100 * tested["right"].mean()}
    there = [group for group in groups if not group.missing]
    if not groups or (len(groups) == 1 and (groups[0].missing or groups[0].members.all())):
        words = subgroups.NOT_STATED if groups and groups[0].missing else "all films"
        why = confounders_caption.UNKNOWN if groups and groups[0].missing else ALONE
        return [{"kind": kind, "group": words, "why": why} | _alone(tested, drawn) | overall]
    unknown = set().union(*(known[group.members] for group in groups if group.missing))
    rows = []
    for group in there:
        inside = tested["sample"].isin(known[group.members])
        rest = ~inside & ~tested["sample"].isin(unknown)
        rows.append({"kind": kind, "group": group.name} | _compared(tested[inside], tested[rest], drawn) | overall)
    for group in groups:
        if group.missing:
            row = _alone(tested[tested["sample"].isin(unknown)], drawn)
            rows.append({"kind": kind, "group": group.name, "why": confounders_caption.UNKNOWN} | row | overall)
    return rows


def _alone(here, drawn):
    """Films, batches, accuracy and majority of some test rows; no interval where `_why` finds a reason."""
    classes, resamples, seed = drawn
    row = {"films": here["sample"].nunique(), "batches": here["batch"].nunique()}
    if not len(here):
        return row
    row |= {"accuracy_pct": 100 * here["right"].mean(), "majority_pct": 100 * here["majority"].mean()}
    if not _why(here):
        ends = bootstrap.bootstrap(here, "accuracy", classes, resamples, np.random.default_rng(seed))
        row |= dict(zip(("accuracy_low", "accuracy_high"), (100 * end for end in ends), strict=True))
    return row


def _compared(here, rest, drawn):
    """_alone of the group, and its difference to the rest with the interval; or why there is none."""
    row = _alone(here, drawn) | {"why": _why(here)}
    if not len(rest) or not len(here):
        return row | {"why": row["why"] or ALONE}
    row["why"] = row["why"] or (f"the rest: {_why(rest)}" if _why(rest) else "")
    row["rest_pct"] = 100 * rest["right"].mean()
    row["difference_points"] = row["accuracy_pct"] - row["rest_pct"]
    return row if row["why"] else row | _ends(_redrawn(here, rest, *drawn[1:]))


def _why(here):
    """Why redrawing batches tells nothing of the accuracy of these rows; "" where it does."""
    if here["batch"].nunique() < FEWEST:
        return FEW
    return SAME if here["right"].nunique() < 2 else ""


def _redrawn(here, rest, resamples, seed):
    """(resamples,) differences of accuracy when the batches of both are redrawn together; NaN where one has no film."""
    names = np.unique([*here["batch"], *rest["batch"]])
    sums = np.zeros((len(names), 4))
    for place, rows in enumerate((here, rest)):
        batch = np.searchsorted(names, rows["batch"].to_numpy(str))
        np.add.at(sums[:, 2 * place], batch, rows["right"].to_numpy())
        np.add.at(sums[:, 2 * place + 1], batch, 1)
    drawn = bootstrap.cluster_weights(len(names), resamples, np.random.default_rng(seed)) @ sums
    with np.errstate(invalid="ignore", divide="ignore"):
        return drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3]


def _ends(values):
    """The interval of differences, in points; none where more than the tails have no value."""
    return dict(zip(("difference_points_low", "difference_points_high"), bootstrap.interval(100 * values), strict=True))


def _splits(given, drawn):
    """The rows of the kind split: a row a fit dealt by operator or by date; one that says why, where there is none."""
    rows = []
    for base in group_splits.SPLITTERS:
        here = [fit for fit in given.splits if protocols.parse(fit.spec.protocol).base == base]
        rows += [{"kind": SPLIT, "group": base} | _of_fit(fit) | _split(fit, given.beside(fit), drawn) for fit in here]
        if not here:
            why = given.untested.get(base, confounders_caption.NOT_ASKED).removeprefix(f"{base}: ").rstrip(".")
            rows.append({"kind": SPLIT, "group": base, "films": 0, "batches": 0, "why": why})
    return rows


def _split(fit, strict, drawn):
    """What is measured of a fit dealt otherwise, beside strict's answers for the same films."""
    classes, resamples, seed = drawn
    tested = _tested(fit)
    row = _alone(tested, drawn) | {"why": _why(tested), "training_films": _learnt_from(fit)}
    if strict is None:
        return row | {"why": confounders_caption.NO_STRICT}
    same = _tested(strict)
    same = same[same["sample"].isin(tested["sample"])]
    row |= {"rest_pct": 100 * same["right"].mean(), "rest_training_films": _learnt_from(strict)}
    row["difference_points"] = row["accuracy_pct"] - row["rest_pct"]
    told_apart = not tested.groupby("sample")["right"].mean().equals(same.groupby("sample")["right"].mean())
    row["why"] = row["why"] or ("" if told_apart else BOTH)
    if row["why"]:
        return row
    rng = np.random.default_rng(seed)
    low, high = bootstrap.paired_bootstrap(tested, same, "accuracy", classes, resamples, rng)
    return row | {"difference_points_low": 100 * low, "difference_points_high": 100 * high}


def _learnt_from(fit):
    """Films that a fold trains on, mean over the folds."""
    train = fit.predictions[fit.predictions["split"] == "train"]
    return float(train.groupby("fold")["sample"].nunique().mean()) if len(train) else np.nan


def panels(table):
    """The table as panels: groups of films, a panel a model, then films of other operators and later days."""
    grouped, split = (table[(table["kind"] == SPLIT) == there] for there in (False, True))
    made = [
        _panel(f"Groups of films: {confounders_caption.model(here.iloc[0])}", here, [], "Others, %")
        for _, here in grouped.groupby(["model", "features"], sort=False)
    ]
    return [*made, _panel("Films unlike those that were learnt from", split, [confounders_caption.model], "strict, %")]


def _panel(title, rows, words, rest):
    """words: functions of a row, that give further words beside its films; rest: what it is compared with."""
    made, before = [], None
    for row in rows.to_dict("records"):
        kind = confounders_caption.KINDS[row["kind"]]
        said = [confounders_caption.group(row), *(word(row) for word in words)]
        made.append([kind if kind != before else "", *said, *_cells(row)])
        before = kind
    headings = ["By", "Films", *["Model" for _ in words], "Number", "Batches", "Accuracy, %", "Majority, %", rest]
    headings += ["Difference, points", "Why no interval"]
    return tables.Panel(title, headings, made, words=2 + len(words), notes=confounders_caption.notes(rows))


def _cells(row):
    """The numbers of a row."""
    ends = row["difference_points_low"], row["difference_points_high"]
    difference = tables.interval(row["difference_points"], *ends, 0, tables.signed)
    accuracy = tables.interval(row["accuracy_pct"], row["accuracy_low"], row["accuracy_high"], 0)
    return [
        *(tables.number(row[name]) for name in ("films", "batches")),
        accuracy,
        tables.number(row["majority_pct"]),
        tables.number(row["rest_pct"]),
        tables.best(difference, confounders_caption.told(row)),
        row["why"],
    ]
