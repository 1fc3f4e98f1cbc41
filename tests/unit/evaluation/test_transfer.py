"""Transfer: hand-worked accuracies by pre-training and share, each beside its reference, and the figure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import tables, transfer
from micrograph.evaluation.summaries import Fit
from micrograph.figures import transfer as figure
from micrograph.splits.fit_spec import FitSpec

FIELDS = {"policy": "aug3", "features": "image", "scheme": "nominal", "model": "CNN"}


def fit(pretraining, share, right):
    """20 films of ten days, of which so many of 900 and of 1000 are correct, the others called 950.

    Twelve films of 900 and eight of 1000 are tested in two folds that train on `share` percent of 8 films, 6 of 900.
    """
    rows, left = [], dict(zip((900, 1000), right, strict=True))
    for film in range(20):
        truth = 1000 if film % 5 > 2 else 900
        left[truth] -= 1
        rows.append(
            (film % 4 // 2, "test", f"film{film}", f"day{film // 2}", truth, truth if left[truth] >= 0 else 950)
        )
    for fold in (0, 1):
        for film in range(8 * share // 100):
            truth = 1000 if film % 4 == 3 else 900
            rows.append((fold, "train", f"other{film}", f"other day{film // 2}", truth, truth))
    frame = pd.DataFrame(rows, columns=["fold", "split", "sample", "batch", "y_true", "y_pred"])
    frame = frame.assign(augmentation=0, y_pred_value=np.nan, y_true_value=frame["y_true"])
    name = "strict" if share == 100 else f"strict.share{share}"
    return Fit(FitSpec(protocol=name, pretraining=pretraining, **FIELDS), frame)


GIVEN = [
    *(fit("imagenet", share, right) for share, right in {100: (12, 4), 50: (6, 4)}.items()),
    *(fit("simulated", share, right) for share, right in {0: (3, 6), 100: (12, 6), 50: (9, 6)}.items()),
]


def tabled(given=GIVEN, data="simulated films"):
    return transfer.make_table(given, 120, resampling=made_up.resampling(300), run=replace(made_up.RUN, data=data))


def test_accuracies_and_references_are_hand_worked():
    table = tabled().set_index(["pretraining", "share_pct"])
    assert list(table.index) == [("imagenet", 50), ("imagenet", 100), *(("simulated", share) for share in (0, 50, 100))]
    whole, half, none = (table.loc[("simulated", share)] for share in (100, 50, 0))
    assert whole["test_pct"] == 90 and whole["balanced_pct"] == pytest.approx(100 * (1 + 6 / 8) / 2)
    assert none["test_pct"] == 45 and none["balanced_pct"] == pytest.approx(100 * (3 / 12 + 6 / 8) / 2)
    assert [row["n_train_samples"] for row in (whole, half, none)] == [8, 4, 0]
    assert table["majority_pct"].eq(60).all() and table["constant_balanced_pct"].eq(50).all()
    assert whole["gain_pct_points"] == pytest.approx(10) and whole["gain_pct_points_discordant"] == 2
    assert half["gain_pct_points"] == pytest.approx(25)
    assert np.isnan(none["gain_pct_points"]) and np.isnan(table.loc[("imagenet", 100), "gain_pct_points"])
    assert table.loc["simulated", "n_source_films"].eq(120).all()
    assert table.loc["imagenet", "n_source_films"].isna().all()
    for name in ("test_pct", "balanced_pct"):
        assert (table[f"{name}_low"] <= table[name]).all() and (table[name] <= table[f"{name}_high"]).all()


def test_a_simulated_study_says_that_its_own_films_are_simulated_too(tmp_path):
    shown = {
        data: tables.markdown(transfer.panels(tabled(data=data)), "x") for data in ("simulated films", "real films")
    }
    assert all("120 simulated films of other laboratories" in text for text in shown.values())
    assert ["second setting" in text for text in shown.values()] == [True, False]
    io.write_table(tmp_path / "t.tsv", tabled())
    again = io.read_table(tmp_path / "t.tsv")
    assert tables.markdown(transfer.panels(again), "x") == shown["simulated films"]
    assert "simulated films of" not in tables.markdown(transfer.panels(tabled(GIVEN[:2])), "x")
    with pytest.raises(UserError, match=r"experiments\.transfer"):
        tabled([])


@pytest.mark.parametrize("given", [GIVEN, GIVEN[:2], GIVEN[2:]])
def test_marks_stand_over_the_samples_at_the_accuracies(given):
    table = tabled(given)
    drawn = figure.draw(table)
    laid_out_well(drawn)
    for axes, column in zip(drawn.axes, figure.PANELS, strict=True):
        marks = [line for line in axes.get_lines() if line.get_marker() in figure.MARKERS]
        assert sorted(float(mark.get_ydata()[0]) for mark in marks) == pytest.approx(sorted(table[column]))
        places = [float(mark.get_xdata()[0]) for mark in marks]
        assert np.abs(np.array(sorted(places)) - np.sort(table["n_train_samples"].to_numpy(float))).max() < 0.2
    assert ("imagenet" in words_in(drawn)) == ("imagenet" in set(table["pretraining"]))
