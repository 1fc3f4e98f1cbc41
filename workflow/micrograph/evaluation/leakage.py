"""Data leakage of the published protocol: each leak by itself, with true and with permuted labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, chance_corrected, summaries
from micrograph.models import registry
from micrograph.splits import protocols

NAME = "Table of leakage"
BOTH = "both"  # labels of a row that takes draws between films and between growth days together
LABELS = ("true", "films", "batches", BOTH)
ALL = "all"  # features and model of a row that takes all models together
WORDS = ("pretraining", "policy", "features", "scheme", "model")
KEYS = ["protocol", "labels", *WORDS]
PARTS = ("validation", "test")
ABOVE, AT, BELOW = "above chance", "at chance", "below chance"
ENDS = ("", "_low", "_high")
MIN_DRAWS = 10  # of one kind of shuffled labels, to be redrawn whole
COLUMNS = [
    *KEYS,
    *("reported", "draws", "films", "batches"),
    *(f"{part}_pct{end}" for part in PARTS for end in ENDS),
    *(f"gap_points{end}" for end in ENDS),
    *(f"chance_{part}_pct" for part in PARTS),
    *(f"above_{part}_points{end}" for part in PARTS for end in ENDS),
    *(f"change_points{end}" for end in ENDS),
    *("choosing_points", "verdict"),
]
# Settings that a network's fold compares at most, the epochs of early stopping among them; models have their grids.
COMPARED = {"default": 1_000, "published": 10_000}


@dataclass(frozen=True)
class Draws:
    """One fit, or all models, all draws of labels together: the protocol (protocols.Protocol, without variations), and
    the predictions with the columns labels, features, model, dealt (which draw of which labels), file, and unit and
    deal as of above_chance.py."""

    protocol: protocols.Protocol
    predictions: pd.DataFrame

    def part(self, name):
        """The predictions of a part."""
        return self.predictions[self.predictions["split"] == name]

    @property
    def reported(self):
        """The predictions of the part that the protocol reports."""
        return self.part(self.protocol.reported_split)


def make_table(fits, permuted=(), *, classes, resamples, rng, data, backbone, search, pixels, epochs):
    """The table of leakage as a data frame (COLUMNS, then the settings): a row a protocol, kind of labels and model.

    fits: Fit, of one pre-training, policy and scheme, their protocols named with leaks and draws of labels;
    classes: temperatures in Celsius; resamples, rng: of the bootstrap; the rest is said in every row.

    Accuracies in percent, of all predictions of a part together; differences in points; _low and _high: 95 % intervals
    from redrawing growth days, differences of two parts or two protocols by the same days. chance: what the same
    answers would get right on average if each fold's were dealt anew among its films; above: accuracy less chance.
    change: the reported accuracy less that of the same model under the protocol without changes (strict or published).
    choosing_points: what choosing settings on the validation films could add at most, on average, if nothing could be
    known (choosing). verdict: of shuffled labels, where the interval of the reported accuracy above chance lies.

    Of shuffled labels there are rows of all models together (features and model ALL), where there are several: a kind
    of shuffle each, and, where there are both kinds, one for both (labels BOTH). Their unit is a draw with what all
    models said of it; their chance is that of each model by itself.
    """
    fits = [*fits, *permuted]
    summaries.of_one(fits, ("pretraining", "policy", "scheme"), "the table of leakage")
    seed = int(rng.integers(2**31))
    groups = _grouped(fits)
    groups |= _pooled(groups)
    rows = []
    for key in sorted(groups, key=_place):
        words = dict(zip(KEYS, key, strict=True))
        base = groups.get((protocols.without_leaks(words["protocol"]), *key[1:]))
        row = words | _measured(groups[key], base, classes, resamples, seed)
        row["choosing_points"] = _chosen(groups[key].part("validation"), words, search)
        rows.append(row | {"verdict": _verdict(row)})
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return pd.DataFrame(rows, columns=COLUMNS).assign(**made)


def _grouped(fits):
    """{key (KEYS): Draws}, a fit each; fits that differ in nothing but the draw are one."""
    if not fits:
        raise UserError("the table of leakage has no predictions to show: ask for models in experiments.leakage.")
    found = {}
    for file, fit in enumerate(fits):
        protocol = protocols.parse(fit.spec.protocol)
        if protocol.share != protocols.WHOLE:
            raise UserError(f"protocol '{protocol.name}' trains on a share of the films: leave it out of the leakage.")
        key = (
            protocols.without_variations(protocol.name),
            protocol.shuffled or "true",
            *(getattr(fit.spec, word) for word in WORDS),
        )
        words = dict(zip(KEYS, key, strict=True))
        told = {name: words[name] for name in ("labels", "features", "model")}
        dealt = f"{words['labels']} {protocol.draw:09d}"
        found.setdefault(key, []).append(fit.predictions.assign(**told, dealt=dealt, file=file))
    found = {key: _redrawn(frames) for key, frames in found.items()}
    units = _units([frame for frames in found.values() for frame in frames])
    return {key: _together(protocols.parse(key[0]), frames, units) for key, frames in found.items()}


def _units(frames):
    """{what is redrawn together: a whole number of its own}: a growth day of true labels; of shuffled ones a draw, or
    a growth day of a draw where draws are few."""
    return {unit: place for place, unit in enumerate(sorted({unit for frame in frames for unit in frame["unit"]}))}


def _redrawn(frames):
    """The frames of one fit with the column unit: what every row is redrawn with, whatever model predicts it."""
    many = len({name for frame in frames for name in frame["dealt"].unique()}) >= MIN_DRAWS
    return [
        frame.assign(unit=frame["dealt"] if many else frame["dealt"] + " " + frame["batch"].astype(str))
        for frame in frames
    ]


def _pooled(groups):
    """{key: Draws} of all models together: of every protocol and kind of shuffle, and of both kinds."""
    found = {}
    for key in groups:
        words = dict(zip(KEYS, key, strict=True)) | {"features": ALL, "model": ALL}
        if words["labels"] != "true":
            for labels in (words["labels"], BOTH):
                found.setdefault(tuple((words | {"labels": labels}).values()), []).append(key)
    kinds = {key: {one[1] for one in members} for key, members in found.items()}
    kept = [key for key in found if len(kinds[key]) > 1 or (key[1] != BOTH and len(found[key]) > 1)]
    return {
        key: Draws(groups[found[key][0]].protocol, _numbered([groups[one].predictions for one in found[key]]))
        for key in kept
    }


def _together(protocol, frames, units):
    """The Draws of a fit. frames: the predictions of every file; units: of _units."""
    return Draws(protocol, _numbered([frame.assign(unit=frame["unit"].map(units)) for frame in frames]))


def _numbered(frames):
    """All rows, with their deal: answers are dealt anew among the films of a fold of one file."""
    rows = pd.concat(frames, ignore_index=True)
    return rows.assign(deal=rows.groupby(["file", "fold"]).ngroup())


def _place(key):
    """Where a row stands: strict and its added leaks, then published and its closed ones; true labels first."""
    protocol = protocols.parse(key[0])
    changed = [leak in protocols.changed_leaks(protocol.name) for leak in protocols.LEAKS]
    bases = list(protocols.PROTOCOLS)
    return bases.index(protocol.base), sum(changed), [not there for there in changed], LABELS.index(key[1])


def _measured(draws, base, classes, resamples, seed):
    """The numbers of one row."""
    how = classes, resamples, seed
    row = {"reported": draws.protocol.reported_split, "draws": draws.predictions["dealt"].nunique()}
    row["films"], row["batches"] = draws.reported["sample"].nunique(), draws.reported["batch"].nunique()
    for part in PARTS:
        accuracy, above = chance_corrected.accuracy([draws.part(part)], *how)
        row[f"chance_{part}_pct"] = float(accuracy[0, 0] - above[0, 0])
        _put(row, f"{part}_pct", accuracy[0])
        _put(row, f"above_{part}_points", above[0])
    _put(row, "gap_points", _difference([draws.part(part) for part in PARTS], *how))
    changed = np.array([np.nan])
    if base is not None and base is not draws:
        changed = _difference(_shared(draws.reported, base.reported), *how)
    _put(row, "change_points", changed)
    return row


def _shared(one, other):
    """The rows of two frames that are of models and draws which both have."""
    named = [rows["dealt"] + " " + rows["features"] + " " + rows["model"] for rows in (one, other)]
    common = set(named[0]) & set(named[1])
    return [rows[names.isin(common)] for rows, names in zip((one, other), named, strict=True)]


def _put(row, name, values):
    """Into a row: the value, which is the first, and the interval of the others, which are redrawn."""
    row[name] = float(values[0])
    row[f"{name}_low"], row[f"{name}_high"] = bootstrap.interval(values[1:])


def _difference(frames, classes, resamples, seed):
    """The accuracy of the first frame less the second's, in points, as it is and redrawn by the same days."""
    accuracy, _ = chance_corrected.accuracy(frames, classes, resamples, seed)
    return accuracy[0] - accuracy[1]


