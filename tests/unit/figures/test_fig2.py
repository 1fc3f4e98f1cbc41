"""Figures: bars as long as they say, the badge of simulated data, equal bytes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.figures import fig1, fig2, fig8_fig9, style
from micrograph.scans.height_map import HeightMap
from project import PROJECT

CLASSES = [900, 950, 1000]
SIMULATED = "simulated films"


@pytest.fixture
def samples():
    return pd.DataFrame(
        {
            "sample": [f"MCV1-20010{day}A-0{run}" for day in range(1, 7) for run in (1, 2)],
            "batch": [f"MCV1-20010{day}" for day in range(1, 7) for _ in (1, 2)],
            "growth_celsius": [900, 950, 1000, 950] * 3,
            "growth_seconds": [120.0, 120.0, 600.0, np.nan, 300.0, 300.0, 300.0, 900.0, 60.0, 240.0, 240.0, 1600.0],
            "substrate": ["c-Sapphire"] * 9 + ["A-Sapphire", None, "<b>&$x_1$"],
            "lines": [512, 256] + [512] * 10,
            "pixels": [256, 256] + [512] * 10,
        }
    )


@pytest.fixture
def cloud():
    """scores, images, pixel_nm, celsius, explained of 12 samples."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (12, 224, 224), dtype=np.uint8)
    return rng.normal(size=(12, 4)), images, np.full(12, 5.0), np.repeat(CLASSES, 4), np.array([0.4, 0.2, 0.1, 0.05])


def every_figure(samples, cloud):
    scores, images, pixel_nm, celsius, explained = cloud
    return {
        "fig2": lambda label: fig2.draw(samples, CLASSES, label),
        "fig8": lambda label: fig8_fig9.draw_components(scores, celsius, explained, CLASSES, label, celsius > 900),
        "fig9": lambda label: fig8_fig9.draw_micrographs(scores, images, pixel_nm, celsius, explained, CLASSES, label),
        "fig1": lambda label: fig1.draw_run(a_run(samples), a_pair_of_pictures(), label),
    }


def a_run(samples):
    parts = ["test", "validation", "train", "train", "train", "train"]
    place = samples["batch"].factorize()[0]
    splits = pd.concat(
        [samples.assign(fold=fold, split=[parts[(day - fold) % 6] for day in place]) for fold in range(6)]
    )
    features = {
        "block2": {"backbone": "net", "module": "stage.1", "shape": np.array([6, 4, 4])},
        "pool": {"backbone": "net", "module": "gap", "shape": np.array([8, 1, 1])},
    }
    kept = {("block2", 85): (3, 4), ("pool", 85): (2, 2)}
    components = {name: {f"explained_{i}": np.zeros(k) for i, k in enumerate(few)} for name, few in kept.items()}
    words = {
        "protocol": "strict",
        "pretraining": "imagenet",
        "policy": "aug3",
        "scheme": "nominal",
        "models": ["SVC", "KRC"],
        "networks": {
            "pixels": 80,
            "epochs": 5,
            "policies": ["aug1", "aug2", "aug3", "aug4"],
            "pretraining": ["imagenet", "scratch", "films"],
            "schemes": ["nominal", "nnrank", "corn", "regression"],
            "models": ["SVC", "KRC", "RNN", "GPC", "KNN", "DTC", "GBC", "MLP", "CNN"],
        },
    }
    return fig1.describe(samples, splits, features, components, CLASSES, words)


def a_pair_of_pictures():
    ramp = np.add.outer(np.arange(64.0), np.arange(128.0))
    height = HeightMap(ramp, 1000.0, 500.0, "Height Sensor", "Trace", "a.spm", "0" * 64, 64)
    return fig1.Images("a", height, height, np.full((224, 224), 90, np.uint8), 1000 / 224)


def test_every_figure_of_simulated_films_says_so_and_no_figure_of_films_does(samples, cloud):
    for draw in every_figure(samples, cloud).values():
        assert "simulated films" in words_in(draw(SIMULATED))
        assert "simulated" not in words_in(draw("real films"))


def test_an_unknown_data_label_is_refused_with_the_known_ones(samples):
    with pytest.raises(UserError, match="simulated films, real films"):
        fig2.draw(samples, CLASSES, "films grown on Mars")


def test_figures_are_of_final_size(samples, cloud):
    wide = {name: draw(SIMULATED).get_size_inches()[0] * 25.4 for name, draw in every_figure(samples, cloud).items()}
    assert wide["fig8"] == pytest.approx(89)
    assert all(wide[name] == pytest.approx(183) for name in ("fig1", "fig2", "fig9"))


