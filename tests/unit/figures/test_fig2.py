"""Figure 2: micrographs and counts by temperature, growth time and substrate as far as they are known."""

import numpy as np
import pytest
from PIL import Image

import made_up
from made_up import laid_out_well, words_in
from micrograph.figures import fig2
from tables_of_films import TARGET


@pytest.fixture
def samples(tmp_path):
    """24 samples, whose micrographs are of a grey of their own."""
    paths = [str(tmp_path / f"{place}.png") for place in range(24)]
    for place, path in enumerate(paths):
        Image.fromarray(np.full((32, 32), 10 * place, np.uint8)).save(path)
    return made_up.samples(24).assign(micrograph=paths)


def test_rows_of_micrographs_go_from_the_first_to_the_last_sample_of_a_temperature(samples):
    samples["y_true"] = [900] * 2 + [950] * 15 + [1000] * 7
    figure = fig2.draw(samples[::-1], TARGET)
    shown = [int(axes.get_images()[0].get_array()[0, 0]) // 10 for axes in figure.axes if axes.get_images()]
    assert shown == [0, 1, *range(2, 17, 2), *range(17, 24)]  # all of few, every other of 15
    assert "8 of 15 samples" in words_in(figure)


def test_bars_count_the_samples_of_each_temperature(samples):
    figure, counts = fig2.draw(samples, TARGET), samples["y_true"].value_counts()
    laid_out_well(figure)
    for part in (*(f"{n} ({100 * n / 24:.0f} %)" for n in counts), "24 samples", "Growth time", "not stated"):
        assert part in words_in(figure)


@pytest.mark.parametrize(("columns", "n_panels"), [([], 1), (["growth_seconds"], 2)])
def test_panels_without_data_are_left_out(samples, columns, n_panels):
    figure = fig2.draw(samples[["sample", "micrograph", "y_true", *columns]], TARGET)
    panels = [axes for axes in figure.axes if not axes.get_images()]
    assert len(panels) == n_panels and "Substrate" not in words_in(figure)


def test_many_substrates_are_drawn_without_losing_a_sample(samples):
    many = samples.assign(substrate=[f"<b>&$x_{number:02d}$" for number in range(24)])
    assert "17 others" in words_in(fig2.draw(many, TARGET)) and "<b>&$x_00$" in words_in(fig2.draw(many, TARGET))
