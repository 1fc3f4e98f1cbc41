"""Scores against hand-worked numbers and scikit-learn; intervals against simulated truth."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics
from micrograph.evaluation.bootstrap import Resampling

CLASSES = [900, 950, 1000]


def predictions(truth, predicted, batch=None, fold=0, part="test", value=None):
    count = len(truth)
    return pd.DataFrame(
        {
            "fold": fold,
            "split": part,
            "sample": [f"s{place:04d}" for place in range(count)],
            "batch": batch if batch is not None else [f"b{place}" for place in range(count)],
            "y_true": truth,
            "y_pred": pd.array(predicted, dtype="Int64"),
            "y_pred_value": value if value is not None else np.nan,
            "y_true_value": truth,
        }
    )


#         truth 900: 1 of 2 right; 950: 2 of 3; 1000: 1 of 1
HAND = predictions([900, 900, 950, 950, 950, 1000], [900, 950, 950, 950, 1000, 1000])


def test_hand_worked_scores():
    assert metrics.score(HAND, "accuracy", CLASSES) == pytest.approx(4 / 6)
    assert metrics.score(HAND, "balanced_accuracy", CLASSES) == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    # F1: 900 has 2*1/(2+1); 950 has 2*2/(3+3); 1000 has 2*1/(1+2)
    assert metrics.score(HAND, "macro_f1", CLASSES) == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)
    assert metrics.score(HAND, "mae", CLASSES) == pytest.approx(100 / 6)


def test_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(3)
    truth, guess = rng.choice(CLASSES, 200, p=[0.1, 0.5, 0.4]), rng.choice(CLASSES, 200)
    frame = predictions(truth, guess)
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(truth, guess),
        "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(truth, guess),
        "macro_f1": sklearn.metrics.f1_score(truth, guess, average="macro"),
        "kappa": sklearn.metrics.cohen_kappa_score(truth, guess, weights="quadratic"),
        "mae": sklearn.metrics.mean_absolute_error(truth, guess),
    }
    assert {name: metrics.score(frame, name, CLASSES) for name in expected} == pytest.approx(expected)


def test_a_row_without_an_answer_is_wrong_and_leaves_no_distance():
    frame = predictions([900, 950, 1000, 1000], [900, 950, 1000, None])
    assert metrics.score(frame, "accuracy", CLASSES) == pytest.approx(0.75)
    assert metrics.score(frame, "balanced_accuracy", CLASSES) == pytest.approx((1 + 1 + 0.5) / 3)
    assert metrics.score(frame, "macro_f1", CLASSES) == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert np.isnan(metrics.score(frame, "mae", CLASSES))
    assert np.isnan(metrics.score(frame, "kappa", CLASSES))


def test_errors_of_values_are_hand_worked():
    frame = predictions([900, 950], [900, 950], value=[930.0, 910.0])
    assert metrics.score(frame, "rmse", CLASSES) == pytest.approx(np.sqrt((900 + 1600) / 2))
    frame.loc[0, "y_pred_value"] = np.nan
    assert np.isnan(metrics.score(frame, "rmse", CLASSES))
    assert np.isnan(bootstrap.bootstrap(frame, "rmse", Resampling(CLASSES, 100, np.random.default_rng(0)))).all()


def test_the_spread_of_errors_over_folds_is_hand_worked():
    frame = pd.concat(
        [
            predictions([900], [900], fold=0, value=[910.0]),
            predictions([900], [900], fold=1, value=[870.0]),
        ]
    )
    test = metrics.by_fold(frame, "rmse", CLASSES).set_index("split").loc["test"]
    assert (test["mean"], test["std"]) == pytest.approx((20, np.sqrt(200)))


def test_by_fold_gives_mean_and_spread_of_each_part():
    frame = pd.concat(
        [
            predictions([900, 950], [900, 950], fold=0),
            predictions([900, 950], [900, 900], fold=1),
            predictions([900], [900], fold=0, part="train"),
        ]
    )
    table = metrics.by_fold(frame, "accuracy", CLASSES).set_index("split")
    assert list(table.index) == ["train", "validation", "test"]
    assert table.loc["test", "mean"] == pytest.approx(0.75)
    assert table.loc["test", "std"] == pytest.approx(np.sqrt(2 * 0.25**2))
    assert np.isnan(table.loc["train", "std"])
    assert np.isnan(table.loc["validation", "mean"])


def test_the_baseline_names_the_training_majority_of_each_fold():
    frame = pd.concat(
        [
            predictions([900, 950, 950], [900] * 3, fold=0, part="train"),
            predictions([1000, 950], [1000, 950], fold=0),
            predictions([1000, 1000, 900], [900] * 3, fold=1, part="train"),
            predictions([1000, 950], [1000, 950], fold=1),
        ]
    )
    before = frame.copy()
    guess = metrics.majority_class_baseline(frame)
    assert guess.query("split == 'test' and fold == 0")["y_pred"].tolist() == [950, 950]
    assert guess.query("split == 'test' and fold == 1")["y_pred"].tolist() == [1000, 1000]
    pd.testing.assert_frame_equal(frame, before)


def days(rng, count=40, films=3):
    """Predictions of an 0.6-accurate model whose films of one day rise and fall together; truth always 950."""
    skill = rng.beta(6, 4, count)
    right = rng.random((count, films)) < skill[:, None]
    batch = np.repeat([f"d{day:02d}" for day in range(count)], films)
    return predictions([950] * right.size, np.where(right.ravel(), 950, 1000), batch)


def test_one_batch_has_no_interval():
    frame = predictions([900, 950], [900, 900], batch=["d", "d"])
    assert np.isnan(bootstrap.bootstrap(frame, "accuracy", Resampling(CLASSES, 100, np.random.default_rng(0)))).all()


def test_a_model_is_indistinguishable_from_itself_but_from_a_much_worse_one():
    frame = days(np.random.default_rng(5))
    worse = frame.assign(y_pred=1000)
    rng = np.random.default_rng(0)
    assert bootstrap.paired_bootstrap(frame, frame, "accuracy", Resampling(CLASSES, 200, rng)) == (0, 0)
    low, _ = bootstrap.paired_bootstrap(frame, worse, "accuracy", Resampling(CLASSES, 200, rng))
    assert low > 0.3
    with pytest.raises(UserError, match="different samples"):
        bootstrap.paired_bootstrap(frame, frame.iloc[1:], "accuracy", Resampling(CLASSES, 200, rng))


def test_the_best_is_tied_with_itself_and_its_like_and_not_with_a_much_worse_one():
    best = days(np.random.default_rng(5))
    like = best.copy()
    like.loc[like.index[best["y_pred"] == 950][:1], "y_pred"] = 1000
    worse, silent = best.assign(y_pred=1000), best.assign(y_pred=pd.NA)
    found = bootstrap.indistinguishable_from_best(
        [like, worse, best, silent], "accuracy", Resampling(CLASSES, 300, np.random.default_rng(0))
    )
    assert found.tolist() == [True, False, True, False]


def test_of_errors_the_smallest_is_best_and_a_missing_one_never():
    best = days(np.random.default_rng(5)).assign(y_pred_value=955.0)
    worse, missing = best.assign(y_pred_value=980.0), best.assign(y_pred_value=np.nan)
    found = bootstrap.indistinguishable_from_best(
        [missing, worse, best], "rmse", Resampling(CLASSES, 100, np.random.default_rng(0))
    )
    assert found.tolist() == [False, False, True]
    nothing = bootstrap.indistinguishable_from_best(
        [missing, missing], "rmse", Resampling(CLASSES, 100, np.random.default_rng(0))
    )
    assert nothing.tolist() == [False, False]


def test_unknown_names_are_faults():
    with pytest.raises(UserError, match="accuracy, balanced_accuracy"):
        metrics.score(HAND, "auc", CLASSES)
    with pytest.raises(UserError, match="the target does not have"):
        metrics.score(HAND, "accuracy", [900, 950])


def test_a_few_draws_without_a_score_do_not_undo_an_interval_or_a_comparison():
    # Four growth days, the middle two of both classes: one draw in 256 x 2 has films of one class alone.
    rows = [(day, 900 if (day + film) % 2 else 950) for day in (1, 2) for film in range(4)]
    rows = [(0, 900)] * 4 + rows + [(3, 950)] * 4
    frame = pd.DataFrame(rows, columns=["batch", "y_true"]).astype({"batch": str})
    frame = frame.assign(sample=[f"s{row}" for row in range(len(frame))])
    perfect = frame.assign(y_pred=frame["y_true"])
    constant = frame.assign(y_pred=950)
    low, high = bootstrap.bootstrap(perfect, "kappa", Resampling([900, 950], 1000, np.random.default_rng(0)))
    assert (low, high) == (1, 1)
    assert bootstrap.indistinguishable_from_best(
        [perfect, constant], "kappa", Resampling([900, 950], 1000, np.random.default_rng(0))
    ).tolist() == [
        True,
        False,
    ]


def test_a_constant_has_its_balanced_accuracy_in_every_resample_that_holds_all_classes():
    """Days of 900 are 4 of 40: some resamples have none, and a mean over the other two classes would be 50 %."""
    truth = np.repeat([900, 950, 1000], [4, 24, 12])
    frame = pd.DataFrame({"sample": range(40), "batch": range(40), "y_true": truth, "y_pred": 950})
    drawn = Resampling(CLASSES, 4000, 1)
    assert bootstrap.bootstrap(frame, "balanced_accuracy", drawn) == pytest.approx((1 / 3, 1 / 3))
    assert bootstrap.paired_bootstrap(frame, frame, "balanced_accuracy", drawn) == (0, 0)
    rarer = frame.assign(y_true=np.repeat([900, 950, 1000], [1, 27, 12]))
    assert np.isnan(bootstrap.bootstrap(rarer, "balanced_accuracy", drawn)).all(), "a third of the resamples lack 900"
    low, high = bootstrap.bootstrap(rarer, "accuracy", drawn)
    assert low < 27 / 40 < high
