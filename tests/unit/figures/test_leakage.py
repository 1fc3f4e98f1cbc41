"""The figure of leakage shows the table's numbers, and the table's words say what it shows."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_up_fits
from made_up import RUN, laid_out_well, marks, resampling, words_in
from micrograph.errors import UserError
from micrograph.evaluation import leakage, summaries
from micrograph.figures import leakage as leakage_figure
from micrograph.splits import protocols

MODELS = [("block3_cev85", "SVC"), ("tuned", "KNN"), ("tuned", "MLP"), ("image", "CNN")]
LEAKING = [f"{base}{leak}" for base in ("strict+", "published-") for leak in protocols.LEAKS]

SHUFFLED = dict.fromkeys(("strict", "published"), ("films", "batches"))
SHUFFLED |= {"strict+features_from_one_fold": ("films", "batches"), "published-features_from_one_fold": ("films",)}


def tabled(models=MODELS, names=("strict", "published", *LEAKING), draws=1, n_bootstrap=100):
    """Table of made-up fits: with permuted labels as wrong as with true ones, which is enough to be drawn."""
    sheet = made_up_fits.films(samples=60, days=20, folds=4)
    given = []
    for (features, model), name in itertools.product(models, names):
        if not protocols.can_change_predictions(name, features):
            continue
        kinds = SHUFFLED.get(name, ())
        for full in [name, *(f"{name}.shuffled_{kind}{draw + 1}" for kind in kinds for draw in range(draws))]:
            made = made_up_fits.fit(
                sheet, 0.55 + 0.1 * ("fold" in name), protocol=protocols.parse(name).base, features=features,
                model=model, pretraining="imagenet", policy="aug3",
            )  # fmt: skip
            given.append(summaries.Fit(replace(made.spec, protocol=full), made.predictions))
    return leakage.make_table(
        given, n_candidates={}, resampling=resampling(n_bootstrap, classes=made_up_fits.CLASSES), run=RUN
    )


@pytest.fixture(scope="module")
def table():
    return tabled()


def panel(figure, title, place=0):
    return [axes for axes in figure.axes if axes.get_title(loc="left") == title][place]


@pytest.mark.parametrize(("place", "base"), [(0, "strict"), (1, "published")])
def test_slopes_join_the_accuracies_of_the_table_and_what_is_reported_is_filled(table, place, base):
    figure = leakage_figure.draw(table)
    for labels, title in leakage_figure.TITLES.items():
        axes = panel(figure, title, place)
        here = table[(table["protocol"] == base) & (table["labels"] == labels) & (table["model"] != leakage.ALL)]
        for column, is_right, hollow in (("validation_pct", 0, base == "strict"), ("test_pct", 1, base == "published")):
            spots = marks(axes, hollow=hollow)
            assert [height for _, height in spots] == pytest.approx(here[column].tolist())
            assert all((across > 0.5) == is_right for across, _ in spots)


def test_every_slope_has_its_chance_level(table):
    figure = leakage_figure.draw(table)
    row = table[(table["protocol"] == "strict") & (table["labels"] == "films")].iloc[1]
    lines = [line for line in panel(figure, leakage_figure.TITLES["films"]).lines if line.get_linestyle() == "--"]
    heights = [line.get_ydata()[0] for line in lines]
    assert len(heights) == 2 * len(MODELS)
    for part in leakage.PARTS:
        assert any(height == pytest.approx(row[f"chance_{part}_pct"]) for height in heights)


def leak_panels(figure, base):
    """{kind of labels: the panel of single leaks of a base}."""
    head = next(text for text in figure.texts if text.get_text() == leakage_figure.BASES[base][2])
    titles = {title: labels for labels, title in leakage_figure.TITLES.items()}
    below = [axes for axes in figure.axes if axes.get_xlabel().startswith("change")]
    first = max(axes.get_position().y1 for axes in below if axes.get_position().y1 < head.get_position()[1])
    return {titles[axes.get_title(loc="left")]: axes for axes in below if axes.get_position().y1 == first}


@pytest.mark.parametrize("base", ["strict", "published"])
def test_each_leak_stands_with_its_change_at_the_models_that_it_reaches(table, base):
    sign = leakage_figure.BASES[base][0]
    panels = leak_panels(leakage_figure.draw(table), base)
    assert list(panels) == ["true", "films", *(["batches"] if base == "strict" else [])]
    told = [label.get_text() for label in panels["true"].get_yticklabels()]
    assert told == list(leakage_figure.LEAKS.values())
    for labels, axes in panels.items():
        spots = marks(axes)
        for place, leak in enumerate(leakage_figure.LEAKS):
            here = table[(table["protocol"] == f"{base}{sign}{leak}") & (table["labels"] == labels)]
            here = here[here["model"] != leakage.ALL]
            drawn = sorted(across for across, down in spots if abs(down - place) < 0.5)
            assert drawn == pytest.approx(sorted(here["change_pct_points"]))
            reached = sum(protocols.can_change_predictions(f"{base}{sign}{leak}", features) for features, _ in MODELS)
            assert len(drawn) == (reached if labels == "true" or leak == "features_from_one_fold" else 0)
        low, high = axes.get_xlim()
        changed = table["protocol"].str.startswith(f"{base}{sign}")
        ends = table.loc[changed, [f"change_pct_points{end}" for end in summaries.ENDS]].to_numpy()
        assert low < np.nanmin(ends) and np.nanmax(ends) < high


def test_a_leak_that_was_not_run_on_permuted_labels_is_noted(table):
    axes = leak_panels(leakage_figure.draw(table), "strict")["films"]
    assert [text.get_text() for text in axes.texts] == ["not run"] * (len(protocols.LEAKS) - 1)


def test_models_have_marks_of_their_own_even_where_colours_repeat():
    marked = [leakage_figure._mark_of(place) for place in range(24)]
    assert len(set(marked)) == 24


EVERY = [*itertools.product(["tuned"], made_up_fits.SHALLOW), ("tuned", "MLP"), ("image", "CNN")]


@pytest.mark.parametrize(
    ("models", "names"),
    [(EVERY, ("strict", "published", "strict+features_from_one_fold")), ([("image", "CNN")], ("strict",))],
)
def test_the_figure_is_laid_out_well(models, names):
    laid_out_well(leakage_figure.draw(tabled(models, names, n_bootstrap=20)))


def test_a_table_of_true_labels_alone_has_one_panel_a_protocol(table):
    for some in (table, table[table["labels"] == "true"]):
        figure = leakage_figure.draw(some)
        laid_out_well(figure)
    assert "labels permuted" not in words_in(figure)


def test_a_figure_without_a_base_is_refused(table):
    with pytest.raises(UserError, match="needs strict or published"):
        leakage_figure.draw(table[table["protocol"] == "strict+selection_on_reported_split"])


def test_the_panels_hold_every_row_of_the_table_once(table):
    true, shuffled, *leaks, _ = leakage.panels(table)
    bases = table["protocol"].isin(["strict", "published"])
    assert len(true.rows) == (bases & (table["labels"] == "true")).sum()
    assert len(shuffled.rows) == (bases & (table["labels"] != "true")).sum()
    for panel, labels in zip(leaks, leakage.LABELS, strict=True):
        filled = sum(cell != "–" for row in panel.rows for cell in row[2 :: 2 if labels == "true" else 3])
        assert filled == (~bases & (table["labels"] == labels)).sum()
    assert [row[0] for row in leaks[0].rows if row[0]] == [leakage.LEAKS[leak] for leak in protocols.LEAKS]
    assert [row[0] for row in leaks[1].rows if row[0]] == [leakage.LEAKS["features_from_one_fold"]]


def test_ways_of_changing_a_leak_that_were_not_run_have_no_columns(table):
    _, _, *leaks, _ = leakage.panels(table[~table["protocol"].str.startswith("published-")])
    assert [len(panel.headings) for panel in leaks] == [len(panel.rows[0]) for panel in leaks] == [4, 5, 5, 5]


def test_all_leaks_are_labelled_in_one_order():
    assert list(leakage.LEAKS) == list(protocols.SWITCHES)
    assert list(leakage_figure.LEAKS) == list(protocols.LEAKS)


def changed(table, protocol, high):
    """The table with a change of 0 [0, high] under a protocol, and of [-1, 1] under published without the leak."""
    ends = [f"change_pct_points{end}" for end in summaries.ENDS]
    made = table.copy()
    made.loc[made["protocol"] == protocol, ends] = [0.0, 0.0, high]
    made.loc[made["protocol"] == "published-selection_on_reported_split", ends] = [0.0, -1.0, 1.0]
    return made


def test_all_models_stand_in_the_table_and_a_model_without_a_choice_is_explained(table):
    _, shuffled, _, films, *_, both, _ = leakage.panels(table)
    assert sum("all models" in row for row in shuffled.rows) == 6
    assert [row[1] for row in films.rows][-1] == "all models" and [row[1] for row in both.rows] == ["all models"]
    noted, moved = (
        leakage.panels(changed(table, "strict+selection_on_reported_split", high))[2] for high in (0.0, 2.0)
    )
    assert any("a grid of one point" in note for note in noted.notes)
    assert not any("a grid of one point" in note for note in moved.notes)
    assert any("+0.0 [+0.0, +0.0]" in row for row in noted.rows)


def test_what_no_leak_explains_stands_first_and_alone(table):
    shuffled = table[(table["labels"] == "films") & (table["protocol"] == "published")]
    far = shuffled.assign(
        above_chance_validation_pct_points=30.0,
        above_chance_validation_pct_points_low=25.0,
        above_chance_validation_pct_points_high=35.0,
    )
    far = far.assign(above_chance_test_pct_points_low=-5.0)
    strict = far.iloc[:1].assign(
        protocol="strict", above_chance_test_pct_points=9.0, above_chance_test_pct_points_low=3.0
    )
    rows = leakage.panels(pd.concat([far, strict]))[-1].rows
    assert rows[0][:2] == ["no leak of this protocol", "strict"] and rows[0][-2].startswith("9.0 [3.0")
    assert leakage.LEAKS["features_from_one_fold"] in rows[-1][0] and rows[-1][5] == "2"
