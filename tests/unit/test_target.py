"""Targets and predictions of every scheme against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from micrograph import target
from micrograph.errors import UserError
from micrograph.target import Target

CLASSES = [900, 950, 1000]


def decoded(scheme, rows):
    return target.decode(scheme, np.array(rows, dtype=float), CLASSES)


@pytest.mark.parametrize(
    ("scheme", "wanted"),
    [
        ("nominal", [0, 2, 1]),
        ("nnrank", [[1, 0, 0], [1, 1, 1], [1, 1, 0]]),
        ("corn", [[0, 0], [1, 1], [1, 0]]),
        ("regression", [[900], [1000], [950]]),
    ],
)
def test_targets_of_each_scheme(scheme, wanted):
    found = target.encode(scheme, [900, 1000, 950], CLASSES)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == (np.int64 if scheme == "nominal" else np.float32)


@given(st.lists(st.sampled_from([850, 900, 950, 1000, 1040]), min_size=1, max_size=20))
def test_targets_stand_for_the_labels_they_were_made_of(labels):
    classes = [850, 900, 950, 1000, 1040]
    for scheme in target.SCHEMES:
        wanted = target.encode(scheme, labels, classes)
        np.testing.assert_array_equal(target.labels(scheme, wanted, classes), labels)


def test_nominal_predicts_the_largest_output_with_softmax_scores():
    predicted, value, scores = decoded("nominal", [[0, np.log(2), 0], [1000, 0, 0], [1, 1, 0]])
    assert predicted.tolist() == [950, 900, 900]
    assert np.isnan(value).all()
    np.testing.assert_allclose(scores[:2], [[0.25, 0.5, 0.25], [1, 0, 0]], atol=1e-12)


def test_nnrank_counts_leading_outputs_above_a_half():
    outputs = [[0.9, 0.8, 0.1], [0.9, 0.2, 0.8], [0.4, 0.9, 0.9], [0.9, 0.9, 0.7], [0.9, 0.5, 0.5]]
    predicted, value, scores = decoded("nnrank", outputs)
    assert predicted.tolist() == [950, 900, 900, 1000, 900]
    assert np.isnan(value).all()
    np.testing.assert_allclose(scores[0], [0.2, 0.7, 0.1])
    np.testing.assert_allclose(scores[1], [0.8, 0, 0.2], atol=1e-12)  # the second output caps the third
    np.testing.assert_allclose(scores[2], [0.6, 0, 0.4], atol=1e-12)


def test_corn_multiplies_conditional_probabilities():
    logit = lambda chance: np.log(chance / (1 - chance))  # noqa: E731
    outputs = [[logit(0.8), logit(0.75)], [logit(0.8), logit(0.5)], [logit(0.4), logit(0.99)], [-900, 900]]
    predicted, _, scores = decoded("corn", outputs)
    assert predicted.tolist() == [1000, 950, 900, 900]
    np.testing.assert_allclose(scores[0], [0.2, 0.2, 0.6])
    np.testing.assert_allclose(scores[1], [0.2, 0.4, 0.4])
    np.testing.assert_allclose(scores[3], [1, 0, 0], atol=1e-12)


def test_regression_predicts_the_nearest_class_and_keeps_the_value():
    predicted, value, scores = decoded("regression", [[912.5], [925], [925.1], [1200], [-3]])
    assert predicted.tolist() == [900, 900, 950, 1000, 900]
    assert value.tolist() == [912.5, 925, 925.1, 1200, -3]
    assert np.isnan(scores).all()


@given(arrays.arrays(float, (4, 3), elements=st.floats(0, 1)))
def test_scores_of_ordered_schemes_are_probabilities_and_agree_with_the_prediction(outputs):
    for scheme, given_outputs in (("nnrank", outputs), ("corn", 8 * outputs[:, :2] - 4)):
        predicted, _, scores = decoded(scheme, given_outputs)
        assert (scores >= -1e-12).all()
        np.testing.assert_allclose(scores.sum(axis=1), 1)
        above = scores[:, ::-1].cumsum(axis=1)[:, ::-1]  # the probability of that class or a higher one
        places = np.searchsorted(CLASSES, predicted)
        for row, place in enumerate(places):
            assert above[row, place] > 0.5 - 1e-9
            assert place == 2 or above[row, place + 1] <= 0.5 + 1e-9


@pytest.mark.parametrize("scheme", list(target.SCHEMES))
def test_every_scheme_serves_two_and_five_classes_and_no_rows(scheme):
    for classes in ([900, 950], [850, 900, 950, 1000, 1050]):
        width = target.output_width(scheme, classes)
        outputs = np.full((0, width), 0.3)
        predicted, value, scores = target.decode(scheme, outputs, classes)
        assert predicted.shape == value.shape == (0,)
        assert scores.shape == (0, len(classes))
        predicted = target.decode(scheme, np.full((1, width), 0.3), classes)[0]
        assert predicted[0] in classes


def test_inputs_are_left_alone():
    outputs = np.array([[0.9, 0.2, 0.8]], dtype=np.float32)
    before = outputs.copy()
    for scheme in ("nominal", "nnrank"):
        target.decode(scheme, outputs, CLASSES)
    np.testing.assert_array_equal(outputs, before)


def test_bad_input_is_named():
    with pytest.raises(UserError, match="910"):
        target.encode("nominal", [900, 910], CLASSES)
    with pytest.raises(UserError, match="1010"):
        target.encode("corn", [1010], CLASSES)
    with pytest.raises(UserError, match=r"corn: outputs of shape \(2, 3\) for 3 classes"):
        target.decode("corn", np.zeros((2, 3)), CLASSES)
    with pytest.raises(UserError, match="'ordinal'.*nominal, nnrank, corn, regression"):
        target.decode("ordinal", np.zeros((2, 3)), CLASSES)


def test_rows_that_are_not_finite_have_no_prediction():
    y_pred, value, scores = target.decode_finite("regression", [[900.0], [np.nan], [np.inf]], CLASSES)
    np.testing.assert_array_equal(y_pred, [900, np.nan, np.nan])
    np.testing.assert_array_equal(value, [900, np.nan, np.nan])
    y_pred, _, scores = target.decode_finite("nominal", [[0, 1, 0], [0, np.nan, 0]], CLASSES)
    assert y_pred[0] == 950 and np.isnan(y_pred[1]) and np.isnan(scores[1]).all() and np.isfinite(scores[0]).all()


@given(
    st.sampled_from(["nominal", "nnrank", "corn", "regression"]),
    arrays.arrays(float, (6, 3), elements=st.floats(0.01, 0.99)),
)
def test_scores_and_values_alone_give_the_same_prediction(scheme, outputs):
    width = target.output_width(scheme, CLASSES)
    predicted, value, scores = target.decode(
        scheme, outputs[:, :width] * (1000 if scheme == "regression" else 1), CLASSES
    )
    found = target.decode_scores(scheme, scores, value, CLASSES)
    tied = np.isclose(scores.cumsum(axis=1), 0.5).any(axis=1) | (np.diff(np.sort(scores), axis=1)[:, -1] < 1e-9)
    assert found[~tied].tolist() == predicted[~tied].tolist()


def test_without_scores_or_value_there_is_no_prediction():
    none = np.full((1, 3), np.nan)
    for scheme in target.SCHEMES:
        assert np.isnan(target.decode_scores(scheme, none, none[:, 0], CLASSES)).all()


def test_exact_classes_have_limits_halfway_and_half_a_spacing_outside():
    made = Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1000]})
    assert (made.name, made.unit, made.edges) == ("growth temperature", "°C", (875, 925, 975, 1025))
    assert made.to_class([875, 925, 925.1, 1025]).tolist() == [900, 900, 950, 1000]
    assert [made.within(value) for value in (874.9, 875, 1025, 1025.1)] == [False, True, True, False]
    assert (made.label(950), made.with_unit(950), made.key(950)) == ("950", "950 °C", "950")
    assert made.named == "growth temperature (°C)" and made.schemes == tuple(target.SCHEMES)
    assert made.to_class([900, np.nan]).tolist()[0] == 900 and np.isnan(made.to_class([np.nan])).all()


def test_bins_stand_for_their_middles():
    made = Target.from_config({"column": "flow_sccm", "name": "flow", "unit": "sccm", "bins": [0, 0.1, 0.2, 20]})
    assert made.classes == (0.05, 0.15, 10.1) and made.labels == ("0-0.1", "0.1-0.2", "0.2-20")
    assert made.to_class([0, 0.1, 0.11, 20]).tolist() == [0.05, 0.05, 0.15, 10.1]
    assert made.score_columns == ["score_0-0.1", "score_0.1-0.2", "score_0.2-20"]
    assert Target.from_config({"column": "bias_volt", "bins": [-5, 0, 5]}).labels == ("-5 to 0", "0 to 5")


def test_names_have_no_order():
    made = Target.from_config({"column": "substrate", "classes": ["c-plane sapphire", "silicon"]})
    assert (made.classes, made.edges, made.ordered, made.schemes) == ((0, 1), (), False, ("nominal",))
    assert made.to_class(["silicon", "c-plane sapphire"]).tolist() == [1, 0]
    assert made.key(0) == "c-plane_sapphire" and made.with_unit(1) == "silicon" and made.named == "substrate"


def test_the_table_of_samples_gets_classes_and_values():
    samples = pd.DataFrame({"sample": list("abc"), "growth_seconds": [30.0, 300.0, 301.0]})
    made = Target.from_config({"column": "growth_seconds", "bins": [0, 300, 900]}).add_to(samples)
    assert made["y_true"].tolist() == [150, 150, 600] and made["y_true"].dtype.kind == "i"
    assert made["y_true_value"].tolist() == [30, 300, 301]


BINS = Target.from_config({"column": "growth_minutes", "bins": [0, 5, 10, 40.5]})


def test_a_value_of_a_regression_is_in_its_bin_not_at_the_nearest_middle():
    """Middles 2.5, 7.5 and 25.25: 12 is nearer to 7.5, and in the bin of 25.25."""
    y_pred, value, _ = target.decode("regression", [[12.0], [5.0], [99.0], [-1.0]], BINS)
    assert y_pred.tolist() == [25.25, 2.5, 25.25, 2.5] and value.tolist() == [12, 5, 99, -1]
    assert target.to_class([12.0], BINS.classes).tolist() == [7.5]


def test_a_regression_learns_values_and_other_schemes_classes():
    y_true, values = BINS.to_class([3.0, 12.0]), [3.0, 12.0]
    assert target.encode("regression", y_true, BINS, values).tolist() == [[3], [12]]
    assert target.labels("regression", target.encode("regression", y_true, BINS, values), BINS).tolist() == [2.5, 25.25]
    assert target.encode("nominal", y_true, BINS, values).tolist() == [0, 2]


@pytest.mark.parametrize(
    "settings",
    [
        {"column": "growth_celsius", "classes": [900, 950, 1000]},
        {"column": "flow", "name": "gas flow", "unit": "sccm", "bins": [0, 0.1, 7]},
        {"column": "substrate", "classes": ["sapphire", "silicon"]},
    ],
)
def test_settings_make_the_same_target_again(settings):
    made = Target.from_config(settings)
    assert Target.from_config(made.settings) == made


def test_classifiers_learn_whole_numbers():
    assert BINS.codes.tolist() == [0, 1, 2]
    assert Target.from_config({"column": "growth_celsius", "classes": [900, 950]}).codes.tolist() == [900, 950]


def test_a_sample_without_a_class_is_an_error():
    samples = pd.DataFrame({"sample": ["a"], "substrate": ["glass"]})
    with pytest.raises(UserError, match="sample a has no substrate"):
        Target.from_config({"column": "substrate", "classes": ["sapphire", "silicon"]}).add_to(samples)
