"""Figure 10: samples are selected by a rule, each explained by its own fold's network; flags are words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import made_up
import made_up_explanations
from made_up import CLASSES, laid_out_well
from made_up_explanations import words_in
from micrograph.attribution.maps import read
from micrograph.errors import UserError
from micrograph.evaluation.calibration import calibrated
from micrograph.figures import attribution_maps, fig10
from micrograph.figures.fig10 import evenly_spaced, select
from tables_of_films import TARGET


def answers(*samples, truth=950):
    """Test predictions of samples (name, predicted, probability of 950)."""
    rows = [(0, "test", name, truth, predicted, np.nan, 0.0, sure, 1 - sure) for name, predicted, sure in samples]
    names = ["fold", "split", "sample", "y_true", "y_pred", "y_pred_value"]
    return pd.DataFrame(rows, columns=[*names, "score_900", "score_950", "score_1000"])


@pytest.fixture
def study(tmp_path):
    """Make fig10's arguments up to the classes, of made-up samples."""

    def make(count=40, scheme="nominal", flags=(), **settings):
        rng = np.random.default_rng(2)
        paths = [str(tmp_path / f"{place}.png") for place in range(count)]
        for path in paths:
            Image.fromarray(rng.integers(0, 256, (32, 32)).astype(np.uint8)).save(path)
        table = made_up.samples(count).assign(micrograph=paths)
        fit = made_up.fit(table, model="CNN", scheme=scheme, **settings)
        if scheme != "regression":
            scores = rng.dirichlet([1, 1, 1], len(fit.predictions))
            fit.predictions[[f"score_{name}" for name in CLASSES]] = scores
        targets = 1 if scheme == "regression" else 3
        made_up_explanations.explained(tmp_path, fit.predictions, scheme, targets, flags=flags)
        return sorted(tmp_path.glob("fold*.npz")), [fit], table

    return make


def selected(maps, fits, films_per_class=4):
    return select(fig10.confirmed(calibrated(fits[0], TARGET), read(maps)), TARGET, films_per_class)


@given(many=st.integers(0, 60), wanted=st.integers(1, 9))
def test_ranks_are_evenly_spaced_with_first_and_last_among_them(many, wanted):
    ranks = evenly_spaced(many, wanted)
    assert len(ranks) == min(many, wanted) == len(set(ranks))
    if len(ranks) > 1:
        steps = np.diff(ranks)
        assert (ranks[0], ranks[-1]) == (0, many - 1) and steps.max() - steps.min() <= 1


def test_correct_samples_are_selected_from_the_highest_to_the_lowest_confidence():
    samples = [(name, 950, sure) for name, sure in zip("gfedcba", [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95], strict=True)]
    none, one, _ = select(answers(*samples, ("wrong", 900, 0.99), ("none", np.nan, 0.99)), TARGET, 4)
    assert one.samples == ("a", "c", "e", "g") and one.confidences == (0.95, 0.8, 0.6, 0.4)
    assert (one.right, one.tested) == (7, 9)
    assert (none.samples, none.right, none.tested) == ((), 0, 0)


def test_equal_confidences_go_by_name_and_the_order_of_rows_does_not_matter():
    samples = [("b", 950, 0.7), ("a", 950, 0.7), ("c", 950, 0.9)]
    for order in (samples, samples[::-1]):
        assert select(answers(*order), TARGET, 4)[1].samples == ("c", "a", "b")


def test_a_regressor_is_surest_where_its_value_lies_nearest_to_the_class():
    table = answers(*((name, 950, np.nan) for name in "abc")).assign(y_pred_value=[930.0, 951.0, 968.0])
    one = select(table, TARGET, 2)[1]
    assert one.samples == ("b", "a") and one.confidences == (None, None)


def test_a_sample_tested_twice_is_refused():
    with pytest.raises(UserError, match=r"a is tested more than once.*strict"):
        select(answers(("a", 950, 0.5), ("a", 950, 0.6)), TARGET, 4)


