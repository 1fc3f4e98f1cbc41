"""Figures 8 and 9: the components of one fold, micrographs that do not cover one another, a true scale bar."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from made_up import CLASSES, laid_out_well, words_in
from micrograph.errors import UserError
from micrograph.figures import fig8_fig9
from tables_of_films import TARGET


@pytest.fixture
def samples(tmp_path):
    names = [f"s{place:02d}" for place in range(12)]
    for name in names:
        Image.fromarray(np.full((224, 224), 90, np.uint8)).save(tmp_path / f"{name}.png")
    paths = [str(tmp_path / f"{name}.png") for name in names]
    columns = {"sample": names, "micrograph": paths, "y_true": np.repeat(CLASSES, 4), "pixel_nm": 1000 / 224}
    return pd.DataFrame(columns)


@pytest.fixture
def components(samples):
    scores = np.random.default_rng(3).normal(size=(12, 4))
    names = samples["sample"].to_numpy(str)[::-1]
    return {"samples": names, "scores_0": scores, "explained_0": np.array([0.4, 0.2]), "rows_0": np.array([0, 3, 3])}


def test_a_fold_follows_the_order_of_its_file(components, samples):
    fit = fig8_fig9.select_fold(components, samples)
    assert fit.samples["sample"].tolist() == components["samples"].tolist()
    assert fit.scores.shape == (12, 2) and np.flatnonzero(fit.seen).tolist() == [0, 3]


def test_what_is_missing_is_named(components, samples):
    for arrays, table, fold, message in (
        (components, samples, 1, "no fold 1"),
        (components, samples[1:], 0, "s00"),
        (components | {"scores_0": components["scores_0"][:, :1]}, samples, 0, "two components"),
    ):
        with pytest.raises(UserError, match=message):
            fig8_fig9.select_fold(arrays, table, fold)


def test_samples_outside_the_fit_are_hollow(components, samples):
    figure = fig8_fig9.draw_fig8({"pool features": components}, samples, TARGET)
    laid_out_well(figure)
    assert "hollow" in words_in(figure) and "900 °C (4)" in words_in(figure)
    components["rows_0"] = np.arange(12)
    assert "hollow" not in words_in(fig8_fig9.draw_fig8({"pool": components}, samples, TARGET))


def test_the_bar_of_the_map_is_true_to_its_micrographs(components, samples):
    figure = fig8_fig9.draw_fig9({"pool features": components}, samples, TARGET)
    laid_out_well(figure)
    picture = figure.axes[0].child_axes[0].get_window_extent()
    bar = next(axes for axes in figure.axes if axes.get_gid() == "scale bar").get_window_extent()
    assert bar.width / picture.width == pytest.approx(0.5, rel=0.01)  # 500 nm of 1000 nm
    assert "500 nm" in words_in(figure)


@pytest.mark.parametrize("draw", [fig8_fig9.draw_fig8, fig8_fig9.draw_fig9])
def test_two_features_stand_beside_each_other_with_their_own_components(components, samples, draw):
    tuned = components | {"explained_0": np.array([0.9, 0.05])}
    figure = draw({"pool features": components, "fine-tuned features": tuned}, samples, TARGET)
    laid_out_well(figure)
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert ["40.0 %" in label for label in labels] == [True, False] and "90.0 %" in labels[1]
    assert "pool features" in words_in(figure) and "fine-tuned features" in words_in(figure)


@pytest.mark.parametrize("pixel_nm", [np.linspace(1, 9, 12), np.nan])
def test_micrographs_of_different_size_get_no_common_bar(components, samples, pixel_nm):
    figure = fig8_fig9.draw_fig9({"pool": components}, samples.assign(pixel_nm=pixel_nm), TARGET)
    assert "sizes of the micrographs differ" in words_in(figure)
    assert all(axes.get_gid() != "scale bar" for axes in figure.axes)


def test_selected_images_do_not_cover_one_another_and_no_other_would_fit():
    rng = np.random.default_rng(8)
    places, size = rng.normal(size=(200, 2)), np.array([0.5, 0.3])
    taken = fig8_fig9.thin(places, size)
    gaps = np.abs((places[:, None] - places[None, taken]) / size).max(axis=2)
    among = gaps[taken] + 10 * np.eye(len(taken))
    assert len(set(taken)) == len(taken) > 10
    assert among.min() >= 1 and gaps.min(axis=1).max() < 1
    assert fig8_fig9.thin(np.zeros((5, 2)), np.ones(2)).tolist() == [0]
