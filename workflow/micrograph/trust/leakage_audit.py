"""The audit: where the table of leakage shows that films are known in a way in which no new film would be.

Of shuffled labels nothing can be known, so what is above chance has leaked; of true labels, validation films cannot be
told better than tested ones, but for what choosing settings on them adds. What a protocol's own leaks explain is said
so; what they do not is a fault of the study, or of this program.
"""

from dataclasses import dataclass

import numpy as np

from micrograph import protocols
from micrograph.trust import leakage

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
    if row["model"] == leakage.ALL and protocols.read(row["protocol"]).leaks:
        return ()
    if row["labels"] != "true":
        return leakage.PARTS
    return (GAP,) if protocols.read(row["protocol"]).base in ("strict", "published") else ()


def _found(row, what):
    """The Finding about one thing in a row, or None."""
    name = "gap_points" if what == GAP else f"above_{what}_points"
    points, low, high = (row[f"{name}{end}"] for end in leakage.ENDS)
    protocol = protocols.read(row["protocol"])
    chosen_on = what == GAP or (what == "validation" and protocol.reported == "test")
    allowed = row["choosing_points"] if chosen_on else 0.0
    if np.isnan(low) or not low > allowed:
        return None
    because = tuple(leak for leak in protocols.LEAKS if _explains(leak, protocol, row, what, low))
    words = (row[name] for name in ("protocol", "labels", "features", "model"))
    return Finding(*words, what, points, low, high, allowed, because)


def _explains(leak, protocol, row, what, low):
    """Whether a leak of the protocol can bring the labels of these films to a model on these features."""
    kind = row["features"] if row["features"] in protocols.FELT else "components"
    if leak not in protocol.leaks or leak not in protocols.FELT[kind]:
        return False
    return leak in EXPLAINS and EXPLAINS[leak](protocol, row, what, low)


def _one_fold(protocol, row, what, low):
    """Published tests films that no network was trained on; strict tests every film, and so, all folds together, mostly
    films that the last fold's network was trained on: those of K - 2 of K parts."""
    return what != "test" or protocol.base != "published"


def _grid(protocol, row, what, low):
    """The best of a grid flatters the films it was chosen on, and by no more than choosing can."""
    return what == protocol.reported and low <= row["choosing_points"]


def _ungrouped(protocol, row, what, low):
    """Films of one day share their label where whole days were dealt labels, and only there."""
    return what != GAP and row["labels"] == "batches"


# Leak -> whether it explains a finding. The others know no labels: components, and the weights that a network keeps.
EXPLAINS = {"one_fold": _one_fold, "grid": _grid, "ungrouped": _ungrouped}
