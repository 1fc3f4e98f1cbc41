"""The models: what strict changes, what published keeps, and the grids in full."""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import RadiusNeighborsClassifier

from micrograph import target
from micrograph.errors import UserError
from micrograph.models import estimators, grid_search, pca, registry
from tables_of_films import TARGET

CLASSES = [900, 950, 1000]
ESTIMATORS = [(model, scheme) for model in registry.SHALLOW for scheme in registry.MODELS[model].schemes]
pytestmark = [
    pytest.mark.filterwarnings("ignore:One or more samples have no neighbors:UserWarning"),
    pytest.mark.filterwarnings("ignore:The optimal value found:sklearn.exceptions.ConvergenceWarning"),
]


def blobs(spread=1.0, size=20, width=6, seed=0):
    """Three clouds in the order of the classes along the first feature, the middle one set apart along the second."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(CLASSES, size)
    features = rng.normal(size=(len(labels), width)) * spread
    features[:, 0] += (labels - 950) / 5
    features[:, 1] += 10 * (labels == 950)
    return features, labels


def built(model, scheme="nominal", protocol="strict", **params):
    params = params or registry.param_grid(model, scheme, protocol, "default")[0]
    return registry.make_estimator(model, scheme, protocol, params, CLASSES, seed=1)


@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize("model", registry.models_on("components"))
def test_every_model_separates_three_clouds(model, protocol):
    features, labels = blobs()
    classifier = built(model, "nominal", protocol).fit(features, labels)
    assert (classifier.predict(features) == labels).mean() > 0.75  # chance: 0.33
    fits = (
        built(model, "regression", protocol, **point).fit(features, labels.astype(float))
        for point in registry.param_grid(model, "regression", protocol, "default")
    )
    answered = (target.to_class(regressor.predict(features), CLASSES) for regressor in fits)
    assert max((one == labels).mean() for one in answered) > 0.75  # chance: 0.33


@pytest.mark.parametrize("size", ["default", "published"])
@pytest.mark.parametrize("protocol", ["strict", "published"])
@pytest.mark.parametrize(("model", "scheme"), ESTIMATORS)
def test_every_grid_point_names_parameters_that_the_estimator_has(model, scheme, protocol, size):
    points = registry.param_grid(model, scheme, protocol, size)
    assert len(points) == len({str(point) for point in points})
    for point in points:
        registry.make_estimator(model, scheme, protocol, point, CLASSES, seed=1)


def test_published_grids_have_the_papers_sizes():
    def size(model, scheme="nominal"):
        return len(registry.param_grid(model, scheme, "published", "published"))

    assert size("SVC") == 3 * 6 * 6 * 4 * 4 == 1728  # C, degree, gamma, coef0, max_iter
    assert size("KRC") == 70
    assert size("RNN") == 5 * 2 * 5
    assert size("GPC") == 5 * 2
    assert size("KNN") == size("KNN", "regression") == 12 * 2 * 5
    assert size("DTC") == 3 * 9 * 3
    assert size("GBC") == size("GBC", "regression") == 6 * 5 * 5 * 3
    assert size("SVC", "regression") == 10 * 10 * 2  # C, epsilon, shrinking
    assert size("KRC", "regression") == 32 * 10 * 5
    assert size("RNN", "regression") == 4 * 2 * 5
    assert size("GPC", "regression") == 8 * 2
    assert size("DTC", "regression") == 3 * 5 * 9 * 6
    first, second, *_ = registry.param_grid("KNN", "nominal", "published", "published")
    assert first == {"n_neighbors": 3, "weights": "uniform", "p": 1} and second == first | {"p": 2}
    alphas = [point["alpha"] for point in registry.param_grid("KRC", "nominal", "published", "published")]
    assert alphas[0] == 1e-4
    assert alphas[-1] <= 30 < 1.2 * alphas[-1]
    assert np.allclose(np.diff(np.log(alphas)), np.log(1.2))


AUTHORS = Path(__file__).parents[4] / "shared" / "paper" / "grids.tsv"
PRODUCTION = Path(__file__).parents[3] / "resources" / "published" / "production.tsv"


def value(text):
    """A value of the authors' table as Python has it."""
    if text in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[text]
    try:
        return float(text)
    except ValueError:
        return text


def authors_values(text):
    """The values of one row of the authors' table, in loop order."""
    text = re.sub(r" *\(.*", "", text)
    if geometric := re.match(r"geometric: (\S+) x (\S+)\^k while < (\d+), (\d+) values", text):
        first, factor, last, count = map(float, geometric.groups())
        values = list(first * factor ** np.arange(int(count)))
        assert values[-1] < last <= values[-1] * factor
        return values
    if tenths := re.match(r"i\*0.1 for i=1\.\.(\d)", text):
        return [number / 10 for number in range(1, int(tenths[1]) + 1)]
    return [value(word) for word in text.split()]


