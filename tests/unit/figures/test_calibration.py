"""The figure of calibration shows the table's numbers and every fit that has any."""

from dataclasses import replace

import numpy as np
import pytest

from made_up import RUN, laid_out_well, resampling, words_in
from made_up_answers import fit
from micrograph.errors import UserError
from micrograph.evaluation import calibration
from micrograph.evaluation.calibration import SCALED, UNSCALED
from micrograph.figures import calibration as calibration_figure
from micrograph.figures import style

CELSIUS = [900, 950, 1000]


def silent(chances, sharpness):
    return np.full(chances.shape, np.nan)


def drawn(*given, data="simulated films"):
    studies = calibration.calibrate_all(given, CELSIUS, 0.9)
    table = calibration.table_of(studies, 0.9, resampling=resampling(200), run=replace(RUN, data=data))
    figure = calibration_figure.draw(studies, table, data, resampling=resampling(200))
    return table, figure


@pytest.fixture(scope="module")
def several():
    """(table, figure) of six fits, one of them without scores."""
    return drawn(
        fit(sharpness=3.0, model="CNN", features="image"),
        fit(model="MLP", features="tuned"),
        fit(model="SVC", features="tuned", scores=lambda chances, sharpness: np.log(chances) + 1),
        fit(model="RNN", features="block4_cev85"),
        fit(model="GBC", features="tuned"),
        fit(model="CNN", features="image", scheme="regression", scores=silent),
    )


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def marks(axes, stage):
    wanted = calibration_figure._fill(stage)["mfc"]
    found = [line for line in axes.lines if line.get_marker() == "o" and line.get_markerfacecolor() == wanted]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in found]


def test_marks_below_are_the_numbers_of_the_table(several):
    table, figure = several
    for title, _, column, _ in calibration_figure.BELOW:
        for stage in (UNSCALED, SCALED):
            wanted = table.loc[table["stage"] == stage, column]
            assert [value for value, _ in marks(panel(figure, title), stage)] == pytest.approx(wanted.tolist())


def test_there_is_a_diagram_for_every_fit_that_has_probabilities_and_marks_for_every_bin(several):
    table, figure = several
    names = ["CNN, nominal", "MLP", "SVC", "RNN", "GBC"]
    for name in names:
        axes = panel(figure, name)
        row = table[(table["model"] == name.split(",")[0]) & (table["stage"] == SCALED)].iloc[0]
        assert len(marks(axes, SCALED)) == row["bins"]
        assert len(marks(axes, UNSCALED)) == (0 if name == "SVC" else 6)
    assert len(figure.axes) == 1 + len(names) + len(calibration_figure.BELOW)
    assert "regression" not in words_in(figure)


def test_the_words_stand_apart_and_the_data_are_named(several):
    _, figure = several
    laid_out_well(figure)
    assert "simulated films" in words_in(figure) and "120 samples of 40 growth days" in words_in(figure)


def test_real_films_have_no_badge_and_one_fit_is_laid_out_well():
    _, figure = drawn(fit(), data="real films")
    laid_out_well(figure)
    assert "simulated" not in words_in(figure)


def test_long_names_have_room():
    words = {"pretraining": "imagenet", "policy": "aug3", "features": "block2_cev85"}
    _, figure = drawn(
        fit(model="KRC", **words), fit(model="KRC", **words | {"pretraining": "films"}),
        fit(model="KRC", **words | {"policy": "aug1"}), fit(model="SVC", **words | {"features": "pool_cev99"}),
    )  # fmt: skip
    laid_out_well(figure)


def test_too_few_films_for_intervals_are_drawn_without_them():
    _, figure = drawn(fit(days=4, films_a_day=1))
    laid_out_well(figure)


def test_the_same_predictions_give_the_same_bytes(tmp_path):
    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for path in paths:
        style.save_png(drawn(fit())[1], path, 60)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_figure_of_nothing_is_refused_with_a_sentence():
    with pytest.raises(UserError, match="no fit has probabilities"):
        drawn(fit(scores=silent))