def _verdict(row):
    """Where the reported accuracy on shuffled labels lies; empty for true labels and where there is no interval."""
    low, high = (row[f"above_{row['reported']}_points{end}"] for end in ENDS[1:])
    if row["labels"] == "true" or np.isnan(low):
        return ""
    return ABOVE if low > 0 else BELOW if high < 0 else AT


def _chosen(validation, words, search):
    """What choosing can add (choosing), in the mean over the models and kinds of labels that a row takes together."""
    each = [
        selection_bias_bound(rows, words | {"labels": labels, "model": model}, search)
        for (labels, _, model), rows in validation.groupby(["labels", "features", "model"])
    ]
    return float(np.mean(each)) if each else np.nan


def selection_bias_bound(validation, words, search):
    """The most, in points, that choosing among settings can add on average to a validation accuracy where none knows
    anything.

    validation: the predictions of a fit's validation rows; words: labels, scheme, model; search: default or published.
    The mean of the best of m guesses about n independent films lies at most sqrt(ln m / (2 n)) above that of one
    (Hoeffding's lemma and the maximal inequality: Boucheron, Lugosi & Massart 2013, theorem 2.5). Films are independent
    where labels were dealt film by film; otherwise growth days are, of s films each: 1 / n is sum(s^2) / (sum s)^2.
    """
    alone = "sample" if words["labels"] == "films" else "batch"
    counted = np.log(compared(words["model"], words["scheme"], search))
    most = []
    for _, fold in validation.groupby("deal"):
        sizes = fold.groupby(alone).size().to_numpy(float)
        most.append(np.sqrt(counted / 2 * (sizes**2).sum()) / sizes.sum())
    return 100 * float(np.mean(most)) if most else np.nan


