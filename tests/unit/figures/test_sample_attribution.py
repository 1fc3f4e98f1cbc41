"""One film looked into: every temperature's maps on one scale, wrong films too, regressors, flags, missing rows."""

import numpy as np
import pytest

import made_up
import made_up_explanations
from made_up import CLASSES, laid_out_well
from made_up_explanations import words_in
from micrograph.errors import UserError
from micrograph.figures import sample_attribution

SIMULATED = "simulated films"


def drawn(folder, scheme="nominal", place=3, flag="", truth=950, predicted=1000, label=SIMULATED, **settings):
    table = made_up.samples(12).assign(pressure_torr=50.0)
    fit = made_up.fit(table, model="CNN", scheme=scheme)
    sample = table["sample"][place]
    here = fit.predictions["sample"] == sample
    fit.predictions.loc[here, ["y_true", "y_pred"]] = [truth, predicted]
    if scheme != "regression":
        fit.predictions[[f"score_{name}" for name in CLASSES]] = [0.07, 0.31, 0.62]
    targets = 1 if scheme == "regression" else 3
    explained = made_up_explanations.explained(
        folder, fit.predictions, scheme, targets, flags={sample: flag} if flag else {}, **settings
    )
    image = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)
    return sample_attribution.draw(explained, sample, fit, table, image, label), explained, explained.index(sample)


def panel(figure, title):
    """The axes below a title."""
    (text,) = [text for text in figure.texts if text.get_text() == title]
    spot = text.get_position()
    return next(axes for axes in figure.axes if axes.get_images() and np.allclose(axes.get_position().x0, spot[0])
                and 0 < spot[1] - axes.get_position().y1 < 0.05)  # fmt: skip


def test_a_wrong_film_says_so_and_every_temperature_has_its_maps(tmp_path):
    figure, _, _ = drawn(tmp_path)
    words = words_in(figure)
    assert "true 950 °C, predicted 1000 °C ×" in words and "62 %" in words and "50 Torr" in words
    for name in CLASSES:
        assert f"CAM, {name} °C" in words and f"occlusion, {name} °C" in words
    bold = [text.get_text() for text in figure.texts if text.get_weight() == "bold"]
    assert bold[1:] == ["CAM, 1000 °C", "occlusion, 1000 °C"]
    assert "effects of 49 windows" in words and "effect on 1000 °C" in words
    assert "predicted 950 °C ✓" in words_in(drawn(tmp_path, predicted=950)[0])


def test_all_windows_are_counted(tmp_path):
    figure, explained, place = drawn(tmp_path)
    bars = [patch.get_height() for axes in figure.axes for patch in axes.patches if axes.get_xlabel().startswith("eff")]
    assert sum(bars) == explained.windows(place).size


def test_maps_of_a_row_share_a_scale(tmp_path):
    figure, explained, place = drawn(tmp_path)
    strengths = [np.abs(explained.occlusion_map(place, target)).max() for target in range(3)]
    weak, strong = np.argmin(strengths), np.argmax(strengths)
    image = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32, 1).astype(float)
    shown = [panel(figure, f"occlusion, {CLASSES[place]} °C").get_images()[0] for place in (weak, strong)]
    changes = [np.abs(picture.get_array() - image) for picture in shown]
    assert changes[0].mean() < changes[1].mean()


def test_a_regressor_has_one_target_and_its_value(tmp_path):
    figure, explained, _ = drawn(tmp_path, scheme="regression", weighted="grad_cam")
    words = words_in(figure)
    assert "Grad-CAM, temperature" in words and "occlusion, temperature" in words
    assert sum(text.startswith("occlusion, ") for text in words.split(" | ")) == 1


def test_flagged_maps_are_words(tmp_path):
    words = words_in(drawn(tmp_path, flag="all zero")[0])
    assert words.count("is zero everywhere") == 2 + 3 + 3 and "none to show" in words


def test_an_answer_that_has_changed_is_said(tmp_path):
    table = made_up.samples(12)
    fit = made_up.fit(table, model="CNN")
    explained = made_up_explanations.explained(tmp_path, fit.predictions)
    sample = table["sample"][0]
    fit.predictions["y_pred"] = 900 if explained.y_pred[explained.index(sample)] != 900 else 950
    figure = sample_attribution.draw(explained, sample, fit, table, np.zeros((32, 32), np.uint8), "real films")
    assert "recomputed for the maps" in words_in(figure) and "simulated" not in words_in(figure)


@pytest.mark.parametrize(("scheme", "flag"), [("nominal", ""), ("regression", ""), ("nnrank", "not finite")])
def test_the_picture_is_laid_out_well(tmp_path, scheme, flag):
    laid_out_well(drawn(tmp_path, scheme=scheme, flag=flag)[0])


def test_a_film_that_is_not_there_is_named(tmp_path):
    table = made_up.samples(12)
    fit = made_up.fit(table, model="CNN")
    explained = made_up_explanations.explained(tmp_path, fit.predictions)
    with pytest.raises(UserError, match="'nobody' is not among"):
        sample_attribution.draw(explained, "nobody", fit, table, None, SIMULATED)
    with pytest.raises(UserError, match="tables beside it"):
        sample_attribution.draw(explained, table["sample"][0], fit, table[1:], None, SIMULATED)
