"""The learning curve: hand-worked accuracies and differences, an answer no stronger than its interval, its figure."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import learning_curve, summaries, tables
from micrograph.evaluation.summaries import Fit
from micrograph.figures import learning_curve as learning_curve_figure
from micrograph.figures import style
from micrograph.splits.fit_spec import FitSpec

CLASSES = [900, 950, 1000]
FIELDS = {"pretraining": "imagenet", "policy": "aug3", "features": "tuned", "scheme": "nominal", "model": "SVC"}
DAYS, TRAIN = 10, 8


def fit(share, right, seed=0, repeat=0, **fields):
    """Two folds that each test half of 20 films of ten days and train on `share` percent of 16 films of eight others.

    right: so many of the tested films are correct, which ones is drawn from the seed; the others are called 950.
    """
    name = "strict" + (f".repeat{repeat}" if repeat else "") + (f".share{share}" if share < 100 else "")
    rows = []
    for film, correct in enumerate(np.random.default_rng(seed).permutation(np.arange(20) < right)):
        truth = 900 + 100 * (film % 2)
        rows.append((film % 4 // 2, "test", f"film{film}", f"day{film // 2}", truth, truth if correct else 950))
    for fold in (0, 1):
        for film in range(int(2 * TRAIN * share / 100)):
            truth = 900 + 100 * (film % 3 == 0)
            rows.append((fold, "train", f"other{film}", f"other day{film // 2}", truth, truth))
    names = ["fold", "split", "sample", "batch", "y_true", "y_pred"]
    frame = pd.DataFrame(rows, columns=names).assign(
        augmentation=0, y_pred_value=np.nan, y_true_value=lambda rows: rows["y_true"]
    )
    return Fit(FitSpec(name, **FIELDS | fields), frame)


def tabled(given, n_bootstrap=400):
    return learning_curve.make_table(given, resampling=made_up.resampling(n_bootstrap), run=made_up.RUN)


@pytest.fixture(scope="module")
def table():
    rising = {100: 18, 25: 8, 50: 12}
    flat = {25: 11, 100: 12, 50: 10}
    return tabled(
        [
            *(fit(share, right, seed=share) for share, right in rising.items()),
            *(fit(share, right, seed=share + 1, features="image", model="CNN") for share, right in flat.items()),
        ]
    )


def test_accuracies_films_and_differences_are_hand_worked(table):
    here = table[table["model"] == "SVC"]
    assert here["protocol"].eq("strict").all()
    assert here["share_pct"].tolist() == [25, 50, 100]
    assert here["n_train_samples"].tolist() == [4, 8, 16]
    assert here["n_train_batches"].tolist() == [2, 4, 8]
    assert here["test_pct"].tolist() == [40, 60, 90]
    assert np.isnan(here["gain_pct_points"].iloc[0]) and here["gain_pct_points"].tolist()[1:] == pytest.approx([20, 30])
    assert here["rise_pct_points"].tolist()[1:] == pytest.approx([20, 50])
    assert here["majority_pct"].tolist() == [50, 50, 50]  # 900 is the majority class, and half of what is tested
    assert here[["n_samples", "n_batches", "folds", "repeats"]].iloc[0].tolist() == [20, 10, 2, 1]
    for name in ("test_pct", "gain_pct_points", "rise_pct_points"):
        whole = here.iloc[-1]
        assert whole[f"{name}_low"] <= whole[name] <= whole[f"{name}_high"]
    assert list(table.columns) == [*learning_curve.COLUMNS, *asdict(made_up.RUN)]


def test_one_share_has_no_difference():
    assert tabled([fit(100, 12)])["gain_pct_points"].isna().all()
    with pytest.raises(UserError, match="learning_curve"):
        tabled([])


def test_what_more_films_truly_give_lies_in_the_interval_about_as_often_as_it_says():
    """60 studies of 40 days of 3 films; each added film's worth is 15 points, days are easy or hard for both shares.

    Of 60 intervals of 95 %, 57 hold the truth on average; fewer than 50 would be a chance below one in a thousand.
    """
    rng, held = np.random.default_rng(3), 0
    for _ in range(60):
        day = np.repeat(np.arange(40), 3)
        skill = np.clip(0.5 + rng.normal(0, 0.15, 40), 0.2, 0.8)[day]
        luck = rng.uniform(size=120)
        frame = pd.DataFrame(
            {"fold": 0, "split": "test", "sample": np.arange(120).astype(str), "batch": day.astype(str)}
        )
        train = pd.DataFrame({"fold": 0, "split": "train", "sample": ["x"], "batch": ["y"]})
        given = []
        for share, better in ((50, 0.0), (100, 0.15)):
            predicted = frame.assign(y_pred=np.where(luck < skill + better, 900, 950))
            both = pd.concat([predicted, train.assign(y_pred=900)]).assign(y_true=900, y_pred_value=np.nan)
            given.append(Fit(FitSpec("strict.share50" if share == 50 else "strict", **FIELDS), both))
        last = tabled(given, 200).iloc[-1]
        held += last["gain_pct_points_low"] <= 15 <= last["gain_pct_points_high"]
    assert held >= 50


def test_several_repeats_have_a_spread_of_their_own():
    """The gain is 10 points in one repeat and 30 in the other: 20 with a standard deviation of 14."""
    repeats = {50: (10, 10), 100: (12, 16)}
    given = [made_up.repeated(*(fit(share, right) for right in rights)) for share, rights in repeats.items()]
    both = tabled(given)
    assert both["repeats"].tolist() == [2, 2] and both["folds"].tolist() == [2, 2]
    last = both.iloc[-1]
    assert (last["gain_pct_points"], last["gain_repeat_std"]) == pytest.approx((20, np.sqrt(2) * 10))
    assert last["test_repeat_std"] == pytest.approx(np.sqrt(2) * 10)
    assert any("over repeats" in heading for heading in learning_curve.panels(both)[0].headings)


def test_files_of_shares_and_repeats_become_one_curve(tmp_path):
    paths = []
    for share, repeat in ((50, 0), (100, 0), (50, 1), (100, 1)):
        made = fit(share, 10, repeat=repeat)
        folder = [getattr(made.spec, word) for word in ("protocol", "pretraining", "policy", "features", "scheme")]
        paths.append(tmp_path.joinpath(*folder) / "SVC.tsv")
        io.write_table(paths[-1], made.predictions)
    found = tabled(summaries.read_predictions(paths))
    assert found["share_pct"].tolist() == [50, 100] and found["repeats"].tolist() == [2, 2]


def test_the_table_survives_the_disk_and_is_shown_the_same(table, tmp_path):
    io.write_table(tmp_path / "curve.tsv", table)
    read = io.read_table(tmp_path / "curve.tsv")
    shown = tables.html(learning_curve.panels(table), "caption", "learning_curve")
    assert tables.html(learning_curve.panels(read), "caption", "learning_curve") == shown
    assert tables.markdown(learning_curve.panels(read), "x").count("SVC, fine-tuned features") == 1


def test_marks_stand_over_the_films_at_the_accuracies(table):
    figure = learning_curve_figure.draw(table)
    laid_out_well(figure)
    _, colour, shape = style.SPLITS["test"]
    (line,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == shape]
    assert line.get_xdata().tolist() == [4, 8, 16] and line.get_ydata().tolist() == [40, 60, 90]
    assert "last step: +30.0 [" in words_in(figure)
    low, high = figure.axes[0].get_ylim()
    assert low <= table["test_pct_low"].min() and high >= table["test_pct_high"].max()


@pytest.mark.parametrize("models", [("SVC",), ("SVC", "KRC", "RNN", "KNN", "GBC")])
def test_the_figure_is_laid_out_well_whatever_is_requested(models):
    given = [
        fit(share, 8 + share // 10, model=model, features="block2_cev85", pretraining=start)
        for model in models
        for start in ("imagenet", "scratch")[: 1 + (len(models) > 1)]
        for share in (25, 100)
    ]
    before = [one.predictions.copy() for one in given]
    figure = learning_curve_figure.draw(tabled(given, 100))
    laid_out_well(figure)
    assert ("scratch" in words_in(figure)) == (len(models) > 1)
    for one, kept in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(one.predictions, kept)
