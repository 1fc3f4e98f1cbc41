"""The table of regression: constants, prediction intervals by leaving days out, units, what is missing."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from sklearn import metrics

import made_up_fits
from made_up import RUN, laid_out_well, resampling, words_in
from micrograph.errors import UserError
from micrograph.evaluation import regression, tables, uncertainty
from micrograph.figures import regression as figure
from micrograph.target import Target

TIME = Target.from_config({"column": "growth_seconds", "bins": [0, 300, 900, 3600]})


def fit(noise=40.0, protocol="strict", model="SVC", days=40, seed=1):
    """Growth times between the classes, predicted with an error that a day shares in part."""
    sheet = made_up_fits.films(samples=3 * days, days=days, folds=4)
    rng = np.random.default_rng(seed)
    value = rng.lognormal(6, 0.8, len(sheet)).clip(10, 3500)
    sheet = sheet.assign(y_true=TIME.to_class(value))
    made = made_up_fits.fit(sheet, 0.8, classes=list(TIME.classes), values=True, scheme="regression", model=model,
                            protocol=protocol, features="image")  # fmt: skip
    rows = made.predictions
    of_sample = dict(zip(sheet["sample"], value, strict=True))
    of_day = dict(zip(sheet["batch"].unique(), rng.normal(0, noise / 2, sheet["batch"].nunique()), strict=True))
    true = rows["sample"].map(of_sample)
    error = rows["batch"].map(of_day) + rng.normal(0, noise, len(rows))
    return replace(made, predictions=rows.assign(y_true_value=true, y_pred_value=true + error))


def tabled(*fits, coverage=0.9):
    return regression.make_table(fits, coverage, resampling=resampling(300), run=RUN)


@pytest.fixture(scope="module")
def fits():
    return [fit(), fit(model="CNN", noise=400.0), fit(protocol="published")]


@pytest.fixture(scope="module")
def table(fits):
    return tabled(*fits)


def test_scores_are_of_the_real_values_beside_constants_of_the_training_samples(fits, table):
    test = fits[0].split("test")
    row = table.iloc[0]
    assert row["mae"] == pytest.approx(metrics.mean_absolute_error(test["y_true_value"], test["y_pred_value"]))
    assert row["r2"] == pytest.approx(metrics.r2_score(test["y_true_value"], test["y_pred_value"]))
    constants = table[table["protocol"] == "strict"].set_index("model").loc[["mean", "median"]]
    expected = []
    for name in ("mean", "median"):
        of_fold = fits[0].split("train").groupby("fold")["y_true_value"].agg(name)
        expected.append((test["y_true_value"] - test["fold"].map(of_fold)).abs().mean())
    assert constants["mae"].tolist() == pytest.approx(expected)
    assert constants["rank_correlation"].isna().all()
    assert row["mae_change"] == pytest.approx(row["mae"] - expected[1]) and row["mae_change_high"] < 0


def test_intervals_of_a_day_do_not_know_its_errors(fits):
    rows = regression.intervals(fits[0], 0.9)
    changed = fits[0].predictions.copy()
    day = rows["batch"].iloc[0]
    own = changed["batch"] == day
    changed.loc[own, "y_pred_value"] += 1e4
    again = regression.intervals(replace(fits[0], predictions=changed), 0.9).set_index("sample")
    width = (rows["high"] - rows["low"]).set_axis(rows["sample"])
    of_day = rows.loc[rows["batch"] == day, "sample"]
    assert (again["high"] - again["low"])[of_day].to_numpy() == pytest.approx(width[of_day].to_numpy())
    assert (again["high"] - again["low"]).drop(of_day).min() >= width.min()


def test_coverage_is_near_the_nominal_one_and_a_skilled_model_is_narrower_than_the_constant(table):
    strict = table[table["protocol"] == "strict"].set_index("model")
    for name in ("covered_by_day_pct", "constant_covered_by_day_pct"):
        assert 85 <= strict.loc["SVC", name] <= 97
    assert strict.loc["SVC", "interval_width"] < 0.3 * strict.loc["SVC", "constant_interval_width"]
    assert strict.loc["SVC", "interval_width"] < strict.loc["CNN", "interval_width"]
    assert table.loc[table["protocol"] == "published", "interval_width"].isna().all()


def test_the_constant_interval_is_the_shortest_of_all_pairs():
    rng = np.random.default_rng(4)
    for coverage in (0.5, 0.9, 0.95):
        values, batches = np.round(rng.normal(size=30), 1), rng.integers(8, size=30)
        size = np.bincount(batches, minlength=8)
        weight = 1 / (size[batches] * (size > 0).sum())
        pairs = [(high - low, low, high) for low in values for high in values if high >= low]
        held = {pair: weight[(values >= pair[1]) & (values <= pair[2])].sum() for pair in pairs}
        shortest = min(pair[0] for pair in pairs if held[pair] >= coverage - 1e-9)
        low, high = uncertainty.constant_interval(values, batches, coverage)
        assert high - low == pytest.approx(shortest)
        assert weight[(values >= low) & (values <= high)].sum() >= coverage - 1e-9


def test_with_few_days_intervals_are_infinite_and_the_table_says_so():
    table = tabled(fit(days=6))
    assert np.isinf(table["interval_width"].iloc[0]) and np.isinf(table["constant_interval_width"].iloc[0])
    assert regression.TOO_FEW in regression.panels(table, TIME)[-1].notes


def test_a_missing_prediction_leaves_neither_scores_nor_intervals():
    made = fit()
    lost = made.predictions.index[made.predictions["split"] == "test"][:2]
    made.predictions.loc[lost, "y_pred_value"] = np.nan
    row = tabled(made).iloc[0]
    assert row["n_missing"] == 2 and row[["mae", "interval_width"]].isna().all()


def test_panels_give_the_unit_and_read_back_equal(table, tmp_path):
    shown = regression.panels(table, TIME)
    assert [panel.title for panel in shown][:2] == ["Errors, protocol strict", "Errors, protocol published"]
    assert "MAE, s [95 %]" in shown[0].headings and "90 %" in shown[-1].title
    no_unit = Target.from_config({"column": "stage", "classes": [1, 2]})
    assert "MAE [95 %]" in regression.panels(table, no_unit)[0].headings
    assert "median of the training samples" in tables.markdown(shown, "caption")


def test_no_regression_is_an_error():
    with pytest.raises(UserError, match=r"experiments\.table4"):
        tabled()


def test_the_figure_shows_the_models_of_the_first_protocol(fits, table):
    drawn = figure.draw(fits, 0.9, table, TIME)
    laid_out_well(drawn)
    texts = words_in(drawn)
    assert "Predicted growth time" in texts and "predicted (s)" in texts and "CNN" in texts


@pytest.mark.parametrize("days", [6, 24])
def test_a_band_is_named_where_it_is_drawn(days):
    made = fit(days=days)
    drawn = figure.draw([made], 0.9, tabled(made), TIME)
    bands = drawn.findobj(PolyCollection)
    assert ("band" in words_in(drawn)) == bool(bands) == (days == 24)


def test_values_have_decimals_that_a_fiftieth_of_the_classes_needs():
    spacings = {"growth_celsius": [900, 950, 1000], "a": [0.1, 0.2], "b": [5, 10, 20]}
    made = [Target.from_config({"column": name, "classes": classes}) for name, classes in spacings.items()]
    assert [tables.value_digits(each) for each in made] == [0, 2, 1]
