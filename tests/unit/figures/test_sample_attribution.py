"""Maps of one sample: every temperature on one scale, wrong predictions too, regressors, flags, missing rows."""

import numpy as np
import pytest

import made_up
import made_up_explanations
from made_up import CLASSES, laid_out_well
from made_up_explanations import words_in
from micrograph.errors import UserError
from micrograph.figures import sample_attribution
from tables_of_films import TARGET

IMAGE = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)


def drawn(folder, scheme="nominal", flag="", predicted=1000, **settings):
    """The figure of a sample of 950 °C, its attributions and its place in them."""
    table = made_up.samples(40).assign(pressure_torr=50.0)
    fit, sample = made_up.fit(table, model="CNN", scheme=scheme), table["sample"][3]
    fit.predictions.loc[fit.predictions["sample"] == sample, ["y_true", "y_pred"]] = [950, predicted]
    if scheme != "regression":
        fit.predictions[[f"score_{name}" for name in CLASSES]] = [0.07, 0.31, 0.62]
    flags, targets = {sample: flag} if flag else {}, 1 if scheme == "regression" else 3
    explained = made_up_explanations.explained(folder, fit.predictions, scheme, targets, flags=flags, **settings)
    return sample_attribution.draw(explained, sample, fit, table, IMAGE, TARGET), explained, explained.index(sample)


def test_every_temperature_has_its_maps_and_that_of_the_prediction_is_bold(tmp_path):
    figure, explained, i = drawn(tmp_path)
    words = words_in(figure)
    for part in (
        "true 950 °C, predicted 1000 °C ×",
        "probability, calibrated",
        "50 Torr",
        "effects of 49 windows",
        "effect on 1000 °C",
    ):
        assert part in words
    for name in CLASSES:
        assert f"CAM, {name} °C" in words and f"occlusion, {name} °C" in words
    bold = [text.get_text() for text in figure.texts if text.get_weight() == "bold" and text.get_text()]
    assert bold[1:] == ["CAM, 1000 °C", "occlusion, 1000 °C"]
    bars = [patch.get_height() for axes in figure.axes for patch in axes.patches if axes.get_xlabel().startswith("eff")]
    assert sum(bars) == explained.windows(i).size
    assert "predicted 950 °C ✓" in words_in(drawn(tmp_path, predicted=950)[0])


def test_maps_of_a_row_share_a_scale(tmp_path):
    figure, explained, i = drawn(tmp_path)
    strengths = [np.abs(explained.occlusion_map(i, target)).max() for target in range(3)]
    tints = [axes.get_images()[1].get_array() for axes in figure.axes if len(axes.get_images()) == 2]
    strongest = [tint[..., 3].max() for tint in tints]
    assert np.argsort(strongest).tolist() == np.argsort(strengths).tolist()


def test_a_regressor_has_one_target_and_its_value(tmp_path):
    words = words_in(drawn(tmp_path, scheme="regression", weighted="grad_cam")[0])
    assert "Grad-CAM, growth temperature" in words
    assert sum(text.startswith("occlusion, ") for text in words.split(" | ")) == 1


def test_flagged_maps_are_text(tmp_path):
    words = words_in(drawn(tmp_path, flag="all zero")[0])
    assert words.count("is zero everywhere") == 2 + 3 + 3 and "none to show" in words


def test_a_prediction_that_changes_when_recomputed_is_noted(tmp_path):
    assert "recomputed for the maps" not in words_in(drawn(tmp_path)[0])
    table = made_up.samples(12)
    fit = made_up.fit(table, model="CNN")
    explained = made_up_explanations.explained(tmp_path, fit.predictions)
    fit.predictions["y_pred"] = 900 if explained.y_pred[0] != 900 else 950
    figure = sample_attribution.draw(explained, explained.samples[0], fit, table, IMAGE, TARGET)
    assert "recomputed for the maps" in words_in(figure)


@pytest.mark.parametrize(("scheme", "flag"), [("nominal", ""), ("regression", ""), ("nnrank", "not finite")])
def test_the_figure_is_laid_out_well(tmp_path, scheme, flag):
    laid_out_well(drawn(tmp_path, scheme=scheme, flag=flag)[0])


def test_a_sample_that_is_not_there_is_named(tmp_path):
    table = made_up.samples(12)
    fit = made_up.fit(table, model="CNN")
    explained = made_up_explanations.explained(tmp_path, fit.predictions)
    with pytest.raises(UserError, match="'nobody' is not among"):
        sample_attribution.draw(explained, "nobody", fit, table, IMAGE, TARGET)
    with pytest.raises(UserError, match=table["sample"][0]):
        sample_attribution.draw(explained, table["sample"][0], fit, table[1:], IMAGE, TARGET)