@pytest.mark.parametrize("scheme", ["nominal", "nnrank", "regression"])
def test_every_sample_stands_with_five_pictures(study, scheme):
    maps, fits, table = study(scheme=scheme)
    figure, selections = fig10.draw(maps, fits, table, TARGET, 4), selected(maps, fits)
    laid_out_well(figure)
    assert sum(bool(axes.get_images()) for axes in figure.axes) == 5 * sum(len(one.samples) for one in selections) + 2
    words = words_in(figure)
    for one in selections:
        assert f"{one.right} of {one.tested} samples correct" in words
        for name, confidence in zip(one.samples, one.confidences, strict=True):
            assert (name if confidence is None else f"{name}, confidence {100 * confidence:.0f} %") in words
    assert "20 nm" in words and "3 × 3 values" in words and "8 × 8 of 32 × 32" in words
    assert ("°C" in words.split("scale ±")[1][:8]) == (scheme == "regression")


def test_fewer_samples_than_requested_are_all_shown(study):
    assert "all shown" in words_in(fig10.draw(*study(count=12, better=-0.3), TARGET, 9))
    assert words_in(fig10.draw(*study(count=12, better=-9, unanswered=1.0), TARGET, 4)).count("none to show") == 3


def test_a_sample_keeps_its_own_map_and_micrograph(study):
    maps, fits, table = study()
    figure, attributions = fig10.draw(maps, fits, table, TARGET, 1), read(maps)
    pictures = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    for place, one in enumerate(selected(maps, fits, 1)):
        path = table.set_index("sample")["micrograph"][one.samples[0]]
        assert (pictures[5 * place] == np.asarray(Image.open(path))).all()
        cam = attributions.weighted_map(attributions.index(one.samples[0]))
        assert np.allclose(pictures[5 * place + 2], cam / np.abs(cam).max())
        summed = attribution_maps.stretch(attributions.cam[attributions.index(one.samples[0])])
        assert (pictures[5 * place + 1] == attribution_maps.overlay_cam(np.asarray(Image.open(path)), summed)).all()


def test_a_flagged_map_is_text_and_its_effect_has_no_size(study):
    maps, fits, table = study()
    before = words_in(fig10.draw(maps, fits, table, TARGET, 4))
    flags = {selected(maps, fits)[1].samples[0]: "all zero"}
    words = words_in(fig10.draw(*study(flags=flags), TARGET, 4))
    assert words.count("is zero everywhere") == 4 and "not drawn" not in before
    assert words.count("scale ±") == before.count("scale ±") - 1


def test_a_prediction_that_changes_when_recomputed_does_not_count_as_correct(study):
    maps, (fit,), _ = study()
    attributions = read(maps)
    attributions.y_pred[:] = 900
    found = select(fig10.confirmed(fit.predictions, attributions), TARGET, 4)
    assert [one.right > 0 for one in found] == [True, False, False]


def test_what_is_missing_is_named(study):
    maps, fits, table = study()
    with pytest.raises(UserError, match=r"not in samples\.tsv"):
        fig10.draw(maps, fits, table[:0], TARGET, 4)
    more = fits[0].predictions.assign(sample=fits[0].predictions["sample"] + "x")
    with pytest.raises(UserError, match="no attribution"):
        fig10.draw(maps, [type(fits[0])(fits[0].spec, more)], table, TARGET, 4)


def test_occlusion_comes_first_where_tests_find_nothing_in_cam_and_the_figure_says_so(study):
    maps, fits, table = study()
    columns = {"measure": "deletion", "gain_low": -0.2, "gain_high": 0.1, "gain": 0.0}
    tests = pd.DataFrame([columns | {"map": name} for name in ("cam", read(maps).weighted_name)])
    tests = pd.concat([tests, tests[:1].assign(map="occlusion", gain_high=-0.1)], ignore_index=True)
    order = ["micrograph", "occlusion", "channel sum"]
    for said, expected in ((None, ["micrograph", "channel sum", "CAM"]), (tests, order)):
        figure = fig10.draw(maps, fits, table, TARGET, 2, said)
        laid_out_well(figure)
        heads = [text for text in figure.texts if text.get_text() in {*order, "CAM", "overlay"}]
        assert [text.get_text() for text in sorted(heads, key=lambda text: text.get_position())][:3] == expected
    words = words_in(figure)
    assert "CAM of the paper shows nothing beyond its control" in words and "occlusion shows" not in words
