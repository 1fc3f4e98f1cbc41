"""Figure 2: counts by temperature, growth time and substrate as far as they are known."""

import pytest

import made_up
from made_up import CLASSES, laid_out_well, words_in
from micrograph.figures import fig2

SAMPLES = made_up.samples(24)


def test_bars_count_the_samples_of_each_temperature():
    figure, counts = fig2.draw(SAMPLES, CLASSES), SAMPLES["growth_celsius"].value_counts()
    laid_out_well(figure)
    for part in (*(f"{n} ({100 * n / 24:.0f} %)" for n in counts), "24 samples", "Growth time", "not stated"):
        assert part in words_in(figure)


@pytest.mark.parametrize(("columns", "n_panels"), [([], 1), (["growth_seconds"], 2)])
def test_panels_without_data_are_left_out(columns, n_panels):
    figure = fig2.draw(SAMPLES[["sample", "growth_celsius", *columns]], CLASSES)
    assert len(figure.axes) == n_panels and "Substrate" not in words_in(figure)


def test_many_substrates_are_drawn_without_losing_a_sample():
    many = SAMPLES.assign(substrate=[f"<b>&$x_{number:02d}$" for number in range(24)])
    assert "17 others" in words_in(fig2.draw(many, CLASSES)) and "<b>&$x_00$" in words_in(fig2.draw(many, CLASSES))
