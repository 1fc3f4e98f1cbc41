"""What leaks: accuracy in validation and test under every protocol, on true labels and on labels dealt by chance.

Made of predictions alone. The growth temperatures of shuffled labels were dealt anew before anything was fitted, so no
picture knows them: what is told of them above chance has leaked. Draws of one kind are taken together, and redrawn are
growth days, each day of each draw for itself.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from micrograph import protocols
from micrograph.faults import Fault
from micrograph.models import grids
from micrograph.results import fits
from micrograph.trust import above_chance

NAME = "Table of leakage"
LABELS = ("true", "films", "batches")
WORDS = ("pretraining", "policy", "features", "scheme", "model")
KEYS = ["protocol", "labels", *WORDS]
PARTS = ("validation", "test")
ABOVE, AT, BELOW = "above chance", "at chance", "below chance"
ENDS = ("", "_low", "_high")
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
    """One fit, all its draws of labels together: its protocol (protocols.Protocol, without variations), and its
    predictions with the columns draw, and unit and deal as of above_chance.py."""

    protocol: protocols.Protocol
    predictions: pd.DataFrame

    def part(self, name):
        """The predictions of a part."""
        return self.predictions[self.predictions["part"] == name]

    @property
    def reported(self):
        """The predictions of the part that the protocol reports."""
        return self.part(self.protocol.reported)


def table(given, *, classes, resamples, rng, data, backbone, search, pixels, epochs):
    """The table of leakage as a data frame (COLUMNS, then the settings): a row a protocol, kind of labels and model.

    given: fits.Fit, of one pre-training, policy and scheme, their protocols named with leaks and draws of labels;
    classes: temperatures in Celsius; resamples, rng: of the bootstrap; the rest is said in every row.

    Accuracies in percent, of all predictions of a part together; differences in points; _low and _high: 95 % intervals
    from redrawing growth days, differences of two parts or two protocols by the same days. chance: what the same
    answers would get right on average if each fold's were dealt anew among its films; above: accuracy less chance.
    change: the reported accuracy less that of the same model under the protocol without changes (strict or published).
    choosing_points: what choosing settings on the validation films could add at most, on average, if nothing could be
    known (choosing). verdict: of shuffled labels, where the interval of the reported accuracy above chance lies.
    """
    fits.of_one(given, ("pretraining", "policy", "scheme"), "the table of leakage")
    seed = int(rng.integers(2**31))
    groups = _grouped(given)
    rows = []
    for key, draws in groups.items():
        words = dict(zip(KEYS, key, strict=True))
        base = groups.get((protocols.base(words["protocol"]), *key[1:]))
        row = words | _measured(draws, base, classes, resamples, seed)
        row["choosing_points"] = choosing(draws.part("validation"), words, search)
        rows.append(row | {"verdict": _verdict(row)})
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return pd.DataFrame(rows, columns=COLUMNS).assign(**made)


def _grouped(given):
    """{key (KEYS): Draws}, in the order of _place, fits that differ in nothing else in the order given."""
    if not given:
        raise Fault("the table of leakage has no predictions to show: ask for models in experiments.leakage.")
    found = {}
    for fit in given:
        protocol = protocols.read(fit.words["protocol"])
        if protocol.share != protocols.WHOLE:
            raise Fault(f"protocol '{protocol.name}' trains on a share of the films: leave it out of the leakage.")
        key = (protocols.plain(protocol.name), protocol.shuffled or "true", *(fit.words[word] for word in WORDS))
        found.setdefault(key, []).append((protocol.draw, fit.predictions))
    days = sorted({str(day) for fit in given for day in fit.predictions["batch"].unique()})
    places = {day: place for place, day in enumerate(days)}
    return {key: _together(protocols.read(key[0]), found[key], places) for key in sorted(found, key=_place)}


def _together(protocol, drawn, days):
    """The Draws of a fit. drawn: (draw, predictions) of every file; days: {batch: a whole number of its own}.

    Redrawn together are the films of a day of a draw; folds of different files are different folds.
    """
    frames = []
    for place, (draw, rows) in enumerate(drawn):
        unit = draw * len(days) + rows["batch"].astype(str).map(days)
        frames.append(rows.assign(draw=draw, unit=unit, deal=rows["fold"] * len(drawn) + place))
    return Draws(protocol, pd.concat(frames, ignore_index=True))


def _place(key):
    """Where a row stands: strict and its added leaks, then published and its closed ones; true labels first."""
    protocol = protocols.read(key[0])
    changed = [leak in changes(protocol) for leak in protocols.LEAKS]
    bases = list(protocols.BASES)
    return bases.index(protocol.base), sum(changed), [not there for there in changed], LABELS.index(key[1])


def changes(protocol):
    """The leaks that a protocol (protocols.Protocol) has and its base has not, or the other way round."""
    return protocol.leaks ^ protocols.read(protocol.base).leaks


def _measured(draws, base, classes, resamples, seed):
    """The numbers of one row."""
    given = classes, resamples, seed
    row = {"reported": draws.protocol.reported, "draws": draws.predictions["draw"].nunique()}
    row["films"], row["batches"] = draws.reported["sample"].nunique(), draws.reported["batch"].nunique()
    for part in PARTS:
        accuracy, above = above_chance.redrawn([draws.part(part)], *given)
        row[f"chance_{part}_pct"] = float(accuracy[0, 0] - above[0, 0])
        _put(row, f"{part}_pct", accuracy[0])
        _put(row, f"above_{part}_points", above[0])
    _put(row, "gap_points", _difference([draws.part(part) for part in PARTS], *given))
    changed = np.array([np.nan])
    if base is not None and base is not draws:
        common = set(draws.reported["draw"]) & set(base.reported["draw"])
        changed = _difference([rows[rows["draw"].isin(common)] for rows in (draws.reported, base.reported)], *given)
    _put(row, "change_points", changed)
    return row


def _put(row, name, values):
    """Into a row: the value, which is the first, and the interval of the others, which are redrawn."""
    row[name] = float(values[0])
    row[f"{name}_low"], row[f"{name}_high"] = above_chance.interval(values[1:])


def _difference(frames, classes, resamples, seed):
    """The accuracy of the first frame less the second's, in points, as it is and redrawn by the same days."""
    accuracy, _ = above_chance.redrawn(frames, classes, resamples, seed)
    return accuracy[0] - accuracy[1]


def _verdict(row):
    """Where the reported accuracy on shuffled labels lies; empty for true labels and where there is no interval."""
    low, high = (row[f"above_{row['reported']}_points{end}"] for end in ENDS[1:])
    if row["labels"] == "true" or np.isnan(low):
        return ""
    return ABOVE if low > 0 else BELOW if high < 0 else AT


def choosing(validation, words, search):
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
    if (model, scheme) in grids.GRIDS:
        return max(len(grids.points(model, scheme, base, search)) for base in ("strict", "published"))
    return COMPARED[search]