@pytest.mark.skipif(not AUTHORS.is_file(), reason="the table of the authors' grids is not here")
@pytest.mark.parametrize(("model", "scheme"), [pair for pair in ESTIMATORS if pair[0] != "OLR"])
def test_published_grids_are_the_authors_but_for_points_without_an_effect(model, scheme):
    rows = pd.read_csv(AUTHORS, sep="\t", dtype=str, keep_default_na=False)
    role = {"nominal": "classifier", "regression": "regressor"}[scheme]
    rows = rows[(rows["model"] == model) & (rows["role"] == role)]
    grid, dropped = {}, registry.NO_EFFECT.get((model, scheme), {})
    for parameter, text in rows[["parameter", "values in loop order"]].to_numpy():
        name, loop, _ = parameter.partition(" (loop")
        if not loop or (model == "SVC" and name == "kernel" and scheme == "regression"):  # one value, a fixed argument
            continue
        if dropped.get(name) != "all":
            grid[name] = [one for one in authors_values(text) if one not in dropped.get(name, [])]
    expected = [dict(zip(grid, point, strict=True)) for point in product(*grid.values())]
    ours = registry.param_grid(model, scheme, "published", "published")
    assert len(ours) == len(expected)
    for own, theirs in zip(ours, expected, strict=True):
        assert list(own) == list(theirs)
        for name in own:
            assert own[name] == (pytest.approx(theirs[name]) if isinstance(theirs[name], float) else theirs[name])
    printed = production(model, scheme)
    for parameter, text in rows[["parameter", "production value"]].to_numpy():
        if (name := parameter.partition(" (loop")[0]) in printed:
            theirs = authors_values(text.replace("auto (= sqrt, deprecated)", "sqrt"))[0]
            assert value(printed[name]) == (pytest.approx(theirs) if isinstance(theirs, float) else theirs)


def production(model, scheme):
    """The settings that the notebooks print for one model, {name: text}."""
    rows = pd.read_csv(PRODUCTION, sep="\t", dtype=str, keep_default_na=False)
    rows = rows[(rows["model"] == model) & (rows["scheme"] == scheme)]
    return dict(zip(rows["setting"], rows["value"], strict=True))


