"""Tables 2 to 4, calibration and intervals, recomputed from files on disk by scikit-learn and loops alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import made_up
import made_up_answers
from made_up import CLASSES, RUN
from micrograph import io
from micrograph.evaluation import calibration, summaries, table2, table3, table4
from micrograph.evaluation.bootstrap import Resampling
from micrograph.splits.fit_spec import KEYS
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = pd.read_csv(PROJECT / "resources" / "published" / "values.tsv", sep="\t")
SHAPES = {"block2": (24, 20, 20)}
CHANNELS = pd.DataFrame({"features": [], "channels": []})
SEED, DRAWS = 11, 800


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """(folder, {table: table as made}) of fits that stand on disk."""
    folder, sheet = tmp_path_factory.mktemp("study"), made_up.samples(60)
    blocks, starts = ("block2_cev85", "tuned"), ("imagenet", "scratch")
    given = {
        "table2": [{"features": name, "model": model} for name in blocks for model in ("SVC", "RNN")],
        "table3": [{"pretraining": name, "model": model} for name in starts for model in ("SVC", "CNN")],
        "table4": [{"scheme": name, "model": "GBC"} for name in ("nominal", "regression")],
    }
    paths = {name: [_written(folder, sheet, fields) for fields in fits] for name, fits in given.items()}
    how = {"resampling": Resampling(CLASSES, DRAWS, SEED), "run": RUN}
    read = {name: summaries.read_predictions(each) for name, each in paths.items()}
    made = {
        "table2": table2.make_table(read["table2"], PUBLISHED, SHAPES, CHANNELS, **how),
        "table3": table3.make_table(read["table3"], PUBLISHED, **how),
        "table4": table4.make_table(read["table4"], PUBLISHED, **how),
    }
    return folder, made


def _written(folder, sheet, fields):
    made = made_up.fit(sheet, seed=3, **fields)
    path = folder / made.spec.predictions_path
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_table(path, made.predictions.assign(components=2))
    return path


def rows_with_files(study, name):
    """(row, its predictions) of every single fit of a table."""
    folder, tables = study
    rows = tables[name]
    for row in rows[rows["protocol"] == "strict"].to_dict("records"):
        key = [row[part] for part in KEYS]
        path = folder / "results" / "predictions" / f"{'/'.join(key)}.tsv"
        if path.is_file():
            yield row, pd.read_csv(path, sep="\t")


@pytest.mark.parametrize("name", ["table2", "table3", "table4"])
def test_scores_are_those_of_scikit_learn(study, name):
    seen = 0
    for row, predictions in rows_with_files(study, name):
        seen += 1
        for part in ("train", "validation", "test"):
            each = [
                100 * metrics.accuracy_score(fold["y_true"], fold["y_pred"])
                for _, fold in predictions[predictions["split"] == part].groupby("fold")
            ]
            assert row[f"{part}_pct"] == pytest.approx(np.mean(each), abs=1e-6)
            assert row[f"{part}_pct_std"] == pytest.approx(np.std(each, ddof=1), abs=1e-6)
        test = predictions[predictions["split"] == "test"]
        pair = test["y_true"], test["y_pred"]
        wanted = {
            "pooled_pct": 100 * metrics.accuracy_score(*pair),
            "balanced_pct": 100 * metrics.balanced_accuracy_score(*pair),
            "macro_f1": metrics.f1_score(*pair, average="macro"),
            "kappa": metrics.cohen_kappa_score(*pair, weights="quadratic"),
            "mae": metrics.mean_absolute_error(*pair),
        }
        if row["scheme"] == "regression":
            wanted["rmse"] = metrics.root_mean_squared_error(test["y_true"], test["y_pred_value"])
        assert {column: row[column] for column in wanted} == pytest.approx(wanted, abs=1e-6)
    assert seen >= 2


def quantile(values, share):
    """The mid-distribution's quantile, by a loop over the values taken."""
    taken, before, points = sorted(set(np.round(values, 9))), 0, []
    for value in taken:
        held = int((np.round(values, 9) == value).sum())
        points.append((before + held / 2) / len(values))
        before += held
    return np.interp(share, points, taken)


