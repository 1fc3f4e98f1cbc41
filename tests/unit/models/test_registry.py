"""The models: what strict changes, what published keeps, and the grids in full."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import RadiusNeighborsClassifier

from micrograph import target
from micrograph.errors import UserError
from micrograph.models import estimators, pca, registry

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
    regressor = built(model, "regression", protocol).fit(features, labels.astype(float))
    answered = target.to_class(regressor.predict(features), CLASSES)
    assert (answered == labels).mean() > 0.75  # chance: 0.33


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

    assert size("SVC") == 3 * 6 * 2 * 4 * 4  # C, degree, gamma, coef0, max_iter
    assert size("KNN") * 4 == 480  # four search algorithms, which give one answer
    assert size("DTC") == 3 * 9 * 3
    assert size("GBC") == 6 * 4 * 5 * 3
    first, second, *_ = registry.param_grid("KNN", "nominal", "published", "published")
    assert first == {"n_neighbors": 3, "weights": "uniform", "p": 1} and second == first | {"p": 2}
    alphas = [point["alpha"] for point in registry.param_grid("KRC", "nominal", "published", "published")]
    assert alphas[0] == 1e-4
    assert alphas[-1] <= 30 < 1.2 * alphas[-1]
    assert np.allclose(np.diff(np.log(alphas)), np.log(1.2))


def test_units_of_features_change_published_predictions_but_not_strict_ones():
    features, labels = blobs(spread=3)
    queries = blobs(spread=3, seed=1)[0]
    for model in ("SVC", "KRC", "RNN"):
        one, thousand = (built(model).fit(features * unit, labels).predict(queries * unit) for unit in (1.0, 1000.0))
        assert (one == thousand).all()
    one, thousand = (
        built("RNN", "nominal", "published", radius=4).fit(features * unit, labels).predict(queries * unit)
        for unit in (1.0, 1000.0)
    )
    assert (one != thousand).any()


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


def test_a_query_without_neighbours_is_900_or_nothing_as_published_and_its_nearest_sample_under_strict():
    features = np.array([[0.0], [1.0], [10.0], [11.0]])
    labels = np.array([900, 900, 1000, 1000])
    far = np.array([[40.0]])
    published = built("RNN", "nominal", "published", radius=2).fit(features, labels)
    assert published.predict(far).tolist() == [900]
    nothing = built("RNN", "regression", "published", radius=3).fit(features, labels.astype(float))
    assert np.isnan(nothing.predict(far)).all()
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
    published = built("GPC", "regression", "published", alpha=1e-4).fit(features, labels.astype(float))
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