@pytest.mark.parametrize(("model", "scheme"), [pair for pair in ESTIMATORS if pair[0] != "OLR"])
def test_the_settings_that_the_notebooks_print_are_a_point_of_the_published_grid(model, scheme):
    printed = {name: value(text) for name, text in production(model, scheme).items()}
    points = registry.param_grid(model, scheme, "published", "published")
    assert any(
        set(point) == set(printed)
        and all(point[name] == (pytest.approx(one) if isinstance(one, float) else one) for name, one in printed.items())
        for point in points
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "scheme", "one", "other"),
    [
        ("KRC", "nominal", {"max_iter": 90}, {"max_iter": None}),
        ("RNN", "nominal", {"algorithm": "ball_tree"}, {"algorithm": "brute"}),
        ("KNN", "regression", {"algorithm": "kd_tree"}, {"algorithm": "brute"}),
        ("GPC", "nominal", {"n_restarts_optimizer": 0}, {"n_restarts_optimizer": 4}),
        ("GPC", "regression", {"n_restarts_optimizer": 0}, {"n_restarts_optimizer": 11}),
        ("SVC", "regression", {"degree": 1, "gamma": "scale", "coef0": 0}, {"degree": 9, "gamma": "auto", "coef0": 1}),
    ],
)
def test_points_that_are_left_out_change_no_prediction(model, scheme, one, other):
    features, labels = blobs(spread=4)
    first = registry.param_grid(model, scheme, "published", "default")[0]
    labels = labels.astype(float) if scheme == "regression" else labels
    answers = [
        built(model, scheme, "published", **{**first, **more}).fit(features, labels).predict(features + 0.1)
        for more in (one, other)
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("protocol", ["strict", "published"])
def test_units_of_features_change_no_prediction(protocol):
    features, labels = blobs(spread=3)
    queries = blobs(spread=3, seed=1)[0]
    for model in ("SVC", "KRC", "RNN"):
        one, thousand = (
            built(model, protocol=protocol).fit(features * unit, labels).predict(queries * unit)
            for unit in (1.0, 1000.0)
        )
        assert (one == thousand).all()


def test_published_krc_is_linear_and_strict_krc_is_not():
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    features = np.column_stack([np.cos(angle), np.sin(angle)])
    labels = np.where(np.sin(2 * angle + 0.01) > 0, 900, 950)  # opposite quarters belong together
    strict = built("KRC", kernel="rbf", alpha=0.1, gamma=1.0).fit(features, labels)
    published = built("KRC", "nominal", "published", alpha=0.1).fit(features, labels)
    assert (strict.predict(features) == labels).mean() > 0.95
    assert (published.predict(features) == labels).mean() < 0.75


def test_kernel_ridge_classifier_equals_kernel_ridge_on_centred_targets():
    features, labels = blobs(spread=5)
    ours = estimators.KernelRidgeClassifier(alpha=0.5, kernel="rbf", gamma=0.1).fit(features, labels)
    target = np.where(labels[:, None] == CLASSES, 1.0, -1.0)
    theirs = KernelRidge(alpha=0.5, kernel="rbf", gamma=0.1).fit(features, target - target.mean(axis=0))
    assert np.allclose(ours.decision_function(features), theirs.predict(features) + target.mean(axis=0))
    poly = estimators.KernelRidgeClassifier(alpha=0.5, kernel="polynomial", gamma=0.1, degree=2).fit(features, labels)
    theirs = KernelRidge(alpha=0.5, kernel="polynomial", gamma=0.1, degree=2).fit(
        features, target - target.mean(axis=0)
    )
    assert np.allclose(poly.decision_function(features), theirs.predict(features) + target.mean(axis=0))


def test_a_query_without_neighbours_is_900_or_1000_as_published_and_its_nearest_sample_under_strict():
    features = np.array([[0.0], [1.0], [10.0], [11.0]])
    labels = np.array([900, 900, 1000, 1000])
    far = np.array([[40.0]])
    published = built("RNN", "nominal", "published", radius=2).fit(features, labels)
    assert published.predict(far).tolist() == [900]
    nothing = built("RNN", "regression", "published", radius=3).fit(features, labels.astype(float))
    y_pred, value = grid_search.predict(nothing, far, TARGET)
    assert y_pred.tolist() == [1000] and np.isnan(value).all()
    strict = estimators.RadiusClassifier(quantile=0.1).fit(features, labels)
    assert strict.radius_ < 29
    assert strict.predict(far).tolist() == [1000]
    mean = estimators.RadiusRegressor(quantile=0.1).fit(features, labels.astype(float))
    assert mean.predict(far) == pytest.approx([1000])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_our_radius_votes_equal_scikit_learns_where_all_have_neighbours(weights, p):
    features, labels = blobs(spread=4)
    ours = estimators.RadiusClassifier(quantile=0.3, weights=weights, p=p).fit(features, labels)
    theirs = RadiusNeighborsClassifier(radius=ours.radius_, weights=weights, p=p).fit(features, labels)
    queries = features + 0.01
    near = [len(found) > 0 for found in theirs.radius_neighbors(queries, return_distance=False)]
    assert np.mean(near) > 0.9
    assert np.allclose(ours.predict_proba(queries[near]), theirs.predict_proba(queries[near]))


def test_rows_are_centred_and_scaled_to_unit_length():
    rows = estimators.CenteredNormalizer().fit([[0.0, 0.0], [4.0, 2.0]])  # mean (2, 1)
    assert rows.transform([[5.0, 5.0], [2.0, 0.0], [2.0, 1.0]]).tolist() == [[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]]


@pytest.mark.parametrize("model", ["RNN", "KNN"])
def test_strict_neighbours_are_robust_to_components_on_which_held_out_samples_are_shorter(model):
    """20,000 features that carry noise, 12 of them the class: held-out rows shrink when projected on fitted ones.

    The films at 900 C vary less, so they lie nearest the mean, and shrunken rows of every class lie nearest to them.
    """
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(CLASSES, 20), 2)
    values = rng.normal(size=(120, 20000)) * np.where(labels == 900, 0.5, 1.0)[:, None]
    for place, celsius in enumerate(CLASSES):
        values[:, 4 * place : 4 * place + 4] += 15.0 * (labels == celsius)[:, None]
    train, held = np.arange(60), np.arange(60, 120)
    scores = pca.fit(pca.inner_products(values), train, [0.99])[0.99].scores
    lengths = np.linalg.norm(scores, axis=1)
    assert np.median(lengths[held]) < 0.7 * np.median(lengths[train])
    best = max(
        (built(model, **point).fit(scores[train], labels[train]).predict(scores[held]) == labels[held]).mean()
        for point in registry.param_grid(model, "nominal", "strict", "default")
    )
    assert best > 0.9


def test_published_gaussian_regression_keeps_its_kernel_and_strict_fits_it():
    features, labels = blobs(spread=20)
    published = built("GPC", "regression", "published", alpha=1e-4).fit(features, labels.astype(float))["model"]
    assert np.exp(published.kernel_.theta).tolist() == []
    assert np.allclose([published.kernel_.k1.constant_value, published.kernel_.k2.length_scale], 1)
    strict = built("GPC", "regression", "strict", n_restarts_optimizer=0).fit(features, labels.astype(float))
    assert len(strict["model"].regressor_.kernel_.theta) == 3


def test_unknown_names_are_refused_with_the_known_ones():
    for call in (
        lambda *names: registry.make_estimator(*names, {}, CLASSES, 0),
        lambda *names: registry.param_grid(*names, "default"),
    ):
        with pytest.raises(UserError, match="'SVM'.*SVC, KRC, RNN"):
            call("SVM", "nominal", "strict")
        with pytest.raises(UserError, match="SVC.*'ordinal'.*nominal, regression"):
            call("SVC", "ordinal", "strict")
        with pytest.raises(UserError, match="OLR.*'nominal'.*ordinal"):
            call("OLR", "nominal", "strict")
        with pytest.raises(UserError, match="'MLP'.*SVC, KRC, RNN"):
            call("MLP", "nominal", "strict")
    with pytest.raises(UserError, match="'huge'.*default, published"):
        registry.param_grid("SVC", "nominal", "strict", "huge")
