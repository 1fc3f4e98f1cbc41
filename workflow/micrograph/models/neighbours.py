"""The grids of neighbours: every distance computed once a power, every query's neighbours sorted once.

scikit-learn computes Euclidean distances with a little rounding and takes equal neighbours at the edge in no promised
order. Where either could turn an answer, the point is not sure and is fitted plainly (searches.validated). Copies of a
film made by oversampling are always equally far, but have one label, and so turn nothing.
"""

import numpy as np

from micrograph.models.estimators import minkowski, reach, shares
from micrograph.target import to_class

EQUAL = 1e-8  # distances closer than this, in units of the longest row, may be equal ones rounded
TOUCHING = 1e-6  # distances below this may be zero rounded
NARROW = 1e-9  # a lead of the best class over the next, relative, that rounding could turn
HALFWAY = 1e-6  # Celsius between a value and the border of two classes that rounding could cross


class _Near:
    """One power's distances, the neighbours of every query in order, and how rounding could change that order."""

    def __init__(self, task, distance, counts):
        scale = max(np.linalg.norm(task.rows, axis=1).max(), np.linalg.norm(task.held, axis=1).max())
        self.equal = EQUAL * scale
        order = _in_order(distance, max(counts, default=len(task.rows)), self.equal)
        self.distance = np.take_along_axis(distance, order, axis=1)
        self.touching = (self.distance[:, 0] <= TOUCHING * scale).any()
        self.target = task.target[order]
        self.kinds, label = np.unique(task.target, return_inverse=True)
        self.label = label[order]
        votes = self.label[:, :, None] == np.arange(len(self.kinds))
        self.counted = np.concatenate([np.zeros_like(votes[:, :1], dtype=int), votes.cumsum(axis=1)], axis=1)
        self.inverse = 1 / np.maximum(self.distance, np.finfo(float).tiny)
        self.weighed = (votes * self.inverse[:, :, None]).cumsum(axis=1)
        self.edges = {count: self._edge_is_sure(count) for count in counts if count <= votes.shape[1]}
        self.mixed = self._mixed_up_to()

    def votes(self, count, weights):
        """(h, classes) weight of every class among the first `count` neighbours."""
        return self.counted[:, count] if weights == "uniform" else self.weighed[:, count - 1]

    def _edge_is_sure(self, count):
        """Whether no query has neighbours of several kinds that may be equally far at the edge of its first `count`."""
        edge = self.distance[:, count - 1, None]
        first = (self.distance < edge - self.equal).sum(axis=1)
        last = (self.distance <= edge + self.equal).sum(axis=1)
        rows = np.arange(len(edge))
        kinds = ((self.counted[rows, last] - self.counted[rows, first]) > 0).sum(axis=1)
        return not ((last > count) & (kinds > 1)).any()

    def _mixed_up_to(self):
        """(h,) place of the first neighbour that may be as far as the one before, yet is of another kind."""
        turned = (np.diff(self.distance, axis=1) <= self.equal) & (np.diff(self.label, axis=1) != 0)
        return np.where(turned.any(axis=1), turned.argmax(axis=1) + 1, self.label.shape[1])


def _in_order(distance, count, equal):
    """(h, some) places of every query's nearest rows in order, of equal ones the first first.

    Those from the nearest to beyond all that may be as far as the one in place `count`; all rows where that is safest.
    """
    some = 4 * count
    if some < distance.shape[1]:
        near = np.sort(np.argpartition(distance, some, axis=1)[:, :some], axis=1)
        apart = np.take_along_axis(distance, near, axis=1)
        order = np.argsort(apart, axis=1, kind="stable")
        apart = np.take_along_axis(apart, order, axis=1)
        if (apart[:, -1] > apart[:, count - 1] + 2 * equal).all():
            return np.take_along_axis(near, order, axis=1)
    return np.argsort(distance, axis=1, kind="stable")


def _near(task):
    """{power: _Near} of all powers in the grid."""
    powers = sorted({point["p"] for point in task.points})
    counts = {point["n_neighbors"] for point in task.points if "n_neighbors" in point}
    return {p: _Near(task, distance, counts) for p, distance in distances(task.held, task.rows, powers).items()}


def distances(queries, rows, powers):
    """{p: (h, m) Minkowski distances} for whole powers, by multiplication; a row that is repeated is computed once."""
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    found = {p: np.empty((len(queries), len(distinct))) for p in powers}
    for query in range(len(queries)):
        gap = np.abs(distinct - queries[query])
        raised = gap.copy()
        for p in range(1, max(powers) + 1):
            if p in found:
                found[p][query] = raised.sum(axis=1) ** (1 / p)
            raised *= gap
    return {p: values[:, place.reshape(-1)] for p, values in found.items()}