def days_drawn(names):
    """For every resample how often each day, in the order of the names, is drawn."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)


def test_intervals_are_those_of_whole_days_drawn_again(study):
    for row, predictions in rows_with_files(study, "table2"):
        test = predictions[predictions["split"] == "test"]
        days = dict(list(test.groupby("batch")))
        right = np.array([(day["y_pred"] == day["y_true"]).sum() for day in days.values()])
        size = np.array([len(day) for day in days.values()])
        shares = [100 * (times @ right) / (times @ size) for times in days_drawn(list(days))]
        ends = [row["pooled_pct_low"], row["pooled_pct_high"]]
        assert ends == pytest.approx([quantile(shares, 0.025), quantile(shares, 0.975)], abs=1e-6)


def test_the_gain_over_imagenet_is_the_paired_difference(study):
    files = {(row["pretraining"], row["model"]): (row, rows) for row, rows in rows_with_files(study, "table3")}
    for model in ("SVC", "CNN"):
        row, ours = files["scratch", model]
        _, theirs = files["imagenet", model]
        one, other = (part[part["split"] == "test"].set_index("sample") for part in (ours, theirs))
        change = (one["y_pred"] == one["y_true"]).astype(int) - (other["y_pred"] == other["y_true"]).astype(int)
        assert row["gain_pct_points"] == pytest.approx(100 * change.mean(), abs=1e-6)
        assert row["gain_pct_points_discordant"] == (change != 0).sum()
        by_day = change.groupby(one["batch"]).agg(["sum", "size"]).sort_index()
        shares = [100 * (t @ by_day["sum"]) / (t @ by_day["size"]) for t in days_drawn(list(by_day.index))]
        ends = [row["gain_pct_points_low"], row["gain_pct_points_high"]]
        assert ends == pytest.approx([quantile(shares, 0.025), quantile(shares, 0.975)], abs=1e-6)


def test_coverage_and_losses_of_the_table_of_calibration_follow_from_its_file(tmp_path):
    made = made_up_answers.fit(days=60, model="CNN", features="image")
    path = tmp_path / made.spec.predictions_path
    path.parent.mkdir(parents=True)
    io.write_table(path, made.predictions)
    how = {"resampling": Resampling(CLASSES, 200, SEED), "run": RUN}
    row = calibration.make_table(summaries.read_predictions([path]), 0.9, TARGET, **how).iloc[0]  # without scaling
    names, found = [f"score_{celsius}" for celsius in CLASSES], []
    for _, fold in pd.read_csv(path, sep="\t").groupby("fold"):
        known, test, train = (fold[fold["split"] == part] for part in ("validation", "test", "train"))
        miss = 1 - known[names].to_numpy()[np.arange(len(known)), np.searchsorted(CLASSES, known["y_true"])]
        sizes, total, limit = known["batch"].value_counts(), 0.0, np.inf
        for value, day in sorted(zip(miss, known["batch"], strict=True)):
            total += 1 / (sizes[day] * (len(sizes) + 1))
            if total >= 0.9 - 1e-9:
                limit = value
                break
        common = train["y_true"].value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:2]
        for _, sample in test.iterrows():
            chances = dict(zip(CLASSES, sample[names].astype(float), strict=True))
            inside = {c for c, p in chances.items() if 1 - p <= limit + 1e-9} | {max(chances, key=chances.get)}
            true = sample["y_true"]
            found.append((sample["batch"], true in inside, len(inside), -np.log(chances[true]), true in common))
    table = pd.DataFrame(found, columns=["day", "covered", "size", "loss", "constant"])
    by_day = table.groupby("day")[["covered", "constant"]].mean().mean()
    assert row["covered_pct"] == pytest.approx(100 * table["covered"].mean(), abs=1e-6)
    assert row["covered_by_day_pct"] == pytest.approx(100 * by_day["covered"], abs=1e-6)
    assert row["constant_set_by_day_pct"] == pytest.approx(100 * by_day["constant"], abs=1e-6)
    assert row["set_size"] == pytest.approx(table["size"].mean(), abs=1e-6)
    assert row["log_loss"] == pytest.approx(table["loss"].mean(), abs=1e-6)
