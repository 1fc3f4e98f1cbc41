"""Figure 6: every tested film once, the answer of most fits, wrong ones framed, pages of 27."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

import made_up
from made_up import CLASSES, laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import fig6, style

SIMULATED = "simulated films"


def pictures(count):
    return [np.full((32, 32), 8 * place % 256, np.uint8) for place in range(count)]


def drawn(count=24, label=SIMULATED, **words):
    table = made_up.samples(count)
    return fig6.draw_pages(made_up.fit(table, **words), table, pictures(count), CLASSES, label)


def framed(figure):
    """How many pictures have the frame of a wrong answer, the one that explains it left out."""
    colours = [axes.spines["left"].get_edgecolor() for axes in figure.axes if axes.get_images()]
    return sum(same_color(colour, fig6.WRONG) for colour in colours) - 1


def votes(*answers, truth=950):
    """A sample tested by as many fits as there are answers."""
    rows = [(fold, "test", "a", "day", 0, truth, answer, 930 + fold) for fold, answer in enumerate(answers)]
    names = ["fold", "split", "sample", "batch", "augmentation", "y_true", "y_pred", "y_pred_value"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize(
    ("given", "predicted", "most", "right"),
    [
        ((950.0,), 950, 1, True),
        ((950.0, 1000.0, 1000.0), 1000, 2, False),
        ((1000.0, 950.0), 950, 1, True),  # of equals the lower
        ((np.nan, np.nan, 950.0), np.nan, 2, False),
        ((np.nan, 950.0), 950, 1, True),  # an answer before none
    ],
)
def test_the_answer_of_most_fits_counts(given, predicted, most, right):
    (row,) = fig6.predictions_by_sample(votes(*given)).to_dict("records")
    assert row["y_pred"] == predicted or (np.isnan(predicted) and np.isnan(row["y_pred"]))
    assert (row["votes"], row["fits"], row["right"]) == (most, len(given), right)
    assert row["y_pred_value"] == pytest.approx(930 + (len(given) - 1) / 2)


@pytest.mark.parametrize(("count", "page_count"), [(24, 1), (27, 1), (28, 2), (60, 3)])
def test_every_film_is_on_one_page_of_27(count, page_count):
    pages = drawn(count)
    assert len(pages) == page_count
    words = " | ".join(map(words_in, pages))
    for name in made_up.samples(count)["sample"]:
        assert words.count(name) == 1
    tall = [page.get_size_inches()[1] * 25.4 for page in pages]
    assert tall[-1] == pytest.approx(fig6.TOP_MM + fig6.TALL_MM * -(-(count - 27 * (page_count - 1)) // 3))
    assert len(set(tall[:-1])) <= 1


def test_wrong_and_unanswered_films_are_framed_and_right_ones_are_not():
    table = made_up.samples(24)
    fit = made_up.fit(table, unanswered=0.2)
    test = fit.predictions[fit.predictions["split"] == "test"]
    wrong = int((test["y_pred"].fillna(0) != test["y_true"]).sum())
    (page,) = fig6.draw_pages(fit, table, pictures(24), CLASSES, SIMULATED)
    assert framed(page) == wrong > 3
    words = words_in(page)
    assert words.count("✓") == 24 - wrong and "no prediction" in words
    assert f"{24 - wrong} of 24 test samples correct" in words


def test_films_keep_their_own_picture_and_stand_by_temperature():
    table = made_up.samples(6)
    truth = table.set_index("sample")["growth_celsius"]
    (page,) = fig6.draw_pages(made_up.fit(table), table, pictures(6), CLASSES, SIMULATED)
    shown = [axes.get_images()[0].get_array()[0, 0] for axes in page.axes if axes.get_images()][1:]
    order = table.sort_values(["growth_celsius", "sample"]).index
    assert shown == [8 * place for place in order]
    assert list(truth.iloc[order]) == sorted(truth)


def test_what_is_known_of_a_film_stands_beside_it():
    table = pd.DataFrame(
        {"sample": ["a"], "pixel_nm": [np.nan], "growth_seconds": [600.0], "substrate": ["c-Sapphire, twice annealed"]}
    )
    fit = Fit(made_up.fit(protocol="published").spec, votes(950, 950, 1000))
    (page,) = fig6.draw_pages(fit, table, pictures(1), CLASSES, SIMULATED)
    words = words_in(page)
    for part in ("true 950 °C", "✓ predicted 950 °C", "2 of 3 folds, value 931 °C", "600 s growth", "…"):
        assert part in words
    assert " nm" not in words
    bare = fig6.draw_pages(fit, table[["sample"]], pictures(1), CLASSES, "real films")[0]
    assert "growth" not in words_in(bare) and "simulated" not in words_in(bare)


@pytest.mark.parametrize("words", [{}, {"scheme": "regression", "protocol": "published", "unanswered": 0.2}])
def test_pages_are_laid_out_well(words):
    for page in drawn(30, **words):
        laid_out_well(page)


def test_a_stranger_among_the_predictions_is_named():
    with pytest.raises(UserError, match="MCV1-200101A-00"):
        fig6.draw_pages(made_up.fit(), made_up.samples(24)[1:], pictures(23), CLASSES, SIMULATED)
    with pytest.raises(UserError, match="'test'"):
        fig6.predictions_by_sample(votes(950).assign(split="train"))


def test_answers_are_the_same_from_a_file(tmp_path):
    fit = made_up.fit(unanswered=0.2)
    io.write_table(tmp_path / "SVC.tsv", fit.predictions)
    again = fig6.predictions_by_sample(io.read_table(tmp_path / "SVC.tsv"))
    pd.testing.assert_frame_equal(again, fig6.predictions_by_sample(fit.predictions), check_dtype=False)


def test_pages_are_written_as_one_pdf_and_a_folder_of_pictures_with_equal_bytes(tmp_path):
    for run in ("one", "two"):
        (tmp_path / run / "fig6").mkdir(parents=True)
        (tmp_path / run / "fig6" / "page09.png").write_text("of an earlier run")
        style.save_pages(drawn(28), tmp_path / run / "fig6.pdf", tmp_path / run / "fig6", dots_per_inch=50)
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.p*"))
    assert [name.as_posix() for name in names] == ["fig6/page01.png", "fig6/page02.png", "fig6.pdf"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "fig6.pdf").read_bytes().count(b"/Type /Page ") == 2
