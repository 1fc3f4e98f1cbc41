"""The variance of an accuracy by its sources, and ensembles of seeds, against answers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import CLASSES, RUN, resampling
from micrograph import io
from micrograph.evaluation import captions, conclusions, seeds, summaries, table3, table4
from micrograph.evaluation.bootstrap import Resampling
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")


def answers(right):
    """Test predictions of {(repeat, seed): {day: (correct, samples)}}."""
    rows = [
        (repeat, seed, f"{day}{place}", day, 900, 900 if place < correct else 950)
        for (repeat, seed), days in right.items()
        for day, (correct, samples) in days.items()
        for place in range(samples)
    ]
    return pd.DataFrame(rows, columns=["repeat", "seed", "sample", "batch", "y_true", "y_pred"])


def test_the_variances_of_two_repeats_with_two_seeds_are_hand_worked():
    """Accuracies 100 and 50, 50 and 0: between seeds (50^2 / 2 = 1250 in both repeats), means 75 and 25.

    Between splits 1250 - 1250 / 2 = 625. Days differ in two runs, by 100 points: their covariance over resamples of two
    days is 50^2 / 2 = 1250; these two are one of four pairs of different repeats, the others have 0: 312.5.
    """
    both, one, none = {"x": (2, 2), "y": (2, 2)}, {"x": (2, 2), "y": (0, 2)}, {"x": (0, 2), "y": (0, 2)}
    found = seeds.std_by_source(answers({(0, 0): both, (0, 1): one, (1, 0): one, (1, 1): none}), resampling(20_000))
    variances = [found[name] ** 2 for name in ("pooled_seed_std", "pooled_split_std", "pooled_batch_std")]
    assert variances[:2] == pytest.approx([1250, 625])
    assert variances[2] == pytest.approx(312.5, rel=0.04)


def test_one_repeat_has_no_variance_between_splits_and_one_day_none_between_days():
    half, one = {"x": (1, 2)}, {"x": (2, 2)}
    found = seeds.std_by_source(answers({(0, 0): half, (0, 1): one}), resampling(100))
    assert found["pooled_seed_std"] == pytest.approx(np.sqrt(1250))
    assert np.isnan([found["pooled_split_std"], found["pooled_batch_std"]]).all()


def test_known_components_are_found_in_the_mean_over_studies():
    """Accuracy of a day in a run: 50 % + day (12 points) + split (4) + seed (6), 60 studies of 3 x 3 runs, 16 days."""
    rng, days, samples, found = np.random.default_rng(3), 16, 40, []
    for _ in range(60):
        day, split, seed = rng.normal(0, 0.12, days), rng.normal(0, 0.04, 3), rng.normal(0, 0.06, (3, 3))
        right = {
            (repeat, one): {
                f"{place:02d}": (round(samples * (0.5 + day[place] + split[repeat] + seed[repeat, one])), samples)
                for place in range(days)
            }
            for repeat in range(3)
            for one in range(3)
        }
        found.append(list(seeds.std_by_source(answers(right), resampling(400)).values()))
    seed, split, batch = (np.array(found) ** 2).mean(axis=0)
    assert seed == pytest.approx(36, rel=0.2)
    assert split == pytest.approx(16, rel=0.5)
    assert batch == pytest.approx(144 / days, rel=0.25)


def network(scores, values=(np.nan,), truth=950):
    """A fit's predictions of one sample by networks of these scores or values, one a seed, in two folds."""
    rows = []
    for seed, (score, value) in enumerate(zip(scores, np.resize(values, len(scores)), strict=True)):
        for fold in range(2):
            rows.append((2 * seed + fold, "test", "a", 0, "day", truth, truth, value, *score, 0, seed))
    names = ["fold", "split", "sample", "augmentation", "batch", "y_true", "y_pred", "y_pred_value"]
    names += [*(f"score_{name}" for name in CLASSES), "repeat", "seed"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize(
    ("scheme", "scores", "values", "wanted"),
    [
        ("nominal", [(0.6, 0.4, 0), (0.1, 0.5, 0.4)], [np.nan], 950),  # means 0.35, 0.45, 0.2
        ("nominal", [(0.7, 0.0, 0.3), (0.1, 0.5, 0.4)], [np.nan], 900),  # 0.4, 0.25, 0.35
        ("corn", [(0.7, 0.0, 0.3), (0.1, 0.5, 0.4)], [np.nan], 950),  # the same, whose median is 950
        ("nominal", [(np.nan,) * 3, (0.1, 0.5, 0.4)], [np.nan], 950),  # one network diverged
        ("regression", [(np.nan,) * 3] * 2, [935, 980], 950),  # 957.5
    ],
)
def test_an_ensemble_predicts_from_the_means_of_its_networks(scheme, scores, values, wanted):
    made = seeds.ensemble(network(scores, values), scheme, CLASSES)
    assert made["y_pred"].tolist() == [wanted] * 2 and made["fold"].tolist() == [0, 1]
    assert made["y_pred_value"].isna().all() if scheme != "regression" else made["y_pred_value"].eq(957.5).all()
    assert "seed" not in made


def test_an_ensemble_of_diverged_networks_predicts_nothing():
    assert seeds.ensemble(network([(np.nan,) * 3] * 2), "nominal", CLASSES)["y_pred"].isna().all()


def seeded(model, **fields):
    """A fit of three seeds; probabilities are 0.8 for the predicted class."""
    fits = [made_up.fit(made_up.samples(60), seed=seed, model=model, **fields) for seed in range(3)]
    one = made_up.seeded(*fits)
    predicted = one.predictions["y_pred"].to_numpy(float)[:, None] == CLASSES
    scores = pd.DataFrame(np.where(predicted, 0.8, 0.1), columns=[f"score_{name}" for name in CLASSES])
    return summaries.Fit(one.spec, one.predictions.join(scores))


def test_tables_3_and_4_have_the_single_network_and_the_ensemble_in_rows_of_their_own():
    given = [seeded(model, pretraining=start) for start in ("imagenet", "scratch") for model in ("SVC", "CNN")]
    table = table3.make_table(given, PUBLISHED, resampling=Resampling(CLASSES, 300, 1), run=RUN)
    rows = table[table["pretraining"] == "scratch"].set_index("model")
    assert [*rows.index[:4]] == ["SVC", "CNN", "CNN ensemble", "mean"]
    single = seeds.by_run(given[3].split("test"))
    accuracy = [100 * (one["y_pred"] == one["y_true"]).mean() for one in single]
    assert rows.loc["CNN", "pooled_pct"] == pytest.approx(np.mean(accuracy))
    assert rows.loc["CNN", "pooled_seed_std"] == pytest.approx(np.std(accuracy, ddof=1))
    assert rows.loc["CNN", ["folds", "seeds", "repeats"]].tolist() == [5, 3, 1]
    assert rows.loc["CNN ensemble", "n_samples"] == 60 and pd.isna(rows.loc["CNN ensemble", "seeds"])
    assert rows.loc["mean", "pooled_pct"] == pytest.approx(rows.loc[["SVC", "CNN"], "pooled_pct"].mean())
    panel = table3.panels(table, TARGET)[1]
    assert "SD by seed, points" in panel.headings and "seeds: 3" in captions.describe(table)
    assert not conclusions.VIEWS["table3"](table)["model"].str.contains("ensemble").any()

    given = [seeded("CNN", scheme=scheme) for scheme in ("nominal", "nnrank")]
    table = table4.make_table(given, PUBLISHED, resampling=Resampling(CLASSES, 300, 1), run=RUN)
    assert table4.panels(table, TARGET)[0].headings[2:] == ["CNN", "CNN ensemble"]
    assert table["against_nominal"].notna().sum() == 2


def test_the_ensemble_is_the_majority_where_two_of_three_networks_agree():
    one = seeded("CNN")
    votes = (
        pd.concat(seeds.by_run(one.split("test"))).groupby("sample")["y_pred"].agg(lambda each: each.mode().tolist())
    )
    made = seeds.ensemble(one.predictions, "nominal", CLASSES).query("split == 'test'").set_index("sample")["y_pred"]
    agreed = votes[votes.map(len) == 1].map(lambda each: each[0])
    assert len(made) == 60 and len(agreed) > 40
    assert (made.loc[agreed.index] == agreed).all()


def test_one_seed_adds_no_column_and_no_row():
    one = [made_up.fit(made_up.samples(60), model="CNN")]
    table = table3.make_table(one, PUBLISHED, resampling=Resampling(CLASSES, 300, 1), run=RUN)
    assert not set(seeds.COLUMNS) & set(table) and not summaries.is_ensemble(table["model"]).any()
