"""The shallow models as a table: the paper's seven, each with its classifier, its regressor and what the strict
protocol changes, and OLR, ordinal logistic regression, of the baselines.

`published` keeps the paper's choices (scikit-learn classes and defaults as in version 1.2.2), flaws included; `strict`
does them right. What differs:
- Features: published raw; strict as directions from the training mean (estimators.UnitRows says why), for every
  model. Regressors learn a standardised target under strict, degrees Celsius under published.
- KRC: published is RidgeClassifier, which is linear whatever its name; strict is kernel ridge classification.
- RNN: published has an absolute radius in raw features and sends a query without neighbours to the first class, as a
  regressor to no answer at all (NaN); strict takes the radius from the training distances and answers such a query
  by its nearest training row.
- GPC: published keeps the kernel fixed at unit variance and length (both its classifier and its regressor, whose
  default scikit-learn 1.9 changed); strict optimises it, for the regressor with a noise term.
SVC, KNN, DTC and GBC are the paper's own in both. OLR is not in the paper: one and the same in both protocols, on
features as they are, which it standardises itself, being a few named quantities of different units.
"""

from collections.abc import Callable
from dataclasses import dataclass

from micrograph.errors import UserError, lookup
from micrograph.models.estimators import KernelRidgeClassifier, RadiusClassifier, RadiusRegressor, UnitRows
from micrograph.models.proportional_odds import OrdinalLogit
from micrograph.splits import protocols


def _svc(classes, seed):
    from sklearn.svm import SVC

    return SVC(class_weight="balanced")


def _svr(classes, seed):
    from sklearn.svm import SVR

    return SVR(kernel="linear")


def _ridge(classes, seed):
    from sklearn.linear_model import RidgeClassifier

    return RidgeClassifier()


def _polynomial_ridge(classes, seed):
    from sklearn.kernel_ridge import KernelRidge

    return KernelRidge(kernel="polynomial")


def _kernel_ridge(classes, seed):

    return KernelRidgeClassifier()


def _fixed_radius(classes, seed):
    from sklearn.neighbors import RadiusNeighborsClassifier

    return RadiusNeighborsClassifier(outlier_label=classes[0], algorithm="brute")


def _fixed_radius_mean(classes, seed):
    from sklearn.neighbors import RadiusNeighborsRegressor

    return RadiusNeighborsRegressor(algorithm="brute")


def _radius(classes, seed):

    return RadiusClassifier()


def _radius_mean(classes, seed):

    return RadiusRegressor()


def _gaussian_fixed(classes, seed):
    from sklearn.gaussian_process import GaussianProcessClassifier

    return GaussianProcessClassifier(_unit_kernel(), random_state=seed)


def _gaussian_fixed_mean(classes, seed):
    from sklearn.gaussian_process import GaussianProcessRegressor

    return GaussianProcessRegressor(_unit_kernel(), random_state=seed)


def _unit_kernel():
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    return ConstantKernel(1.0, "fixed") * RBF(1.0, "fixed")


def _gaussian(classes, seed):
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    return GaussianProcessClassifier(ConstantKernel(1.0) * RBF(1.0, (1e-1, 1e1)), random_state=seed)


def _gaussian_mean(classes, seed):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0) * RBF(1.0, (1e-1, 1e1)) + WhiteKernel(0.5, (1e-3, 1e1))
    return GaussianProcessRegressor(kernel, random_state=seed)


def _neighbours(classes, seed):
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(algorithm="brute")


def _neighbours_mean(classes, seed):
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(algorithm="brute")


def _tree(classes, seed):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed)


def _tree_mean(classes, seed):
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(random_state=seed)


def _boosting(classes, seed):
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(random_state=seed)


def _boosting_mean(classes, seed):
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(random_state=seed)


def _ordinal_logit(classes, seed):

    return OrdinalLogit()


@dataclass(frozen=True)
class Pair:
    """A model's classifier and regressor, makers called with (classes, seed); strict ones where they differ.

    A model of ordered classes has its maker as `ordinal` instead.
    """

    classifier: Callable | None = None
    regressor: Callable | None = None
    strict_classifier: Callable | None = None
    strict_regressor: Callable | None = None
    ordinal: Callable | None = None


MODELS = {
    "SVC": Pair(_svc, _svr),
    "KRC": Pair(_ridge, _polynomial_ridge, strict_classifier=_kernel_ridge),
    "RNN": Pair(_fixed_radius, _fixed_radius_mean, _radius, _radius_mean),
    "GPC": Pair(_gaussian_fixed, _gaussian_fixed_mean, _gaussian, _gaussian_mean),
    "KNN": Pair(_neighbours, _neighbours_mean),
    "DTC": Pair(_tree, _tree_mean),
    "GBC": Pair(_boosting, _boosting_mean),
    "OLR": Pair(ordinal=_ordinal_logit),
}
ROLES = {"nominal": "classifier", "regression": "regressor", "ordinal": "ordinal"}


def build(model, scheme, protocol, settings, classes, seed):
    """An unfitted estimator for one grid point.

    model: SVC ... GBC, OLR; scheme: nominal or regression, of OLR ordinal; protocol: its name; settings: one of
    grids.points; classes: growth temperatures in Celsius; seed: int, for the models that draw. Unknown names, and a
    scheme that the model has not: UserError.
    """
    pair = lookup(model, MODELS, "model")
    role = lookup(scheme, ROLES, "scheme")
    if getattr(pair, role) is None:
        own = [name for name, other in ROLES.items() if getattr(pair, other)]
        raise UserError(f"{model} has no scheme '{scheme}': give it {' or '.join(own)}.")
    dress = {"strict": _strict, "published": _published}[protocols.parse(protocol).dress]
    return dress(pair, role, settings, classes, seed)


def _published(pair, role, settings, classes, seed):
    return getattr(pair, role)(classes, seed).set_params(**settings)


def _strict(pair, role, settings, classes, seed):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if role == "ordinal":
        return _published(pair, role, settings, classes, seed)
    maker = getattr(pair, f"strict_{role}") or getattr(pair, role)
    estimator = maker(classes, seed).set_params(**settings)
    if role == "regressor":
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    return Pipeline([("direction", UnitRows()), ("model", estimator)])