def compared(model, scheme, search):
    """How many settings a fold compares at most."""
    if model in registry.SHALLOW:
        return max(len(registry.param_grid(model, scheme, base, search)) for base in ("strict", "published"))
    return COMPARED[search]


GAP = "gap"


@dataclass(frozen=True)
class Finding:
    """One finding: which fit, what was too high (validation, test, or the gap between them), by how many points with
    its 95 % interval, how many points choosing settings explains at most (0 where it must not explain any), and which
    leaks of the protocol explain it (none: a leak that the protocol does not name)."""

    protocol: str
    labels: str
    features: str
    model: str
    what: str
    points: float
    low: float
    high: float
    choosing: float
    because: tuple

    @property
    def unexplained(self):
        """Whether no leak of the protocol explains it."""
        return not self.because


def audit(table):
    """The findings in a table of leakage (leakage.table), a list in the order of its rows, empty where there is none.

    A finding has a 95 % interval that lies wholly above what is allowed, so that of forty rows without a leak about
    one is found by chance, fewer where choosing is allowed for, since that bound is generous. Rows of all models
    together find a leak that is too weak to be seen in any one of them.
    """
    return [found for row in table.to_dict("records") for what in _asked(row) if (found := _found(row, what))]


def _asked(row):
    """What is looked at in a row: on shuffled labels both parts, on true ones the gap, unless the protocol tests films
    of another operator or of later days, which may well be harder.

    Of all models together only under protocols without a leak: leaks do not reach all models alike, so that there a
    leak which explains some of a row would explain it all.
    """
    if row["model"] == ALL and protocols.parse(row["protocol"]).leaks:
        return ()
    if row["labels"] != "true":
        return PARTS
    return (GAP,) if protocols.parse(row["protocol"]).base in ("strict", "published") else ()


def _found(row, what):
    """The Finding about one thing in a row, or None."""
    name = "gap_points" if what == GAP else f"above_{what}_points"
    points, low, high = (row[f"{name}{end}"] for end in ENDS)
    protocol = protocols.parse(row["protocol"])
    chosen_on = what == GAP or (what == "validation" and protocol.reported_split == "test")
    allowed = row["choosing_points"] if chosen_on else 0.0
    if np.isnan(low) or not low > allowed:
        return None
    because = tuple(leak for leak in protocols.LEAKS if _explains(leak, protocol, row, what, low))
    words = (row[name] for name in ("protocol", "labels", "features", "model"))
    return Finding(*words, what, points, low, high, allowed, because)


def _explains(leak, protocol, row, what, low):
    """Whether a leak of the protocol can bring the labels of these films to a model on these features."""
    kind = row["features"] if row["features"] in protocols.PREDICTION_LEAKS else "components"
    if leak not in protocol.leaks or leak not in protocols.PREDICTION_LEAKS[kind]:
        return False
    return leak in EXPLAINS and EXPLAINS[leak](protocol, row, what, low)


def _one_fold(protocol, row, what, low):
    """Published tests films that no network was trained on; strict tests every film, and so, all folds together, mostly
    films that the last fold's network was trained on: those of K - 2 of K parts."""
    return what != "test" or protocol.base != "published"


def _grid(protocol, row, what, low):
    """The best of a grid flatters the films it was chosen on, and by no more than choosing can."""
    return what == protocol.reported_split and low <= row["choosing_points"]


def _ungrouped(protocol, row, what, low):
    """Films of one day share their label where whole days were dealt labels, and only there."""
    return what != GAP and row["labels"] == "batches"


# Leak -> whether it explains a finding. The others know no labels: components, and the weights that a network keeps.
EXPLAINS = {"one_fold": _one_fold, "grid": _grid, "ungrouped": _ungrouped}
