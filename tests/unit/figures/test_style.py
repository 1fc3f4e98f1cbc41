"""Style: the label of the data, scale bars, marks that differ in grey, equal bytes; and colours of maps."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import made_up
from made_up import CLASSES, words_in
from micrograph.errors import UserError
from micrograph.figures import fig8_fig9, style
from project import PROJECT
from tables_of_films import TARGET


def test_figures_of_simulated_films_are_labelled_and_those_of_real_films_are_not():
    for data, is_labelled in (("simulated films", True), ("real films", False)):
        figure = style.canvas(60, 40, "A title")
        style.label_data(figure, data)
        assert ("simulated" in words_in(figure)) == is_labelled and "A title" in words_in(figure)
    with pytest.raises(UserError, match="simulated films, real films"):
        style.label_data(figure, "films grown on Mars")


@pytest.mark.parametrize(
    ("longest_nm", "length_nm"), [(340, 200), (500, 500), (499.9, 200), (1.2, 1), (0.09, 0.05), (20000, 20000)]
)
def test_round_lengths_are_one_two_or_five_times_a_power_of_ten(longest_nm, length_nm):
    assert style.round_length(longest_nm) == pytest.approx(length_nm)


def bar_on(pixels, pixel_nm):
    axes = style.axes_mm(style.canvas(40, 40), 5, 5, 30, 30)
    style.show_image(axes, np.zeros((pixels, pixels), np.uint8))
    return style.scale_bar(axes, pixel_nm), axes


@pytest.mark.parametrize(
    ("pixels", "pixel_nm", "bar_pixels", "text"),
    [(224, 1000 / 224, 44.8, "200 nm"), (100, 50, 20, "1 µm")],  # a third is 340 nm, and 1.7 um
)
def test_the_scale_bar_is_as_long_as_its_text_says(pixels, pixel_nm, bar_pixels, text):
    bar, axes = bar_on(pixels, pixel_nm)
    assert bar.get_width() == pytest.approx(bar_pixels) and text in words_in(axes)


@pytest.mark.parametrize("pixel_nm", [None, float("nan"), 0.0])
def test_no_scale_bar_where_the_size_is_unknown(pixel_nm):
    bar, axes = bar_on(224, pixel_nm)
    assert bar is None and not axes.texts and not axes.patches


def test_class_colours_differ_in_grey_and_in_shape():
    marks = style.class_marks(CLASSES)
    grey = [np.dot(colour, [0.2126, 0.7152, 0.0722]) for colour, _ in marks.values()]
    assert np.diff(grey).min() > 0.15
    assert len({marker for _, marker in marks.values()}) == 3


def save_a_figure(folder):
    samples = made_up.samples()
    arrays = {"samples": samples["sample"].to_numpy(str), "scores_0": np.random.default_rng(0).normal(size=(24, 2))}
    arrays |= {"explained_0": np.array([0.5, 0.2]), "rows_0": np.arange(12)}
    figure = fig8_fig9.draw_fig8({"features": arrays}, samples, TARGET)
    style.save(figure, *(Path(folder) / f"figure.{kind}" for kind in ("pdf", "svg", "png")))


def test_the_same_figure_gives_the_same_bytes_in_another_process(tmp_path):
    save_a_figure(tmp_path / "here")
    surroundings = os.environ | {
        "PYTHONHASHSEED": "1",
        "PYTHONPATH": os.pathsep.join(str(PROJECT / folder) for folder in ("workflow", "tests")),
    }
    code = "import runpy, sys; runpy.run_path(sys.argv[1])['save_a_figure'](sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, __file__, str(tmp_path / "there")], env=surroundings, check=True)
    for kind in ("pdf", "svg", "png"):
        first, second = ((tmp_path / folder / f"figure.{kind}").read_bytes() for folder in ("here", "there"))
        assert first == second and len(first) > 1000
    assert len(list((tmp_path / "here").iterdir())) == 3
