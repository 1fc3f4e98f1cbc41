"""Tables of other targets than growth temperature: growth time in bins, and substrates, which have no order."""

import numpy as np
import pandas as pd
import pytest

import made_up_confounders
import made_up_fits
from made_up import RUN, words_in
from micrograph import io
from micrograph.evaluation import baselines, calibration, confounders, table2, table3, table4, tables
from micrograph.evaluation.bootstrap import Resampling
from micrograph.figures import calibration as calibration_figure
from micrograph.target import Target
from project import PROJECT

TIME = Target.from_config({"column": "growth_seconds", "bins": [0, 300, 900, 3600]})
SUBSTRATES = Target.from_config(
    {"column": "substrate", "classes": ["c-plane sapphire", "a-plane sapphire", "silicon", "mica"]}
)
PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv").iloc[:0]  # of another target
CHANNELS = io.read_table(PROJECT / "resources" / "published" / "channels.tsv")
SHAPES = {"pool": (1280, 1, 1)}
BOTH = pytest.mark.parametrize("target", [TIME, SUBSTRATES], ids=["bins", "names"])


def resampling(target):
    return Resampling(target.classes, 200, 1, target.ordered)


def films(target):
    classes = list(target.classes)
    return made_up_fits.films(samples=90, days=30, folds=4, classes=classes, shares=[1 / len(classes)] * len(classes))


def fit(target, model, scheme="nominal", **fields):
    """A fit with scores of the classes, the predicted one 0.7."""
    fields = {"pretraining": "imagenet", "policy": "aug3", "features": "tuned"} | fields
    made = made_up_fits.fit(
        films(target), 0.7, classes=list(target.classes), values=scheme == "regression", model=model, scheme=scheme,
        **fields,
    )  # fmt: skip
    others = 0.3 / (len(target.classes) - 1)
    for name, one in zip(target.score_columns, target.classes, strict=True):
        made.predictions[name] = np.where(made.predictions["y_pred"] == one, 0.7, others)
    return made


def text(module, table, target):
    return tables.markdown(tables.lay_out(module, table, target), "caption")


@BOTH
def test_table4_has_errors_where_classes_have_an_order(target):
    schemes = [name for name in ("nominal", "nnrank", "regression") if name in target.schemes]
    fits = [fit(target, model, scheme) for scheme in schemes for model in ("SVC", "MLP")]
    table = table4.make_table(fits, PUBLISHED, resampling=resampling(target), run=RUN)
    shown = text(table4, table, target)
    for name in ("mae", "rmse", "kappa", "test_rmse", "best_mae"):
        assert (name in table) == target.ordered, name
    assert ("MAE s" in shown) == ("RMSE s" in shown) == ("kappa" in shown) == target.ordered
    assert "°C" not in shown and "real films" not in shown
    assert table["balanced_pct"].notna().all()


@BOTH
def test_tables_2_and_3_and_baselines_have_no_value_of_the_paper(target):
    how = {"resampling": resampling(target), "run": RUN}
    second = table2.make_table(
        [fit(target, model, features="pool_cev85") for model in ("SVC", "RNN")], PUBLISHED, SHAPES, CHANNELS, **how
    )
    third = table3.make_table([fit(target, model) for model in ("SVC", "MLP")], PUBLISHED, **how)
    alone = baselines.make_table([fit(target, "OLR", "ordinal", features="metadata")], fit(target, "CNN"), **how)
    for module, table in ((table2, second), (table3, third), (baselines, alone)):
        shown = text(module, table, target)
        assert ("MAE s" in shown) == target.ordered and "real films" not in shown and "°C" not in shown
        assert "Macro F1" in shown


@BOTH
def test_calibration_names_the_classes_in_columns_and_headings(target):
    fits = [fit(target, "MLP"), fit(target, "CNN", features="image")]
    table = calibration.make_table(fits, 0.9, target, resampling=resampling(target), run=RUN)
    expected = {TIME: "covered_300-900_pct", SUBSTRATES: "covered_c-plane_sapphire_pct"}[target]
    assert table[expected].notna().all()
    heading = {TIME: "300-900 s, %", SUBSTRATES: "c-plane sapphire, %"}[target]
    assert heading in text(calibration, table, target)
    drawn = calibration_figure.draw(fits, 0.9, table, target, resampling=resampling(target))
    assert "CNN" in words_in(drawn)


def test_the_target_is_no_confounder_and_other_columns_are():
    sheet = made_up_confounders.films(
        growth_seconds=100.0, growth_celsius=np.repeat([900, 950], 30), flow=np.tile([1.0, 2.0], 30)
    )
    fitted = [made_up_confounders.answered(sheet, np.arange(60) % 4 > 0)]
    given = made_up_confounders.scans(sheet), fitted, [], [], {}
    time = Target.from_config({"column": "growth_seconds", "classes": [900, 950, 1000]})
    table = confounders.make_table(*given, time, ["flow"], resampling=resampling(time), run=RUN)
    groups = table.groupby("kind")["group"].apply(list)
    assert "growth_seconds" not in groups
    assert groups["growth_celsius"] == ["900 °C", "950 °C"] and groups["flow"] == ["1", "2"]
    shown = text(confounders, table, time)
    assert "Growth temperature (°C)" in shown and "Flow" in shown
    assert "n_900" in table


def test_numbers_of_samples_have_the_names_of_classes():
    assert "n_c-plane_sapphire" in confounders.columns(SUBSTRATES)
    assert isinstance(pd.DataFrame(columns=confounders.columns(TIME))["n_300-900"], pd.Series)
