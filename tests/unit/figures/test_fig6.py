"""Figure 6: every tested sample once, the majority of its predictions, wrong ones framed, pages of 27."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from PIL import Image

import made_up
from made_up import laid_out_well, words_in
from micrograph.errors import UserError
from micrograph.evaluation.summaries import Fit
from micrograph.figures import fig6, style
from tables_of_films import TARGET


@pytest.fixture
def samples(tmp_path):
    """Make tables of samples, whose micrographs are of a grey of their own."""

    def make(count):
        paths = [str(tmp_path / f"{place}.png") for place in range(count)]
        for place, path in enumerate(paths):
            Image.fromarray(np.full((32, 32), 8 * place % 256, np.uint8)).save(path)
        return made_up.samples(count).assign(micrograph=paths)

    return make


def votes(*answers, truth=950, sample="a"):
    """A sample tested by as many fits as there are predictions."""
    rows = [(fold, "test", sample, "day", 0, truth, answer, 930 + fold) for fold, answer in enumerate(answers)]
    names = ["fold", "split", "sample", "batch", "augmentation", "y_true", "y_pred", "y_pred_value"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize(
    ("given", "predicted", "most", "right"),
    [
        ((950.0,), 950, 1, True),
        ((950.0, 1000.0, 1000.0), 1000, 2, False),
        ((1000.0, 950.0), 950, 1, True),  # of equals the lower
        ((np.nan, np.nan, 950.0), np.nan, 2, False),
        ((np.nan, 950.0), 950, 1, True),  # a prediction before none
    ],
)
def test_the_majority_of_the_predictions_counts(given, predicted, most, right):
    (row,) = fig6.predictions_by_sample(votes(*given)).to_dict("records")
    assert row["y_pred"] == predicted or (np.isnan(predicted) and np.isnan(row["y_pred"]))
    assert (row["votes"], row["fits"], row["right"]) == (most, len(given), right)
    assert row["y_pred_value"] == pytest.approx(930 + (len(given) - 1) / 2)


def test_a_class_of_a_bin_may_be_a_fraction():
    (row,) = fig6.predictions_by_sample(votes(37.5, 112.5, 37.5, truth=37.5)).to_dict("records")
    assert (row["y_true"], row["y_pred"], row["right"]) == (37.5, 37.5, True)


@pytest.mark.parametrize(("count", "n_pages"), [(27, 1), (28, 2)])
def test_every_sample_is_on_one_page_of_27(samples, count, n_pages):
    table = samples(count)
    pages = fig6.draw_pages([made_up.fit(table)], table, TARGET)
    assert len(pages) == n_pages
    words = " | ".join(map(words_in, pages))
    assert all(words.count(name) == 1 for name in table["sample"])


def test_wrong_and_missing_predictions_are_framed_and_correct_ones_are_not(samples):
    table = samples(24)
    fit = made_up.fit(table, unanswered=0.2)
    test = fit.predictions[fit.predictions["split"] == "test"]
    wrong = int((test["y_pred"].fillna(0) != test["y_true"]).sum())
    (page,) = fig6.draw_pages([fit], table, TARGET)
    colours = [axes.spines["left"].get_edgecolor() for axes in page.axes if axes.get_images()]
    assert sum(same_color(colour, fig6.WRONG) for colour in colours) - 1 == wrong > 3  # one explains the frame
    assert words_in(page).count("✓") == 24 - wrong and "no prediction" in words_in(page)
    assert f"{24 - wrong} of 24 test samples correct" in words_in(page)


def test_samples_keep_their_own_micrograph_and_stand_by_temperature(samples):
    table = samples(6)
    (page,) = fig6.draw_pages([made_up.fit(table)], table, TARGET)
    shown = [axes.get_images()[0].get_array()[0, 0] for axes in page.axes if axes.get_images()][1:]
    assert shown == [8 * place for place in table.sort_values(["y_true", "sample"]).index]


def test_votes_and_value_stand_beside_a_sample(samples):
    table = samples(3)[:1].assign(pixel_nm=np.nan)
    fit = Fit(made_up.fit(protocol="published").spec, votes(950, 950, 1000, sample=table["sample"][0]))
    words = words_in(fig6.draw_pages([fit], table, TARGET)[0])
    for part in ("true 950 °C", "✓ predicted 950 °C", "2 of 3 folds, value 931 °C"):
        assert part in words
    assert " nm" not in words


def test_growth_time_and_substrate_stand_at_the_number_of_their_sample(samples):
    table = samples(28).sort_values(["y_true", "sample"], ignore_index=True)
    table["growth_seconds"] = 60.0 * np.arange(1, 29)
    table["substrate"] = [f"s{place % 8}" for place in range(28)]  # four each of s0..s3, three each of s4..s7
    table.loc[0, ["growth_seconds", "substrate"]] = [np.nan, None]
    pages = fig6.draw_pages([made_up.fit(table)], table, TARGET)
    times, substrates = (
        [(int(x), y) for page in pages for x, y in made_up.marks(axes_of(page)[place]) if np.isfinite(y)]
        for place in (0, 1)
    )
    assert times == [(number, number) for number in range(2, 29)]
    # s1 to s3 are the most frequent, then by name s0, s4, s5; s6 and s7 are others
    rows = {1: 0, 2: 1, 3: 2, 0: 3, 4: 4, 5: 5, 6: 6, 7: 6}
    assert substrates == [(number, rows[(number - 1) % 8]) for number in range(2, 29)]
    hollow = [mark for page in pages for mark in made_up.marks(axes_of(page)[1], hollow=True)]
    assert len(hollow) == 28 - sum(words_in(page).count("✓") for page in pages)


def axes_of(page):
    """Panels b and c."""
    return [axes for axes in page.axes if not axes.get_images()]


def test_panels_of_what_is_not_known_are_left_out(samples):
    table = samples(6)
    bare = fig6.draw_pages([made_up.fit(table)], table[["sample", "micrograph"]], TARGET)[0]
    assert axes_of(bare) == [] and "hollow" not in words_in(bare)
    timed = fig6.draw_pages([made_up.fit(table)], table.drop(columns="substrate"), TARGET)[0]
    assert len(axes_of(timed)) == 1


@pytest.mark.parametrize("fields", [{}, {"scheme": "regression", "protocol": "published", "unanswered": 0.2}])
def test_pages_are_laid_out_well(samples, fields):
    table = samples(30)
    for page in fig6.draw_pages([made_up.fit(table, **fields)], table, TARGET):
        laid_out_well(page)


def test_an_unknown_sample_among_the_predictions_is_named(samples):
    with pytest.raises(UserError, match="MCV1-200101A-00"):
        fig6.draw_pages([made_up.fit()], samples(24)[1:], TARGET)
    with pytest.raises(UserError, match="'test'"):
        fig6.predictions_by_sample(votes(950).assign(split="train"))


def test_pages_are_written_as_one_pdf_and_a_folder_with_equal_bytes(samples, tmp_path):
    table = samples(28)
    for run in ("one", "two"):
        (tmp_path / run / "fig6").mkdir(parents=True)
        (tmp_path / run / "fig6" / "page09.png").write_text("of an earlier run")
        pages = fig6.draw_pages([made_up.fit(table)], table, TARGET)
        style.save_pages(pages, tmp_path / run / "fig6.pdf", tmp_path / run / "fig6", dots_per_inch=50)
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.p*"))
    assert [name.as_posix() for name in names] == ["fig6/page01.png", "fig6/page02.png", "fig6.pdf"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "fig6.pdf").read_bytes().count(b"/Type /Page ") == 2
