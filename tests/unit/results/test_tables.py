"""Table 2 says what the predictions say, beside what the paper says, and can be read."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from micrograph import files
from micrograph.faults import Fault
from micrograph.results import panels, tables

CLASSES = [900, 950, 1000]
MADE = {"backbone": "efficientnet_lite0", "grid": "small"}
PUBLISHED = pd.DataFrame(
    [
        ("table2", "block2_cev85", "imagenet", "aug3", "nominal", "SVC", "val", "accuracy_pct", 66, 6),
        ("table3", "block2_cev85", "imagenet", "aug3", "nominal", "SVC", "val", "accuracy_pct", 1, 1),
    ],
    columns=["item", "feature_set", "pretraining", "augmentation", "scheme", "model", "split", "metric", "mean", "std"],
)


def predictions(right, folds=2):
    """Two folds of four films a part; `right` of the four test films of each fold are right, the others called 1000."""
    rows = []
    for fold in range(folds):
        for part, good in (("train", 4), ("validation", 3), ("test", right[fold])):
            for place, truth in enumerate([900, 950, 950, 950]):
                name = f"{fold}{part}{place}"
                rows.append((fold, part, name, f"day{fold}{place}", truth, truth if place < good else 1000, 5 + fold))
    columns = ["fold", "part", "sample", "batch", "truth_celsius", "predicted_celsius", "components"]
    return pd.DataFrame(rows, columns=columns).assign(value_celsius=np.nan)


@pytest.fixture
def paths(tmp_path):
    """Predictions of two protocols, two feature sets, two models on disk."""
    made = []
    for protocol in ("published", "strict"):
        for features in ("block2_cev85", "pool_cev99"):
            for place, model in enumerate(("SVC", "RNN")):
                path = tmp_path / protocol / "imagenet" / "aug3" / features / "nominal" / f"{model}.tsv"
                files.write_table(path, predictions((4 - place, 2)))
                made.append(path)
    return made


@pytest.fixture
def table(paths):
    fits = tables.gather(paths)
    return tables.table2(
        fits, PUBLISHED, classes=CLASSES, data="simulated films", **MADE, resamples=100, rng=np.random.default_rng(0)
    )


def test_rows_run_strict_first_and_keep_the_order_of_the_fits(table):
    rows = list(zip(table["protocol"], table["features"], table["model"], strict=True))
    once = [("block2_cev85", "SVC"), ("block2_cev85", "RNN"), ("pool_cev99", "SVC"), ("pool_cev99", "RNN")]
    expected = [("strict", *row) for row in [*once, ("any", "chosen"), ("none", "majority")]]
    assert rows == expected + [("published", *row) for row in [*once, ("none", "majority")]]


def test_the_scores_of_a_row_are_hand_worked(table):
    row = table.iloc[0]  # strict, SVC: 4 and 2 of 4 test films right
    assert (row["train_pct"], row["validation_pct"], row["test_pct"]) == (100, 75, 75)
    assert row["test_pct_std"] == pytest.approx(100 * np.sqrt(2 * 0.25**2))
    assert row["pooled_pct"] == 75
    assert row["balanced_pct"] == pytest.approx(100 * (1 + 4 / 6) / 2)
    # F1: 900 right both times; 950 2*4/(6+4); 1000 never true, predicted twice
    assert row["macro_f1"] == pytest.approx((1 + 0.8 + 0) / 3)
    assert row["macro_f1_low"] <= row["macro_f1"] <= row["macro_f1_high"]
    assert (row["components"], row["folds"], row["tested_samples"]) == (5.5, 2, 8)
    assert (row["block"], row["cev"], row["data"]) == ("block2", 85, "simulated films")


def test_the_papers_number_stands_beside_its_own_fit_and_nowhere_else(table):
    printed = table.loc[table["paper_validation_pct"].notna(), ["features", "model", "paper_validation_pct"]]
    assert printed.to_numpy().tolist() == [["block2_cev85", "SVC", 66], ["block2_cev85", "SVC", 66]]


def test_the_baseline_is_the_share_of_the_training_majority(table):
    base = table[table["model"] == "majority"]
    assert base["pooled_pct"].tolist() == [75, 75]
    assert base["balanced_pct"].tolist() == [50, 50]


def test_each_fold_chooses_its_model_on_validation_whatever_the_test_says():
    """Fold 0: SVC is better in validation and worse in the test; fold 1: equal in validation, the first is taken."""
    better, worse = predictions((1, 4)), predictions((4, 2))
    worse.loc[(worse["fold"] == 0) & (worse["part"] == "validation"), "predicted_celsius"] = 1000
    found = tables.chosen([tables.Fit({}, better), tables.Fit({}, worse)], CLASSES)
    right = (found["truth_celsius"] == found["predicted_celsius"])[found["part"] == "test"]
    assert right.groupby(found["fold"]).sum().tolist() == [1, 4]
    assert len(found) == len(better)
    swapped = tables.chosen([tables.Fit({}, worse), tables.Fit({}, better)], CLASSES)
    right = (swapped["truth_celsius"] == swapped["predicted_celsius"])[swapped["part"] == "test"]
    assert right.groupby(swapped["fold"]).sum().tolist() == [1, 2]


def test_choosing_among_models_that_guess_gains_nothing():
    """200 films, 40 guessers: the best row of the table is above chance, what the folds choose is not."""
    rng = np.random.default_rng(0)
    fold, place = np.divmod(np.arange(200), 20)
    fits = []
    for _ in range(40):
        rows = []
        guess = rng.choice([900, 1000], 200)
        for part, shift in (("test", 0), ("validation", 1)):
            frame = pd.DataFrame({"fold": (fold - shift) % 10, "part": part, "sample": np.arange(200)})
            rows.append(frame.assign(truth_celsius=np.where(place % 2, 900, 1000), predicted_celsius=guess))
        fits.append(tables.Fit({}, pd.concat(rows)))
    accuracy = [tables.scores.score(fit.predictions.query("part == 'test'"), "accuracy", [900, 1000]) for fit in fits]
    found = tables.chosen(fits, [900, 1000]).query("part == 'test'")
    assert sorted(found["sample"]) == list(range(200))
    assert max(accuracy) > 0.56
    assert abs(tables.scores.score(found, "accuracy", [900, 1000]) - 0.5) < 0.06


def test_the_table_survives_the_disk(table, tmp_path):
    files.write_table(tmp_path / "table2.tsv", table)
    read = files.read_table(tmp_path / "table2.tsv")
    assert list(read.columns) == list(table.columns)
    assert np.allclose(read["pooled_pct"], table["pooled_pct"])


def made_of(fits):
    return tables.table2(
        fits, PUBLISHED, classes=CLASSES, data="films", **MADE, resamples=50, rng=np.random.default_rng(0)
    )


def test_one_protocol_alone_makes_a_table(paths):
    fits = tables.gather(paths)
    strict, published = (
        made_of([fit for fit in fits if fit.words["protocol"] == name]) for name in ("strict", "published")
    )
    assert set(strict["protocol"]) == {"strict"}
    assert "Protocol strict" in tables.markdown(strict, tables.caption2(strict))
    assert "row chosen in each fold" in tables.caption2(strict)
    assert "row chosen in each fold" not in tables.caption2(published)


def test_a_row_says_the_same_whatever_other_rows_stand_beside_it(paths):
    fits = tables.gather(paths)
    everything = made_of(fits)
    alone = made_of([fit for fit in fits if fit.words["protocol"] == "strict"])
    pd.testing.assert_frame_equal(everything.head(len(alone)), alone)
    backwards = made_of(fits[::-1])
    assert backwards["macro_f1_low"].iloc[:4].tolist() == everything["macro_f1_low"].iloc[3::-1].tolist()


class Grid(HTMLParser):
    """The cells of every row of every table of a page, and its plain text."""

    def __init__(self):
        super().__init__()
        self.rows, self.text, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")


def test_markdown_and_html_hold_the_same_cells(table):
    caption = tables.caption2(table)
    page = Grid()
    page.feed(tables.html(table, caption))
    assert page.open == []
    lines = [
        line for line in tables.markdown(table, caption).splitlines() if line.startswith("|") and ":--" not in line
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells == page.rows
    assert cells[8][:8] == ["block2, 85 %", "SVC", "6", "100 ± 0", "75 ± 0", "75 ± 35", "75", "83"]


def test_the_overview_has_the_papers_layout(table):
    lines = tables.markdown(table, "caption").splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("| Accuracy"))
    assert lines[head] == "| Accuracy in % | Model | block2, 85 % | pool, 99 % |"
    assert lines[head + 2] == "| strict: test | SVC | 75 ± 35 | 75 ± 35 |"
    assert lines[head + 6].startswith("| paper, real films: validation | SVC | 66 ± 6 | – |")


def test_the_caption_says_what_the_films_are_and_how_many_were_tested(table):
    caption = tables.caption2(table)
    assert "simulated films" in caption
    assert "each of 8 films" in caption
    assert "efficientnet_lite0 pre-trained on imagenet" in caption and "small grids" in caption
    assert "262 real films, of 900, 950 and 1000 °C, ResNet18" in caption
    assert "How to read it" in caption
    assert "What would surprise" in caption


def test_cells_are_escaped():
    panel = panels.Panel("a < b", ["x|y"], [["<b>"]])
    assert "&lt;b&gt;" in panels.html([panel], "1 < 2", "t")
    assert "x\\|y" in panels.markdown([panel], "c")


def test_missing_numbers_are_dashes():
    assert panels.spread(np.nan, 1) == "–"
    assert panels.spread(66.4, np.nan) == "66"
    assert panels.interval(0.5, np.nan, np.nan) == "0.50"
    assert panels.interval(0.5, 0.25, 0.75) == "0.50 [0.25, 0.75]"
    assert panels.number(pd.NA) == "–"


def test_two_policies_do_not_mix_in_one_table_2(paths, tmp_path):
    other = tmp_path / "strict" / "imagenet" / "aug4" / "block2_cev85" / "nominal" / "SVC.tsv"
    files.write_table(other, predictions((1, 1)))
    with pytest.raises(Fault, match="policy: aug3, aug4"):
        tables.table2(
            tables.gather([*paths, other]), PUBLISHED, classes=CLASSES, data="films", **MADE, resamples=50,
            rng=np.random.default_rng(0),
        )  # fmt: skip


def test_a_file_elsewhere_is_no_predictions_file():
    with pytest.raises(Fault, match="is not named as predictions are"):
        tables.words_of("SVC.tsv")
