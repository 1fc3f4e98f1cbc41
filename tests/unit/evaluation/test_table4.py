"""Table 4: schemes side by side, errors in degrees, and what a model without an answer is shown as."""

import numpy as np
import pandas as pd
import pytest

import made_up_fits
from made_up import RUN, resampling
from micrograph import io
from micrograph.evaluation import summaries, table4, tables
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
SCHEMES = {"nominal": ("SVC", "RNN", "MLP"), "nnrank": ("MLP",), "corn": ("MLP",), "regression": ("SVC", "RNN", "MLP")}
SKILLS = {"SVC": 0.8, "RNN": 0.3, "MLP": 0.8}


def made(protocols=("published", "strict"), schemes=tuple(SCHEMES), **fields):
    sheet = made_up_fits.films(samples=60, days=20, folds=4)
    return [
        made_up_fits.fit(
            sheet, SKILLS[model], values=scheme == "regression", scheme=scheme, model=model, protocol=protocol,
            gap=0.2 if (protocol, scheme, model) == ("published", "regression", "RNN") else 0,
            **({"pretraining": "imagenet", "policy": "aug3", "features": "tuned"} | fields),
        )
        for protocol in protocols
        for scheme in schemes
        for model in SCHEMES[scheme]
    ]  # fmt: skip


def tabled(given, baselines=()):
    return table4.make_table(given, PUBLISHED, baselines, resampling=resampling(200), run=RUN)


@pytest.fixture(scope="module")
def table():
    return tabled(made())


@pytest.fixture(scope="module")
def overview(table):
    return table4.panels(table, TARGET)[0]


def lines(panel, protocol):
    """{row heading: cells} of one protocol's block."""
    starts = [place for place, row in enumerate(panel.rows) if row[0].startswith(protocol)]
    ends = [place for place, row in enumerate(panel.rows) if row[0] and place > starts[0]] + [len(panel.rows)]
    return {row[1]: row[2:] for row in panel.rows[starts[0] : ends[0]]}


def test_models_without_a_network_stand_below_the_strict_fits_and_in_no_overview(table):
    fields = {"protocol": "strict", "pretraining": "none", "policy": "aug3", "scheme": "nominal", "model": "SVC"}
    sheet = made_up_fits.films(samples=60, days=20, folds=4)
    among = tabled(made(), [made_up_fits.fit(sheet, 0.9, features="physical", **fields)])
    (place,) = among.index[among["features"] == "physical"]
    assert among.loc[place + 1, ["protocol", "model"]].tolist() == ["strict", summaries.BASELINE]
    pd.testing.assert_frame_equal(among.drop(place).reset_index(drop=True), table)
    for beside, without in zip(table4.panels(among, TARGET)[:2], table4.panels(table, TARGET)[:2], strict=True):
        assert beside.rows == without.rows
    assert any("physical features alone, SVC" in note for note in table4.panels(among, TARGET)[0].notes)


def test_rows_run_scheme_by_scheme_strict_first(table):
    expected = [(scheme, model) for scheme, models in SCHEMES.items() for model in models] + [("none", "majority")]
    ours = table[table["protocol"] != "paper"]
    assert list(ours["protocol"].unique()) == ["strict", "published"]
    for _, here in ours.groupby("protocol"):
        assert list(zip(here["scheme"], here["model"], strict=True)) == expected


def test_the_overview_has_the_papers_layout_and_its_numbers(overview):
    assert overview.headings == ["Test", "Scheme", "SVC", "RNN", "MLP"]
    assert lines(overview, "paper") == {
        "nominal, accuracy %": ["62 ± 4", "64 ± 3", "69 ± 5"],
        "NNRank, accuracy %": ["–", "–", "71 ± 4"],
        "regression, accuracy %": ["50 ± 8", "64 ± 4", "42 ± 8"],
        "regression, RMSE °C": ["31 ± 2", "–", "62 ± 8"],
    }
    assert list(lines(overview, "strict")) == [
        *(f"{scheme}, accuracy %" for scheme in ("nominal", "NNRank", "CORN", "regression")),
        "regression, RMSE °C",
    ]


def test_the_error_of_a_regression_is_that_of_its_own_values(table):
    fit = next(fit for fit in made(("strict",), ("regression",)) if fit.spec.model == "SVC")
    test = fit.predictions.query("split == 'test'")
    error = np.sqrt(((test["y_pred_value"] - test["y_true"]) ** 2).mean())
    row = table.set_index(["protocol", "scheme", "model"]).loc["strict", "regression", "SVC"]
    assert row["rmse"] == pytest.approx(error)
    assert np.isnan(table.set_index(["protocol", "scheme", "model"]).loc[("strict", "nominal", "SVC"), "rmse"])


def test_a_model_without_an_answer_shows_a_dash_and_a_note_and_under_strict_a_number(table, overview):
    assert lines(overview, "published")["regression, RMSE °C"][1] == "–†"
    assert "–" not in lines(overview, "strict")["regression, RMSE °C"][1]
    gone = int(table.set_index(["protocol", "scheme", "model"]).loc[("published", "regression", "RNN"), "n_missing"])
    assert gone > 0 and f"RNN, regression, published: {gone}" in overview.notes[0]
    errors = table4.panels(table, TARGET)[1]
    assert lines(errors, "published")["regression, MAE °C"][1] == "–†"


def test_of_accuracies_the_highest_and_of_errors_the_lowest_are_bold(overview):
    for name in ("nominal, accuracy %", "regression, RMSE °C"):
        assert [isinstance(cell, tables.Bold) for cell in lines(overview, "strict")[name]] == [True, False, True]
    assert not any(isinstance(cell, tables.Bold) for cells in lines(overview, "paper").values() for cell in cells)


def test_errors_and_kappa_stand_by_scheme_with_their_intervals(table):
    panel = table4.panels(table, TARGET)[1]
    row = table.set_index(["protocol", "scheme", "model"]).loc["strict", "corn", "MLP"]
    shown = f"{row['kappa']:.2f} [{row['kappa_low']:.2f}, {row['kappa_high']:.2f}]"
    assert lines(panel, "strict")["CORN, kappa"] == ["–", "–", shown]
    assert len(lines(panel, "strict")) == 8
