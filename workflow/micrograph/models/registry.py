"""The models as a table: what each learns from, its estimator under every scheme, and the parameter grids.

To add a shallow model, add one row here and its name to an experiment of the config: wildcards, the config's schema,
rules and experiments read this table. scikit-learn is imported only where an estimator is made.

The protocol ``published`` has the paper's models (scikit-learn's classes and defaults as in version 1.2.2), flaws
included. ``strict`` differs in:

- Features: centred and scaled to unit length (`estimators.CenteredNormalizer` says why); standardised under published.
  Regressors learn a standardised target under strict, the values themselves under published.
- KRC: published is RidgeClassifier, which is linear; strict is kernel ridge classification.
- RNN: published has an absolute radius; a query without neighbours gets the lowest class, of the regressor the highest
  (`grid_search.predict`). strict takes the radius from the distances of training samples; such a query gets the
  prediction of its nearest training sample.
- GPC: published keeps a kernel of unit variance and length; strict optimises it, for the regressor with a noise term.
- DTC: the published regressor takes a point only if its training accuracy is not below that of the point taken last.

SVC, KNN, DTC and GBC are the same under both. OLR (ordinal logistic regression, multinomial without order) is not in
the paper; it standardises its features itself, for they are a few named quantities of different units.

The order of names and values in a grid matters, since the first of equal points is taken. Of the authors' grids, those
points are left out that cannot change a prediction (NO_EFFECT): the neighbour search `algorithm`, `max_iter` of the
ridge classifier (solved directly), degree, gamma and coef0 of the linear SVR, restarts of a Gaussian process whose
kernel is fixed, max_features `auto`, which is sqrt, and friedman_mse, which splits one output as squared_error does
(scikit-learn 1.9 no longer has it). The SVR of the small grid stops after 100,000 iterations: more take minutes and
predict no better. Penalties of OLR go from strong to weak, so that of equal points the simpler is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from micrograph.errors import lookup
from micrograph.splits import protocols

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Kernel

Grid = Mapping[str, Sequence] | Sequence[Mapping[str, Sequence]]

SEARCHES = {"default": "small", "published": "paper", "as_run": "paper"}  # models.param_grid of the config -> the grid

# Parameters, or single values, of the authors' grids that change no prediction: (model, scheme) -> {name: values}.
NO_EFFECT: dict[tuple[str, str], dict[str, Any]] = {
    ("KRC", "nominal"): {"max_iter": "all"},
    **{(model, scheme): {"algorithm": "all"} for model in ("RNN", "KNN") for scheme in ("nominal", "regression")},
    **{("GPC", scheme): {"n_restarts_optimizer": "all"} for scheme in ("nominal", "regression")},
    ("DTC", "nominal"): {"max_features": ["auto"]},
    ("DTC", "regression"): {"criterion": ["friedman_mse"]},
    ("SVC", "regression"): {"degree": "all", "gamma": "all", "coef0": "all"},
}


@dataclass(frozen=True)
class Estimator:
    """A model's estimator under one scheme.

    Attributes
    ----------
    path : str
        Module and class of the scikit-learn estimator.
    small, paper : dict or list of dict
        Our few points, and the authors' grid without NO_EFFECT: parameter names and their values, in loop order.
    params : dict
        Parameters of all points; a function is called with the classes (`Target.codes`) and the seed.
    strict : Estimator, optional
        What the protocol strict takes instead.
    training_must_not_fall : bool
        Whether published takes a point only if its training accuracy is not below that of the point taken last.
    """

    path: str
    small: Grid
    paper: Grid
    params: Mapping[str, Any] = field(default_factory=dict)
    strict: Estimator | None = None
    training_must_not_fall: bool = False

    def make(self, classes: Sequence[float], seed: int) -> BaseEstimator:
        """Make the unfitted estimator."""
        module, _, name = self.path.rpartition(".")
        params = {key: value(classes, seed) if callable(value) else value for key, value in self.params.items()}
        return getattr(import_module(module), name)(**params)


@dataclass(frozen=True)
class Model:
    """A row of MODELS.

    Attributes
    ----------
    features : tuple of str
        Kinds of features it learns from: components, tuned, physical, metadata, or image.
    schemes : dict of str to Estimator
        None for a network, whose parameters stand under ``training`` in the config.
    standardises : bool
        Whether it needs no preprocessing under strict.
    missing_values : bool
        Whether it learns from features with unknown values (NaN).
    """

    features: tuple[str, ...]
    schemes: Mapping[str, Estimator | None]
    standardises: bool = False
    missing_values: bool = False

    @property
    def is_network(self) -> bool:
        """Whether it is a network of torch."""
        return not any(self.schemes.values())


def _seed(classes: Sequence[float], seed: int) -> int:
    return seed


def _lowest_class(classes: Sequence[float], seed: int) -> float:
    return classes[0]


def _unit_kernel(classes: Sequence[float], seed: int) -> Kernel:
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    return ConstantKernel(1.0, "fixed") * RBF(1.0, "fixed")


def _fitted_kernel(classes: Sequence[float], seed: int) -> Kernel:
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    return ConstantKernel(1.0) * RBF(1.0, (1e-1, 1e1))


def _noisy_kernel(classes: Sequence[float], seed: int) -> Kernel:
    from sklearn.gaussian_process.kernels import WhiteKernel

    return _fitted_kernel(classes, seed) + WhiteKernel(0.5, (1e-3, 1e1))


def _geometric(first, last, factor):
    """first, first * factor, ... up to last."""
    values = [first]
    while values[-1] * factor <= last * (1 + 1e-9):
        values.append(values[-1] * factor)
    return values


_TENTHS = [tenths / 10 for tenths in range(1, 10)]
_WEIGHTS = ["uniform", "distance"]
_POWERS = [1, 2, 3, 4, 5]
_QUANTILES = [0.01, 0.03, 0.1, 0.2, 0.3]
_K_NEIGHBORS: dict[str, Any] = {
    "small": {"n_neighbors": [3, 5, 8, 12], "weights": _WEIGHTS, "p": [2]},
    "paper": {"n_neighbors": list(range(3, 15)), "weights": _WEIGHTS, "p": _POWERS},
    "params": {"algorithm": "brute"},
}
_QUANTILE_RADIUS: dict[str, Any] = {
    "small": {"quantile": _QUANTILES, "weights": _WEIGHTS, "p": [2]},
    "paper": {"quantile": _QUANTILES, "weights": _WEIGHTS, "p": _POWERS},
}
_KERNEL_RIDGE: dict[str, Sequence] = {
    "alpha": _geometric(0.1, 30, 1.2),
    "gamma": _geometric(0.002, 2, 2),
    "degree": [3, 5, 7, 9, 11],
}
_STRICT_KERNEL_RIDGE: Grid = [
    {"kernel": ["rbf"], "alpha": [1, 0.3, 0.1], "gamma": [0.3, 1]},
    {"kernel": ["polynomial"], "alpha": [1, 0.3, 0.1], "degree": [2, 3], "gamma": [1]},
]
_BOOSTING: dict[str, Any] = {
    "small": {
        "n_estimators": [50],
        "learning_rate": [0.1],
        "min_samples_split": [2, 14],
        "max_depth": [6],
        "max_features": ["sqrt"],
    },
    "paper": {
        "n_estimators": list(range(100, 601, 100)),
        "learning_rate": [0.0, 0.001, 0.01, 0.1, 1],
        "min_samples_split": list(range(2, 15, 3)),
        "max_depth": [6, 7, 8],
    },
    "params": {"random_state": _seed},
}
_ON_NETWORKS = ("components", "tuned")
_OF_NETWORK = dict.fromkeys(("nominal", "regression", "nnrank", "corn"))

_PENALTIES: dict[str, Any] = {  # of logistic regression
    "small": {"alpha": [100, 10, 1, 0.1]},
    "paper": {"alpha": [10 ** (-halves / 2) for halves in range(-5, 6)]},
}

MODELS = {
    "SVC": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator(
                "sklearn.svm.SVC",
                params={"class_weight": "balanced"},
                small={"C": [1, 0.2], "kernel": ["poly"], "degree": [2, 3, 5], "coef0": [0.8, 0.05]},
                paper={
                    "C": [1, 0.8, 0.2],
                    "kernel": ["poly"],
                    "degree": [2, 3, 4, 5, 6, 7],
                    "gamma": ["scale", "auto", 0.1, 0.2, 0.3, 0.34],
                    "coef0": [0.8, 0.2, 0.05, 0],
                    "max_iter": [90, 100, 120, -1],
                },
            ),
            "regression": Estimator(
                "sklearn.svm.SVR",
                params={"kernel": "linear"},
                small={"C": [1, 0.2, 0.05], "epsilon": [0.1, 0.5], "max_iter": [100_000]},
                paper={"C": [*_TENTHS, 1], "epsilon": [*_TENTHS, 1], "shrinking": [False, True]},
            ),
        },
    ),
    "KRC": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator(
                "sklearn.linear_model.RidgeClassifier",
                small={"alpha": [1e-4, 1e-2, 0.1, 1, 10, 30]},
                paper={"alpha": _geometric(1e-4, 30, 1.2)},
                strict=Estimator(
                    "micrograph.models.estimators.KernelRidgeClassifier",
                    small=_STRICT_KERNEL_RIDGE,
                    paper={"kernel": ["polynomial"], **_KERNEL_RIDGE},
                ),
            ),
            "regression": Estimator(
                "sklearn.kernel_ridge.KernelRidge",
                params={"kernel": "polynomial"},
                small={"alpha": [0.1, 1, 30], "gamma": [0.002, 0.064], "degree": [3, 5]},
                paper=_KERNEL_RIDGE,
                strict=Estimator(
                    "sklearn.kernel_ridge.KernelRidge",
                    params={"kernel": "polynomial"},
                    small=_STRICT_KERNEL_RIDGE,
                    paper=_KERNEL_RIDGE,
                ),
            ),
        },
    ),
    "RNN": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator(
                "sklearn.neighbors.RadiusNeighborsClassifier",
                params={"outlier_label": _lowest_class, "algorithm": "brute"},
                small={"radius": [2, 3, 4, 5, 6], "weights": _WEIGHTS, "p": [2]},
                paper={"radius": [2, 3, 4, 5, 6], "weights": _WEIGHTS, "p": _POWERS},
                strict=Estimator("micrograph.models.estimators.RadiusClassifier", **_QUANTILE_RADIUS),
            ),
            "regression": Estimator(
                "sklearn.neighbors.RadiusNeighborsRegressor",
                params={"algorithm": "brute"},
                small={"radius": [3, 4, 5, 6], "weights": _WEIGHTS, "p": [2]},
                paper={"radius": [3, 4, 5, 6], "weights": _WEIGHTS, "p": _POWERS},
                strict=Estimator("micrograph.models.estimators.RadiusRegressor", **_QUANTILE_RADIUS),
            ),
        },
    ),
    "GPC": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator(
                "sklearn.gaussian_process.GaussianProcessClassifier",
                params={"kernel": _unit_kernel, "random_state": _seed},
                small={"multi_class": ["one_vs_rest", "one_vs_one"]},
                paper={
                    "max_iter_predict": [100, 200, 300, 400, 500],
                    "multi_class": ["one_vs_rest", "one_vs_one"],
                },
                strict=Estimator(
                    "sklearn.gaussian_process.GaussianProcessClassifier",
                    params={"kernel": _fitted_kernel, "random_state": _seed},
                    small={"multi_class": ["one_vs_rest"]},
                    paper={"n_restarts_optimizer": [0, 1, 2, 3, 4], "multi_class": ["one_vs_rest", "one_vs_one"]},
                ),
            ),
            "regression": Estimator(
                "sklearn.gaussian_process.GaussianProcessRegressor",
                params={"kernel": _unit_kernel, "random_state": _seed},
                small={"alpha": [1e-4, 1e-10], "normalize_y": [False, True]},
                paper={"alpha": [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12], "normalize_y": [True, False]},
                strict=Estimator(
                    "sklearn.gaussian_process.GaussianProcessRegressor",
                    params={"kernel": _noisy_kernel, "random_state": _seed},
                    small={"n_restarts_optimizer": [0]},
                    paper={"n_restarts_optimizer": list(range(12))},
                ),
            ),
        },
    ),
    "KNN": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator("sklearn.neighbors.KNeighborsClassifier", **_K_NEIGHBORS),
            "regression": Estimator("sklearn.neighbors.KNeighborsRegressor", **_K_NEIGHBORS),
        },
    ),
    "DTC": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator(
                "sklearn.tree.DecisionTreeClassifier",
                params={"random_state": _seed},
                small={
                    "criterion": ["gini", "entropy"],
                    "min_samples_split": [0.1, 0.3, 0.5],
                    "max_features": ["sqrt", None],
                },
                paper={
                    "criterion": ["gini", "entropy", "log_loss"],
                    "min_samples_split": _TENTHS,
                    "max_features": ["sqrt", "log2", None],
                },
            ),
            "regression": Estimator(
                "sklearn.tree.DecisionTreeRegressor",
                params={"random_state": _seed},
                small={
                    "criterion": ["squared_error"],
                    "max_depth": [5, None],
                    "min_samples_split": [0.1, 0.3, 0.5],
                    "max_features": ["sqrt", None],
                },
                paper={
                    "criterion": ["squared_error", "absolute_error", "poisson"],
                    "max_depth": [5, 6, 7, 8, None],
                    "min_samples_split": _TENTHS,
                    "max_features": [0.1, 0.2, 0.4, "log2", "sqrt", None],
                },
                training_must_not_fall=True,
            ),
        },
    ),
    "GBC": Model(
        _ON_NETWORKS,
        {
            "nominal": Estimator("sklearn.ensemble.GradientBoostingClassifier", **_BOOSTING),
            "regression": Estimator("sklearn.ensemble.GradientBoostingRegressor", **_BOOSTING),
        },
    ),
    "OLR": Model(
        ("metadata", "physical"),
        {
            "ordinal": Estimator("micrograph.models.proportional_odds.OrdinalLogit", **_PENALTIES),
            "unordered": Estimator("micrograph.models.proportional_odds.NominalLogit", **_PENALTIES),
        },
        standardises=True,
        missing_values=True,
    ),
    "MLP": Model(("tuned",), _OF_NETWORK),
    "CNN": Model(("image",), _OF_NETWORK),
}
SHALLOW = tuple(name for name, model in MODELS.items() if not model.is_network)
SCHEMES = tuple(dict.fromkeys(scheme for model in MODELS.values() for scheme in model.schemes))


def models_on(features: str) -> tuple[str, ...]:
    """Return the names of the models that learn from a kind of features (components, tuned, image, ...)."""
    return tuple(name for name, model in MODELS.items() if features in model.features)


def param_grid(model: str, scheme: str, protocol: str, search: str) -> list[dict]:
    """List the parameter settings that a shallow model is tried with, in loop order.

    Parameters
    ----------
    model, scheme : str
        Row of MODELS and one of its schemes.
    protocol : str
        Name of the protocol.
    search : str
        ``default`` for the small grid, ``published`` or ``as_run`` for the paper's.

    Returns
    -------
    list of dict
        Parameter names and values of every point, the first name outermost.

    Raises
    ------
    UserError
        If a name is unknown, the model has no such scheme, or it is a network.
    """
    grid = getattr(_estimator(model, scheme, protocol), lookup(search, SEARCHES, "search"))
    return [  # scikit-learn's ParameterGrid sorts the names, and the first of equal points is taken
        dict(zip(part, values, strict=True))
        for part in ([grid] if isinstance(grid, Mapping) else grid)
        for values in product(*part.values())
    ]


def make_estimator(
    model: str, scheme: str, protocol: str, params: Mapping, classes: Sequence[float], seed: int
) -> BaseEstimator:
    """Make an unfitted estimator.

    Parameters
    ----------
    model, scheme, protocol : str
        As of `param_grid`.
    params : dict
        Parameters of the bare estimator, as one point of `param_grid`.
    classes : sequence of float
        `Target.codes`.
    seed : int
        Seed of estimators that draw random numbers.

    Returns
    -------
    estimator
        A pipeline of scaling and model, but of a model that needs none.

    Raises
    ------
    UserError
        If a name is unknown, the model has no such scheme, or it is a network.
    """
    bare = _estimator(model, scheme, protocol).make(classes, seed).set_params(**params)
    if MODELS[model].standardises:
        return bare
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if not _is_strict(protocol):
        return Pipeline([("scaler", StandardScaler()), ("model", bare)])
    from micrograph.models.estimators import CenteredNormalizer

    if scheme == "regression":
        bare = TransformedTargetRegressor(bare, transformer=StandardScaler())
    return Pipeline([("normalizer", CenteredNormalizer()), ("model", bare)])


def training_must_not_fall(model: str, scheme: str, protocol: str) -> bool:
    """Return whether a fold takes a grid point only if its training accuracy is not below that of the last one."""
    return not _is_strict(protocol) and _estimator(model, scheme, protocol).training_must_not_fall


def _is_strict(protocol: str) -> bool:
    return protocols.parse(protocol).estimators == "strict"


def _estimator(model: str, scheme: str, protocol: str) -> Estimator:
    """Return the Estimator of a model under a scheme and protocol."""
    own = lookup(model, {name: MODELS[name] for name in SHALLOW}, "model").schemes
    estimator = cast(Estimator, lookup(scheme, own, f"{model}: scheme"))
    return (estimator.strict or estimator) if _is_strict(protocol) else estimator
