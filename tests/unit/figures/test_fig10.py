"""Figure 10: films are chosen by a rule, each explained by its own fold's network; flags are words; layout holds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_up
import made_up_explanations
from made_up import CLASSES, laid_out_well
from made_up_explanations import words_in
from micrograph.errors import UserError
from micrograph.figures import fig10, style
from micrograph.figures.fig10 import evenly_spaced, select

SIMULATED = "simulated films"


def answers(*films, truth=950):
    """Test predictions of films (name, predicted, probability of 950)."""
    rows = [(0, "test", name, truth, predicted, np.nan, 0.0, sure, 1 - sure) for name, predicted, sure in films]
    names = ["fold", "split", "sample", "y_true", "y_pred", "y_pred_value"]
    return pd.DataFrame(rows, columns=[*names, "score_900", "score_950", "score_1000"])


def study(tmp_path, count=60, scheme="nominal", flags=(), **settings):
    """fig10's arguments up to the classes, of made-up films."""
    table = made_up.samples(count)
    fit = made_up.fit(table, model="CNN", scheme=scheme, **settings)
    if scheme != "regression":
        rng = np.random.default_rng(5)
        scores = rng.dirichlet([1, 1, 1], len(fit.predictions))
        fit.predictions[[f"score_{name}" for name in CLASSES]] = scores
    targets = 1 if scheme == "regression" else 3
    explained = made_up_explanations.explained(tmp_path, fit.predictions, scheme, targets, flags=flags)
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 256, (32, 32)).astype(np.uint8) for _ in range(count)]
    return explained, fit, table, images


@given(many=st.integers(0, 60), wanted=st.integers(1, 9))
def test_ranks_are_evenly_spaced_with_first_and_last_among_them(many, wanted):
    ranks = evenly_spaced(many, wanted)
    assert len(ranks) == min(many, wanted) == len(set(ranks))
    if len(ranks) > 1:
        steps = np.diff(ranks)
        assert (ranks[0], ranks[-1]) == (0, many - 1) and steps.max() - steps.min() <= 1
    elif many:
        assert ranks.tolist() == [0]


def test_the_surest_and_the_least_sure_of_the_films_told_right_are_shown_with_those_between():
    films = [(name, 950, sure) for name, sure in zip("gfedcba", [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95], strict=True)]
    _, one, _ = select(answers(*films, ("wrong", 900, 0.99), ("none", np.nan, 0.99)), CLASSES, 4)
    assert one.samples == ("a", "c", "e", "g") and one.confidences == (0.95, 0.8, 0.6, 0.4)
    assert (one.right, one.tested) == (7, 9)


def test_equally_sure_films_stand_by_name_and_the_order_of_rows_does_not_matter():
    films = [("b", 950, 0.7), ("a", 950, 0.7), ("c", 950, 0.9)]
    for order in (films, films[::-1]):
        assert select(answers(*order), CLASSES, 4)[1].samples == ("c", "a", "b")


def test_a_class_without_a_film_told_right_is_said_to_have_none():
    found = select(answers(("a", 900, 0.2)), CLASSES, 4)
    assert [(one.celsius, one.samples, one.right, one.tested) for one in found] == [
        (900, (), 0, 0), (950, (), 0, 1), (1000, (), 0, 0)
    ]  # fmt: skip


def test_a_regressor_is_surest_where_its_value_lies_nearest_to_the_class():
    table = answers(*((name, 950, np.nan) for name in "abc")).assign(y_pred_value=[930.0, 951.0, 968.0])
    one = select(table, CLASSES, 2)[1]
    assert one.samples == ("b", "a") and one.confidences == (None, None)


def test_a_film_tested_twice_is_a_fault_since_its_map_would_be_of_one_network_alone():
    with pytest.raises(UserError, match=r"a is tested more than once.*strict"):
        select(answers(("a", 950, 0.5), ("a", 950, 0.6)), CLASSES, 4)