def test_nothing_is_cut_off_no_words_overlap_and_none_is_smaller_than_six_points(samples, cloud):
    for draw in every_figure(samples, cloud).values():
        laid_out_well(draw(SIMULATED))


def test_inputs_are_left_alone(samples, cloud):
    kept = samples.copy(deep=True), [np.copy(part) for part in cloud]
    for draw in every_figure(samples, cloud).values():
        draw(SIMULATED)
    pd.testing.assert_frame_equal(samples, kept[0])
    for now, before in zip(cloud, kept[1], strict=True):
        np.testing.assert_array_equal(now, before)


def save_a_figure(folder):
    rng = np.random.default_rng(0)
    scores, images = rng.normal(size=(9, 2)), rng.integers(0, 256, (9, 32, 32), dtype=np.uint8)
    celsius, explained = np.repeat(CLASSES, 3), [0.4, 0.2]
    figure = fig8_fig9.draw_micrographs(scores, images, [5.0] * 9, celsius, explained, CLASSES, SIMULATED)
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


@pytest.mark.parametrize(
    ("longest_nm", "length_nm"), [(340, 200), (500, 500), (499.9, 200), (1.2, 1), (0.09, 0.05), (20000, 20000)]
)
def test_round_lengths_are_one_two_or_five_times_a_power_of_ten(longest_nm, length_nm):
    assert style.round_length(longest_nm) == pytest.approx(length_nm)


def bar_on(pixels, pixel_nm):
    axes = style.axes_mm(style.canvas(40, 40, SIMULATED), 5, 5, 30, 30)
    style.show_image(axes, np.zeros((pixels, pixels), np.uint8))
    return style.scale_bar(axes, pixel_nm), axes


def test_the_scale_bar_is_as_many_pixels_long_as_its_words_say():
    bar, axes = bar_on(224, 1000 / 224)  # 1 um across: a third is 340 nm, so 200 nm, which is 44.8 pixels
    assert bar.get_width() == pytest.approx(44.8)
    assert [text.get_text() for text in axes.texts] == ["200 nm"]
    bar, axes = bar_on(100, 50)  # 5 um across: a third is 1.7 um, so 1 um, which is 20 pixels
    assert bar.get_width() == pytest.approx(20)
    assert [text.get_text() for text in axes.texts] == ["1 µm"]


@pytest.mark.parametrize("pixel_nm", [None, float("nan"), 0.0])
def test_no_scale_bar_where_the_size_is_unknown(pixel_nm):
    bar, axes = bar_on(224, pixel_nm)
    assert bar is None and not axes.texts and not axes.patches


def test_the_bar_of_the_component_map_is_true_to_its_pictures(cloud):
    scores, images, _, celsius, explained = cloud
    sizes = np.full(12, 1000 / 224)
    figure = fig8_fig9.draw_micrographs(scores, images, sizes, celsius, explained, CLASSES, SIMULATED)
    figure.draw_without_rendering()
    picture = next(axes for axes in figure.axes[0].child_axes).get_window_extent()
    bar = next(axes for axes in figure.axes if axes.get_gid() == "scale bar").get_window_extent()
    assert bar.width / picture.width == pytest.approx(0.5, rel=0.01)  # 500 nm of 1000 nm
    assert "500 nm" in words_in(figure)


def test_pictures_of_different_size_get_no_common_bar(cloud):
    scores, images, _, celsius, explained = cloud
    for sizes in (np.linspace(1, 9, 12), np.full(12, np.nan)):
        figure = fig8_fig9.draw_micrographs(scores, images, sizes, celsius, explained, CLASSES, SIMULATED)
        assert "sizes of the micrographs differ" in words_in(figure)
        assert all(axes.get_gid() != "scale bar" for axes in figure.axes)


def test_thinned_pictures_do_not_cover_one_another_and_no_other_would_fit():
    rng = np.random.default_rng(8)
    places, size = rng.normal(size=(200, 2)), np.array([0.5, 0.3])
    taken = fig8_fig9.thin(places, size)
    gaps = np.abs((places[:, None] - places[None, taken]) / size).max(axis=2)
    among = gaps[taken] + 10 * np.eye(len(taken))
    assert len(set(taken)) == len(taken) > 10
    assert among.min() >= 1
    assert gaps.min(axis=1).max() < 1


