"""The settings searched for each shallow model: the paper's grids in full, and a handful of our own.

A grid is one dict, or several, of setting -> values; its points come in loop order, the first setting outermost. The
order matters: of equal points the first is taken. Settings that provably cannot change an answer are left out of the
published grids: the neighbour search `algorithm` (exact whichever is taken), `max_iter` of the ridge classifier (solved
directly), degree, gamma and coef0 of the linear SVR, and restarts of a Gaussian process whose kernel is fixed (as in
the paper). friedman_mse is left out because scikit-learn 1.9 no longer tells it from squared_error. The paper's tables
name C, epsilon and shrinking of the SVR without their values; those here are ours. The default SVR stops after 100,000
steps: on raw features of block2 it takes millions, minutes a fit, and predicts no better for it. OLR is not in the
paper; its ridges go from strong to weak, so that of equals the simpler is taken.
"""

from dataclasses import dataclass
from itertools import product

from micrograph.errors import UserError, lookup
from micrograph.splits import protocols


def _steps(first, last, factor):
    """first, first * factor, ... up to last."""
    values = [first]
    while values[-1] * factor <= last * (1 + 1e-9):
        values.append(values[-1] * factor)
    return values


TENTHS = [tenths / 10 for tenths in range(1, 10)]
POWERS = [1, 2, 3, 4, 5]
WEIGHTS = ["uniform", "distance"]
QUANTILES = [0.01, 0.03, 0.1, 0.2, 0.3]


@dataclass(frozen=True)
class Grids:
    """The grids of one model under one scheme; a strict grid stands only where the strict model has other settings."""

    published: dict
    default: dict
    strict_published: dict | list | None = None
    strict_default: dict | list | None = None


_TREES = {
    "n_estimators": list(range(100, 601, 100)),
    "learning_rate": [0.001, 0.01, 0.1, 1],
    "min_samples_split": list(range(2, 15, 3)),
    "max_depth": [6, 7, 8],
}
_FEW_TREES = {
    "n_estimators": [50],
    "learning_rate": [0.1],
    "min_samples_split": [2, 14],
    "max_depth": [6],
    "max_features": ["sqrt"],
}
_NEIGHBOURS = {"n_neighbors": list(range(3, 15)), "weights": WEIGHTS, "p": POWERS}
_FEW_NEIGHBOURS = {"n_neighbors": [3, 5, 8, 12], "weights": WEIGHTS, "p": [2]}
_REACHES = {"quantile": QUANTILES, "weights": WEIGHTS, "p": POWERS}
_FEW_REACHES = {"quantile": QUANTILES, "weights": WEIGHTS, "p": [2]}
_KERNEL_RIDGE = {"alpha": _steps(0.1, 30, 1.2), "gamma": _steps(0.002, 2, 2), "degree": [3, 5, 7, 9, 11]}
_FEW_KERNEL_RIDGES = [
    {"kernel": ["rbf"], "alpha": [1, 0.3, 0.1], "gamma": [0.3, 1]},
    {"kernel": ["polynomial"], "alpha": [1, 0.3, 0.1], "degree": [2, 3], "gamma": [1]},
]