def test_every_film_stands_with_four_pictures_and_the_words_say_how_many_there_were(tmp_path):
    explained, fit, table, images = study(tmp_path)
    figure = fig10.draw(explained, fit, table, images, CLASSES, 4, SIMULATED)
    found = select(fig10._still(fit.predictions, explained), CLASSES, 4)
    shown = [name for one in found for name in one.samples]
    assert sum(bool(axes.get_images()) for axes in figure.axes) == 4 * len(shown) + 2
    words = words_in(figure)
    for one in found:
        assert f"{one.right} of {one.tested} samples correct" in words
        for name, sure in zip(one.samples, one.confidences, strict=True):
            assert f"{name}, confidence {100 * sure:.0f} %" in words
    assert "simulated films" in words and "20 nm" in words and "3 × 3 values" in words and "8 × 8 of 32 × 32" in words


def test_fewer_films_than_asked_for_are_all_shown_and_said_so(tmp_path):
    figure = fig10.draw(*study(tmp_path, count=12, better=-0.3), CLASSES, 9, "real films")
    assert "all shown" in words_in(figure) and "simulated" not in words_in(figure)
    none = fig10.draw(*study(tmp_path, count=12, better=-9, unanswered=1.0), CLASSES, 4, SIMULATED)
    assert words_in(none).count("none to show") == 3


def test_a_film_keeps_its_own_map_and_micrograph(tmp_path):
    explained, fit, table, images = study(tmp_path)
    figure = fig10.draw(explained, fit, table, images, CLASSES, 1, SIMULATED)
    found = [one.samples[0] for one in select(fig10._still(fit.predictions, explained), CLASSES, 1)]
    pictures = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    for place, name in enumerate(found):
        row = explained.index(name)
        assert (pictures[4 * place] == images[list(table["sample"]).index(name)]).all()
        cam = explained.weighted_map(row)
        assert np.allclose(pictures[4 * place + 1], cam / np.abs(cam).max())


def test_a_flagged_map_is_words_and_its_effect_has_no_size(tmp_path):
    explained, fit, table, images = study(tmp_path)
    name = select(fig10._still(fit.predictions, explained), CLASSES, 4)[1].samples[0]
    before = words_in(fig10.draw(explained, fit, table, images, CLASSES, 4, SIMULATED))
    flagged = made_up_explanations.explained(tmp_path, fit.predictions, flags={name: "all zero"})
    words = words_in(fig10.draw(flagged, fit, table, images, CLASSES, 4, SIMULATED))
    assert words.count("is zero everywhere") == 3 and "not drawn" not in before
    assert words.count("scale ±") == before.count("scale ±") - 1


def test_a_film_whose_network_says_another_temperature_when_asked_again_does_not_count_as_right(tmp_path):
    explained, fit, table, images = study(tmp_path)
    explained.y_pred[:] = 900
    found = select(fig10._still(fit.predictions, explained), CLASSES, 4)
    assert [one.right > 0 for one in found] == [True, False, False]


@pytest.mark.parametrize("scheme", ["nominal", "nnrank", "regression"])
def test_the_figure_is_laid_out_well(tmp_path, scheme):
    figure = fig10.draw(*study(tmp_path, count=40, scheme=scheme), CLASSES, 4, SIMULATED)
    laid_out_well(figure)
    assert ("°C" in words_in(figure).split("scale ±")[1][:8]) == (scheme == "regression")


def test_what_is_missing_is_named(tmp_path):
    explained, fit, table, images = study(tmp_path)
    with pytest.raises(UserError, match=r"not in samples\.tsv"):
        fig10.draw(explained, fit, table[:0], images, CLASSES, 4, SIMULATED)
    more = fit.predictions.assign(sample=fit.predictions["sample"] + "x")
    with pytest.raises(UserError, match="no explanation"):
        fig10.draw(explained, type(fit)(fit.spec, more), table, images, CLASSES, 4, SIMULATED)


def test_the_same_films_give_the_same_bytes(tmp_path):
    for run in ("one", "two"):
        figure = fig10.draw(*study(tmp_path, count=20), CLASSES, 1, SIMULATED)
        style.save(figure, *(tmp_path / f"{run}.{kind}" for kind in ("pdf", "svg", "png")), dots_per_inch=60)
    for kind in ("pdf", "svg", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