def test_thinning_identical_places_keeps_one():
    assert fig8_fig9.thin(np.zeros((5, 2)), np.ones(2)).tolist() == [0]


def test_two_components_are_needed(cloud):
    with pytest.raises(UserError, match="two components"):
        fig8_fig9.draw_components(cloud[0][:, :1], cloud[3], cloud[4][:1], CLASSES, SIMULATED)


def test_bars_count_the_samples_of_each_temperature(samples):
    words = words_in(fig2.draw(samples, CLASSES, SIMULATED))
    for part in ("3 (25 %)", "6 (50 %)", "12 samples", "Growth time", "not stated", "<b>&$x_1$"):
        assert part in words


def test_panels_without_data_are_left_out(samples):
    bare = samples[["sample", "growth_celsius"]]
    figure = fig2.draw(bare, CLASSES, SIMULATED)
    assert len(figure.axes) == 1
    assert "Substrate" not in words_in(figure)


def test_many_substrates_are_drawn_without_losing_a_sample(samples):
    many = samples.assign(substrate=[f"kind {number:02d}" for number in range(12)])
    assert "5 others" in words_in(fig2.draw(many, CLASSES, SIMULATED))


def test_class_colours_differ_in_grey_and_in_shape():
    marks = style.class_marks(CLASSES)
    grey = [np.dot(colour, [0.2126, 0.7152, 0.0722]) for colour, _ in marks.values()]
    assert np.diff(grey).min() > 0.15
    assert len({marker for _, marker in marks.values()}) == 3


def test_the_flow_tells_the_numbers_of_the_run(samples):
    run = a_run(samples)
    assert run.counts == {900: 3, 950: 6, 1000: 3}
    assert run.before == {900: 2, 950: 4, 1000: 2}  # in the first fold days 1 (900, 950) and 2 (1000, 950) stay out
    assert run.after == {900: 4, 950: 4, 1000: 4}
    assert run.components == {("block2", 85): (3, 4), ("pool", 85): (2, 2)}
    assert (run.grid == "test").sum(axis=0).tolist() == [1] * 6
    words = words_in(fig1.draw_run(run, a_pair_of_pictures(), SIMULATED))
    for part in (
        "12 samples",
        "6 batches",
        "6 × 4 × 4",
        "stage.1",
        "3–4",
        "= 24 fits",
        "128 × 64 pixels",
        "aug3",
        "nominal, NNRank, CORN",
    ):
        assert part in words


def test_the_flow_reads_heads_by_the_names_of_files(tmp_path):
    path = tmp_path / "block2/0000.npz"
    io.write_features(path, ["a"], np.zeros((1, 96), "f4"), "net", "stage.1", (6, 4, 4))
    io.write_arrays(tmp_path / "pool_cev99.npz", samples=["a"], explained_0=np.ones(3), scores_0=np.ones((1, 3)))
    heads = fig1.read_shapes([path])
    assert set(heads["block2"]) == {"backbone", "module", "shape"}
    assert list(fig1.read_explained_variance([tmp_path / "pool_cev99.npz"])["pool", 99]) == ["explained_0"]


def test_one_fit_follows_the_order_of_its_file(samples):
    names = samples["sample"].to_numpy(str)[::-1]
    arrays = {"samples": names, "scores_1": np.arange(24.0).reshape(12, 2), "explained_1": np.ones(2)}
    fit = fig8_fig9.select_fold(arrays | {"rows_1": np.array([0, 3, 3])}, samples, fold=1)
    assert fit.samples["sample"].tolist() == names.tolist()
    assert np.flatnonzero(fit.seen).tolist() == [0, 3]
    with pytest.raises(UserError, match="no fold 0"):
        fig8_fig9.select_fold(arrays, samples)
    with pytest.raises(UserError, match="MCV1-200101A-01"):
        fig8_fig9.select_fold(arrays | {"rows_1": np.array([0])}, samples[1:], fold=1)


def test_the_flow_of_a_finished_picture_has_no_height_map(samples):
    picture = fig1.Images("a", None, None, np.zeros((224, 224), np.uint8), float("nan"))
    words = words_in(fig1.draw_run(a_run(samples), picture, "real films"))
    assert "finished image" in words and "200 nm" not in words


def test_the_example_is_a_fine_whole_scan_of_the_commonest_class(samples):
    assert fig1.choose_example(samples)["sample"] == "MCV1-200102A-02"  # not 01A: oblong, coarse; not 02A-01: 1000 C
