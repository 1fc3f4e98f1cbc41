"""A study whose films have one or two scans, some of them between the classes: splits, training, tables and page."""

import re

import pytest

from faults import judged
from micrograph import io
from project import Study

ONE = {"protocols": ["strict", "published"], "pretraining": ["imagenet"], "policies": ["aug3"], "repeats": 1}
POOL = {"blocks": ["pool"], "explained_variance": [85], "schemes": ["nominal"], "models": ["SVC"]}
# By day the tables that are looked at, the page with the films, and the splits; at night every table and figure.
READ = {"only": ["table1", "table4", "leakage", "noise_floor", "what_can_be_read", "final_model"], "confounders": None}
SPLITS = [f"results/splits/{name}.tsv" for name in ("by_operator", "by_date", "later_days")]


@pytest.fixture(scope="module")
def study(once, smoke_settings):
    """The finished study."""
    given = smoke_settings["experiments"]
    experiments = {
        **dict.fromkeys(given),
        "table2": ONE | POOL,
        "table4": ONE
        | {"protocols": judged.count(["strict"], ONE["protocols"])}
        | {"schemes": ["nominal", "regression"], "models": ["GBC", "CNN"]},
        "leakage": given["leakage"] | {"n_permutations": {"films": 2, "batches": 0}},
        "confounders": given["confounders"] | {"models": ["SVC"]},
        **judged.count(READ, {}),
    }
    simulation = {**smoke_settings["simulation"], "scanned_twice": 0.5, "between_classes": 0.25}

    def run(folder):
        (folder / "study").mkdir()
        Study(folder / "study", {**smoke_settings, "experiments": experiments, "simulation": simulation}).run(
            "all", *SPLITS
        )

    return Study(once("several-scans", run) / "study")


def table(study, path):
    return io.read_table(study.folder / "results" / path)


def test_films_stay_together_and_are_trained_on_equally_often(study):
    samples = table(study, "micrographs/samples.tsv")
    assert len(samples) == 36 and samples["film"].nunique() == 24
    assert set(samples["sample"].str.partition("@")[2]) == {"", "center", "edge"}
    assert (samples["growth_celsius"] % 50 != 0).any()
    for path in sorted((study.folder / "results/splits").glob("*.tsv")):
        splits = table(study, f"splits/{path.name}")
        assert set(splits["sample"]) == set(samples["sample"]), path
        assert (splits.groupby(["fold", "film"])["split"].nunique() == 1).all(), path
        assert (splits.groupby("film")["y_true_value"].nunique() == 1).all(), path
        rows = splits[splits["split"] == "train"].groupby(["fold", "film"])["repeats"].sum()
        assert (rows == 2).all(), path


def test_predictions_are_of_scans_and_tables_of_films(study):
    predictions = table(study, "predictions/strict/imagenet/aug3/image/regression/CNN.tsv")
    test = predictions[predictions["split"] == "test"]
    assert len(test) == 36 and test["film"].nunique() == 24
    made = table(study, "tables/table4.tsv")
    assert set(made.loc[made["protocol"] == "strict", "n_samples"]) == {24}
    (row,) = made[(made["protocol"] == "strict") & (made["scheme"] == "regression") & (made["model"] == "CNN")].index
    films = test.groupby("film")[["y_pred_value", "y_true_value"]].mean()
    error = films["y_pred_value"] - films["y_true_value"]
    nearest = made.loc[row, "rmse"]
    assert abs((error**2).mean() ** 0.5 - nearest) < 15  # tables may score against the class
    floor = table(study, "tables/noise_floor.tsv")
    assert set(floor["n_samples"]) == {12} and set(floor["n_scans"]) == {24}
    regression = floor[(floor["scheme"] == "regression") & (floor["model"] == "CNN")].iloc[0]
    twice = test[test["film"].duplicated(keep=False)].groupby("film")["y_pred_value"]
    assert regression["spread"] == pytest.approx((twice.var().mean()) ** 0.5, rel=1e-6)
    leakage = table(study, "tables/leakage.tsv")
    assert set(leakage.loc[leakage["reported"] == "test", "n_samples"].dropna()) == {24}


def test_films_are_counted_and_the_final_model_is_calibrated_on_them(study):
    read = table(study, "tables/what_can_be_read.tsv").dropna(subset=["n_samples"])
    assert read["n_samples"].max() == 24 and read["n_scans"].max() == 36
    images = table(study, "tables/table1.tsv")
    ours = images[images["protocol"] == "strict"].drop_duplicates(["policy", "y_true"]).groupby("policy")
    assert set(ours["all_samples"].sum()) == {24} and set(ours["all_scans"].sum()) == {36}
    performance = table(study, "final_model/performance.tsv").set_index("quantity")
    names = ["accuracy_pct", "covered_pct", "within_pct", "flagged_pct"]
    assert set(performance.loc[names, "n_samples"]) == {24}


def test_the_page_shows_films_with_their_scans(study):
    text = (study.folder / "results/report/parts/samples.js").read_text(encoding="utf-8")
    films = re.search(r'"film":\[(.*?)\]', text)[1].split(",")
    assert len(films) == 36 and len(set(films)) == 24 and '"film_predicted":[' in text
