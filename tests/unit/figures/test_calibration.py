"""The figure of calibration shows the table's numbers and every fit that has any."""

import numpy as np
import pytest

from made_up import RUN, laid_out_well, marks, panel, resampling, words_in
from made_up_answers import fit
from micrograph.errors import UserError
from micrograph.evaluation import calibration
from micrograph.evaluation.calibration import SCALED, UNSCALED
from micrograph.figures import calibration as calibration_figure
from tables_of_films import TARGET


def silent(chances, sharpness):
    return np.full(chances.shape, np.nan)


def drawn(*given):
    table = calibration.make_table(given, 0.9, TARGET, resampling=resampling(200), run=RUN)
    return table, calibration_figure.draw(given, 0.9, table, TARGET, resampling=resampling(200))


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


def marks_of(axes, stage):
    return marks(axes, hollow=stage == UNSCALED)


def test_marks_below_are_the_numbers_of_the_table(several):
    table, figure = several
    for title, _, column, *_ in calibration_figure.BELOW:
        for stage in (UNSCALED, SCALED):
            wanted = table.loc[table["stage"] == stage, column]
            assert [value for value, _ in marks_of(panel(figure, title), stage)] == pytest.approx(wanted.tolist())


def test_there_is_a_diagram_for_every_fit_that_has_probabilities_and_marks_for_every_bin(several):
    table, figure = several
    names = ["CNN, nominal", "MLP", "SVC", "RNN", "GBC"]
    for name in names:
        axes = panel(figure, name)
        row = table[(table["model"] == name.split(",")[0]) & (table["stage"] == SCALED)].iloc[0]
        assert len(marks_of(axes, SCALED)) == row["bins"]
        assert len(marks_of(axes, UNSCALED)) == (0 if name == "SVC" else 6)
    assert len(figure.axes) == len(names) + len(calibration_figure.BELOW)
    assert "regression" not in words_in(figure)


def test_the_figure_is_laid_out_well(several):
    for figure in (several[1], drawn(fit())[1], drawn(fit(days=4, films_a_day=1))[1]):  # the last without intervals
        laid_out_well(figure)
    assert "120 samples of 40 growth days" in words_in(several[1])


def test_long_names_have_room():
    words = {"pretraining": "imagenet", "policy": "aug3", "features": "block2_cev85"}
    _, figure = drawn(
        fit(model="KRC", **words), fit(model="KRC", **words | {"pretraining": "films"}),
        fit(model="KRC", **words | {"policy": "aug1"}), fit(model="SVC", **words | {"features": "pool_cev99"}),
    )  # fmt: skip
    laid_out_well(figure)


def test_a_figure_of_nothing_is_refused_with_a_sentence():
    with pytest.raises(UserError, match="no fit has probabilities"):
        drawn(fit(scores=silent))