GRIDS = {
    ("SVC", "nominal"): Grids(
        published={
            "C": [1, 0.8, 0.2],
            "kernel": ["poly"],
            "degree": [2, 3, 4, 5, 6, 7],
            "gamma": ["scale", "auto"],
            "coef0": [0.8, 0.2, 0.05, 0],
            "max_iter": [90, 100, 120, -1],
        },
        default={"C": [1, 0.2], "kernel": ["poly"], "degree": [2, 3, 5], "coef0": [0.8, 0.05]},
    ),
    ("SVC", "regression"): Grids(
        published={"C": [1, 0.8, 0.2], "epsilon": [0.05, 0.1, 0.2, 0.5], "shrinking": [True, False]},
        default={"C": [1, 0.2, 0.05], "epsilon": [0.1, 0.5], "max_iter": [100_000]},
    ),
    ("KRC", "nominal"): Grids(
        published={"alpha": _steps(1e-4, 30, 1.2)},
        default={"alpha": [1e-4, 1e-2, 0.1, 1, 10, 30]},
        strict_published={"kernel": ["polynomial"], **_KERNEL_RIDGE},
        strict_default=_FEW_KERNEL_RIDGES,
    ),
    ("KRC", "regression"): Grids(
        published=_KERNEL_RIDGE,
        default={"alpha": [0.1, 1, 30], "gamma": [0.002, 0.064], "degree": [3, 5]},
        strict_default=_FEW_KERNEL_RIDGES,
    ),
    ("RNN", "nominal"): Grids(
        published={"radius": [2, 3, 4, 5, 6], "weights": WEIGHTS, "p": POWERS},
        default={"radius": [2, 3, 4, 5, 6], "weights": WEIGHTS, "p": [2]},
        strict_published=_REACHES,
        strict_default=_FEW_REACHES,
    ),
    ("RNN", "regression"): Grids(
        published={"radius": [3, 4, 5, 6], "weights": WEIGHTS, "p": POWERS},
        default={"radius": [3, 4, 5, 6], "weights": WEIGHTS, "p": [2]},
        strict_published=_REACHES,
        strict_default=_FEW_REACHES,
    ),
    ("GPC", "nominal"): Grids(
        published={"max_iter_predict": [100, 200, 300, 400, 500], "multi_class": ["one_vs_rest", "one_vs_one"]},
        default={"multi_class": ["one_vs_rest", "one_vs_one"]},
        strict_published={"n_restarts_optimizer": [0, 1, 2, 3, 4], "multi_class": ["one_vs_rest", "one_vs_one"]},
        strict_default={"multi_class": ["one_vs_rest"]},
    ),
    ("GPC", "regression"): Grids(
        published={"alpha": [10.0**-power for power in range(4, 13)], "normalize_y": [False, True]},
        default={"alpha": [1e-4, 1e-10], "normalize_y": [False, True]},
        strict_published={"n_restarts_optimizer": list(range(12))},
        strict_default={"n_restarts_optimizer": [0]},
    ),
    ("KNN", "nominal"): Grids(published=_NEIGHBOURS, default=_FEW_NEIGHBOURS),
    ("KNN", "regression"): Grids(published=_NEIGHBOURS, default=_FEW_NEIGHBOURS),
    ("DTC", "nominal"): Grids(
        published={
            "criterion": ["gini", "entropy", "log_loss"],
            "min_samples_split": TENTHS,
            "max_features": ["sqrt", "log2", None],
        },
        default={
            "criterion": ["gini", "entropy"],
            "min_samples_split": [0.1, 0.3, 0.5],
            "max_features": ["sqrt", None],
        },
    ),
    ("DTC", "regression"): Grids(
        published={
            "criterion": ["squared_error", "absolute_error", "poisson"],
            "max_depth": [5, 6, 7, 8, None],
            "min_samples_split": TENTHS,
            "max_features": ["sqrt", "log2", None],
        },
        default={
            "criterion": ["squared_error"],
            "max_depth": [5, None],
            "min_samples_split": [0.1, 0.3, 0.5],
            "max_features": ["sqrt", None],
        },
    ),
    ("GBC", "nominal"): Grids(published=_TREES, default=_FEW_TREES),
    ("GBC", "regression"): Grids(published=_TREES, default=_FEW_TREES),
    ("OLR", "ordinal"): Grids(
        published={"alpha": [10 ** (-halves / 2) for halves in range(-5, 6)]},
        default={"alpha": [100, 10, 1, 0.1]},
    ),
}
MODELS = tuple(dict.fromkeys(model for model, _ in GRIDS))
SEARCHES = ("default", "published")


def points(model, scheme, protocol, search):
    """The grid points, a list of dicts of settings, in loop order. search: default or published (the paper's in full).

    Unknown words: UserError listing the known.
    """
    lookup(model, dict.fromkeys(MODELS), "model")
    lookup(search, dict.fromkeys(SEARCHES), "search")
    if (model, scheme) not in GRIDS:
        own = [known_scheme for name, known_scheme in GRIDS if name == model]
        raise UserError(f"{model} has no scheme '{scheme}': give it {' or '.join(own)}.")
    grids = GRIDS[model, scheme]
    grid = getattr(grids, f"strict_{search}") if protocols.parse(protocol).dress == "strict" else None
    grid = grid or getattr(grids, search)
    return [
        dict(zip(part, values, strict=True))
        for part in (grid if isinstance(grid, list) else [grid])
        for values in product(*part.values())
    ]


def families(points, names, without=False):
    """The points that share settings: {their settings among `names`, as pairs: [their places]}.

    points: a list of settings, or a dict of place -> settings; without: share all settings but `names`.
    """
    shared = {}
    for place, point in points.items() if isinstance(points, dict) else enumerate(points):
        key = tuple((name, value) for name, value in point.items() if (name in names) != without)
        shared.setdefault(key, []).append(place)
    return shared
