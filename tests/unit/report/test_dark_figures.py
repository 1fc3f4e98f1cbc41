"""Figures on a dark ground: letters readable, hues kept, images as they are."""

import re
from colorsys import rgb_to_hls

import pytest
from matplotlib.figure import Figure

from micrograph.figures import style
from micrograph.report import dark_figures
from project import PROJECT

STYLE_SHEET = (PROJECT / "workflow/report/page/style.css").read_text(encoding="utf-8")


def luminance(colour):
    """Relative luminance of WCAG 2."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def dark(colour):
    return dark_figures.dark_colour(colour.removeprefix("#"))


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("letters", [style.INK, style.SOFT])
def test_letters_have_a_contrast_of_four_and_a_half_on_either_ground(letters):
    assert contrast(letters, style.PAPER) >= 4.5
    assert contrast(dark(letters), dark(style.PAPER)) >= 4.5


def test_the_ground_is_that_of_the_cards_of_the_page():
    cards = re.findall(r"--card: (#[0-9a-f]{6})", STYLE_SHEET)
    figures = re.findall(r"--figure: (#[0-9a-f]{6})", STYLE_SHEET)
    assert cards == figures == [style.PAPER, dark(style.PAPER)]


@pytest.mark.parametrize("colour", ["#16407a", "#d9822b", "#2e0594", "#009e73", "#dd1f4b"])
def test_a_hue_stays_and_differs_from_the_ground(colour):
    hues = [rgb_to_hls(*(int(one[place : place + 2], 16) / 255 for place in (1, 3, 5)))[0] for one in
            (colour, dark(colour))]  # fmt: skip
    assert abs(hues[0] - hues[1]) < 0.07
    assert contrast(dark(colour), dark(style.PAPER)) >= 3  # of marks and lines


def test_a_figure_of_matplotlib_changes_its_colours_alone(tmp_path):
    with style.context():
        figure = Figure(figsize=(2, 1))
        axes = figure.subplots()
        axes.imshow([[0, 1], [1, 0]], cmap="gray")
        axes.plot([0, 1], color="#16407a")
        axes.text(0, 0, "black", color="black")
    style.save(figure, tmp_path / "a.svg")
    before = (tmp_path / "a.svg").read_text(encoding="utf-8")
    after = dark_figures.darken(before)
    images = [re.findall(r"data:image/png;base64,[^\"]+", text) for text in (before, after)]
    assert images[0] == images[1] and len(images[0]) == 1
    assert "#16407a" not in after and dark("#16407a") in after and "#ffffff" not in after
    assert after.count("<svg") == 1 and f'<svg fill="{dark("#000000")}"' in after  # letters without a colour
    bare = [re.sub(r"#[0-9a-f]{6}|data:[^\"]+", "", text) for text in (before, after)]
    assert bare[1].replace(' fill=""', "", 1) == bare[0]
