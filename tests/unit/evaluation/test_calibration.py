"""Temperatures and set limits come from validation samples alone; sets cover as often as nominal."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from made_up_answers import CLASSES, fit
from micrograph.errors import UserError
from micrograph.evaluation import calibration, summaries
from micrograph.evaluation.calibration import DECISIONS, NOTHING, PROBABILITIES, SCALED, UNSCALED
from micrograph.target import Target
from tables_of_films import TARGET

NAMES = [f"score_{celsius:g}" for celsius in CLASSES]
CELSIUS = [900, 950, 1000]


def judge(given, coverage=0.9):
    return calibration.calibrate(given, TARGET, coverage)


def changed(given, part, change):
    """The fit with the scores of one part changed."""
    rows = given.predictions.copy()
    here = rows["split"] == part
    rows.loc[here, NAMES] = change(rows.loc[here, NAMES].to_numpy())
    return summaries.Fit(given.spec, rows)


def test_scores_are_distinguished_by_what_they_sum_to():
    lost = [np.nan] * 3
    assert calibration.kind_of_scores(np.array([[0.2, 0.3, 0.5], [0.6, 0.4, np.nan], lost])) == PROBABILITIES
    assert calibration.kind_of_scores(np.array([[0.2, 0.3, 0.5], [0.9, 0.4, 0.1]])) == DECISIONS
    assert calibration.kind_of_scores(np.array([[1.5, -0.3, -0.2]])) == DECISIONS
    assert calibration.kind_of_scores(np.array([lost])) == NOTHING


def test_softmax_is_that_of_a_hand_and_gives_a_class_without_a_value_nothing():
    made = calibration.softmax(np.array([[np.log(3), 0.0, np.nan], [1000.0, 1000.0, 1000.0], [np.nan] * 3]))
    np.testing.assert_allclose(made[0], [0.75, 0.25, 0])
    np.testing.assert_allclose(made[1], [1 / 3] * 3)
    assert np.isnan(made[2]).all()


def test_decision_values_become_the_probabilities_that_they_are_logarithms_of():
    made = fit(days=400, scores=lambda chances, sharpness: 2 * np.log(chances) + 5)
    study = judge(made)
    assert study.kind == DECISIONS and set(study.stages) == {SCALED}
    truth = judge(fit(days=400, sharpness=2.0))
    np.testing.assert_allclose(study.stages[SCALED].probabilities, truth.stages[SCALED].probabilities, atol=1e-3)


def test_test_films_have_no_part_in_temperature_and_limit():
    made = fit(sharpness=2.0)
    spoilt = changed(made, "test", lambda marks: marks[:, ::-1])
    for stage in (UNSCALED, SCALED):
        one, other = judge(made).stages[stage], judge(spoilt).stages[stage]
        assert one.temperatures == other.temperatures and one.limits == other.limits
        assert not np.allclose(one.probabilities, other.probabilities)


def test_training_films_have_no_part_in_predictions():
    made = fit(sharpness=2.0)
    spoilt = changed(made, "train", lambda marks: np.full(marks.shape, 1 / 3))
    for stage in (UNSCALED, SCALED):
        one, other = judge(made).stages[stage], judge(spoilt).stages[stage]
        assert one.temperatures == other.temperatures and one.limits == other.limits
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@pytest.mark.parametrize("coverage", [0.7, 0.9])
def test_sets_of_exchangeable_films_cover_at_the_nominal_rate_out_of_fold(coverage):
    """One film a day and 50 validation days: the mean coverage lies between the aim and the aim plus 1/51."""
    covered = {UNSCALED: [], SCALED: []}
    for seed in range(35):
        study = judge(fit(days=200, films_a_day=1, sharpness=2.0, seed=seed), coverage)
        for stage, values in study.stages.items():
            covered[stage].append(values.in_set[np.arange(200), study.true_index].mean())
    for shares in covered.values():
        assert coverage - 0.015 < np.mean(shares) < coverage + 0.035


def test_too_few_validation_days_give_sets_of_every_class():
    study = judge(fit(days=32, films_a_day=4))
    assert np.isinf(study.stages[UNSCALED].limits).all() and study.stages[UNSCALED].in_set.all()
    enough = judge(fit(days=36, films_a_day=1))
    assert np.isfinite(enough.stages[UNSCALED].limits).all()


def test_a_fit_without_scores_or_validation_films_is_left_out_with_the_reason():
    silent = judge(fit(scores=lambda chances, sharpness: np.full(chances.shape, np.nan)))
    assert silent.stages == {} and "without scores" in silent.reason
    made = fit()
    rows = made.predictions
    lacking = judge(summaries.Fit(made.spec, rows[(rows["split"] != "validation") | (rows["fold"] > 0)]))
    assert lacking.stages == {} and "no validation sample" in lacking.reason
    assert judge(made).reason == ""


def test_shares_are_those_of_the_folds_own_training_films():
    made = fit()
    study = judge(made)
    rows = made.predictions
    for fold, here in rows.groupby("fold"):
        train = here.loc[here["split"] == "train", "y_true"]
        tested = here.loc[here["split"] == "test", "sample"]
        wanted = [(train == celsius).mean() for celsius in CELSIUS]
        np.testing.assert_allclose(study.shares[np.isin(study.samples, tested)], [wanted] * len(tested), err_msg=fold)


def test_copies_of_films_do_not_count():
    made = fit()
    copies = made.predictions.assign(augmentation=1, **dict.fromkeys(NAMES, 1 / 3))
    both = type(copies)({name: [*made.predictions[name], *copies[name]] for name in copies})
    one, other = judge(made), judge(summaries.Fit(made.spec, both))
    assert one.stages[SCALED].temperatures == other.stages[SCALED].temperatures
    np.testing.assert_array_equal(one.samples, other.samples)


def test_a_strange_growth_temperature_is_refused_and_predictions_are_left_alone():
    made = fit()
    before = made.predictions.copy()
    judge(made)
    assert made.predictions.equals(before)
    with pytest.raises(UserError, match="the target does not have"):
        calibration.calibrate(made, Target.from_config({"column": "growth_celsius", "classes": [900, 950, 1100]}), 0.9)


def test_calibrated_probabilities_stand_at_their_own_test_samples_and_nowhere_else():
    given = fit(days=120, sharpness=3.0)
    shuffled = replace(given, predictions=given.predictions.sample(frac=1, random_state=1))
    made = calibration.calibrated(shuffled, TARGET)
    known = calibration.calibrate(given, TARGET, 0.9)
    test = made[made["split"] == "test"].set_index("sample").loc[known.samples, TARGET.score_columns]
    np.testing.assert_allclose(test.to_numpy(float), known.stages["scaled"].probabilities, rtol=1e-6)
    before = given.predictions.query("split == 'test'").set_index("sample").loc[known.samples, TARGET.score_columns]
    assert (test.max(axis=1) < before.max(axis=1)).mean() > 0.9  # given probabilities were overconfident
    assert made.loc[made["split"] != "test", TARGET.score_columns].isna().all(axis=None)
    others = [name for name in made if name not in TARGET.score_columns]
    pd.testing.assert_frame_equal(made[others], shuffled.predictions[others])


def test_what_cannot_be_calibrated_has_no_probabilities():
    given = fit()
    kept = given.predictions[given.predictions["split"] != "validation"]
    assert calibration.calibrated(replace(given, predictions=kept), TARGET)[TARGET.score_columns].isna().all(axis=None)