def votes(task):
    """KNN, classifier. task: searches.Task; returns (predicted (points, h), sure (points,))."""
    near = _near(task)

    def answer(point):
        here, count = near[point["p"]], point["n_neighbors"]
        if count > len(task.rows):
            return np.full(len(task.held), np.nan), False
        marks = here.votes(count, point["weights"])
        clear = point["weights"] == "uniform" or (not here.touching and _leads(marks))
        return here.kinds[marks.argmax(axis=1)], clear and here.edges[count]

    return _all(answer, task.points)


def means(task):
    """KNN, regressor; as votes."""
    near = _near(task)

    def answer(point):
        here, count = near[point["p"]], point["n_neighbors"]
        if count > len(task.rows):
            return np.full(len(task.held), np.nan), False
        target = here.target[:, :count, None]
        if point["weights"] == "uniform":
            values = np.mean(target, axis=1)[:, 0]
            loose = here.mixed < count
        else:
            weight = here.inverse[:, :count]
            values = (target[:, :, 0] * weight).sum(axis=1) / weight.sum(axis=1)
            loose = np.ones(len(values), dtype=bool)
        celsius = task.celsius(values)
        clear = not (loose & _at_a_border(celsius, task.classes)).any()
        clear = clear and (point["weights"] == "uniform" or not here.touching)
        return to_class(celsius, task.classes), clear and here.edges[count]

    return _all(answer, task.points)


def radius_votes(task):
    """RNN as published: all within a radius vote, a query without neighbours is of the first class; as votes."""
    near = _near(task)

    def answer(point):
        here = near[point["p"]]
        marks = _within(here, point)
        lone = here.distance[:, 0] > point["radius"]
        predicted = np.where(lone, task.classes[0], here.kinds[marks.argmax(axis=1)])
        clear = point["weights"] == "uniform" or (not here.touching and _leads(marks[~lone]))
        return predicted, clear and not (np.abs(here.distance - point["radius"]) <= here.equal).any()

    return _all(answer, task.points)


def radius_means(task):
    """RNN as published, regressor: a query without neighbours has no answer (NaN); as votes."""
    near = _near(task)

    def answer(point):
        here = near[point["p"]]
        marks = _within(here, point)
        total = marks.sum(axis=1)
        values = np.divide(marks @ here.kinds, total, out=np.full(len(total), np.nan), where=total > 0)
        celsius = task.celsius(values)
        clear = not _at_a_border(celsius, task.classes).any()
        clear = clear and (point["weights"] == "uniform" or not here.touching)
        return to_class(celsius, task.classes), clear and not (
            np.abs(here.distance - point["radius"]) <= here.equal
        ).any()

    return _all(answer, task.points)


def reaches(task):
    """RNN of the strict protocol (estimators.RadiusClassifier), classifier; as votes, and all sure: the same code."""
    kinds, label = np.unique(task.target, return_inverse=True)
    ballots = (label[:, None] == np.arange(len(kinds))).astype(float)
    return _shared(task, lambda share: kinds[(share @ ballots).argmax(axis=1)])


def reach_values(task):
    """RNN of the strict protocol (estimators.RadiusRegressor), regressor; as reaches."""
    return _shared(task, lambda share: to_class(task.celsius(share @ task.target), task.classes))


def _shared(task, answer):
    powers = {point["p"] for point in task.points}
    between = {p: minkowski(task.rows, task.rows, p) for p in powers}
    held = {p: minkowski(task.held, task.rows, p) for p in powers}
    radii = {key: reach(between[key[0]], key[1]) for key in {(point["p"], point["quantile"]) for point in task.points}}

    def one(point):
        radius = radii[point["p"], point["quantile"]]
        return answer(shares(held[point["p"]], radius, point["weights"])), True

    return _all(one, task.points)


def _within(near, point):
    """(h, classes) weight of every class among the neighbours within the radius."""
    inside = near.distance <= point["radius"]
    weight = inside if point["weights"] == "uniform" else inside * near.inverse
    return np.stack([(weight * (near.label == kind)).sum(axis=1) for kind in range(len(near.kinds))], axis=1)


def _leads(marks):
    """Whether every query's best class leads the next by more than rounding could turn."""
    if marks.shape[1] < 2:
        return True
    ordered = np.sort(marks, axis=1)
    return bool((ordered[:, -1] - ordered[:, -2] > NARROW * ordered[:, -1]).all())


def _at_a_border(celsius, classes):
    """(h,) whether a value lies so near the border of two classes that rounding could turn its class."""
    borders = (np.asarray(classes[1:], dtype=float) + np.asarray(classes[:-1], dtype=float)) / 2
    return (np.abs(celsius[:, None] - borders) <= HALFWAY).any(axis=1)


def _all(answer, points):
    """(predicted (points, h), sure (points,)) of one answer a point."""
    predicted, sure = zip(*(answer(point) for point in points), strict=True)
    return np.stack(predicted).astype(float), np.array(sure, dtype=bool)
