"""Time as a confounder, in studies planted with real models: class follows time (a caution) or it does not (none)."""

import numpy as np
import pandas as pd
import pytest

from made_up import RUN, resampling
from micrograph import io
from micrograph.evaluation import by_time
from micrograph.evaluation.summaries import Fit
from micrograph.io import FeatureSet
from micrograph.models import metadata_features
from micrograph.splits import splitters
from micrograph.splits.fit_spec import FitSpec
from tables_of_films import TARGET, shallow_fit

CLASSES = [900, 950, 1000]
CONSTANT = 100 / 3  # balanced accuracy of a constant prediction, percent
DAYS, A_DAY, FOLDS = 44, 3, 4
IMAGES = {"pretraining": "imagenet", "policy": "aug3", "features": "pool_cev85", "scheme": "nominal", "model": "SVC"}
SHEET = {"pretraining": "none", "policy": "aug4", "features": "metadata", "scheme": "ordinal", "model": "OLR"}


def sheet(follows_time, seed=0):
    """Samples of 44 growth days; the temperature changes with the season, or is drawn day by day."""
    rng, day = np.random.default_rng(seed), np.repeat(np.arange(DAYS), A_DAY)
    dates = pd.date_range("2021-04-01", periods=DAYS, freq="8D").strftime("%Y-%m-%d").to_numpy()
    seasons = np.array([0, 1, 2, 1, 2, 0])[np.arange(DAYS) * 6 // DAYS]
    place = seasons if follows_time else rng.permutation(np.arange(DAYS) % 3)
    return TARGET.add_to(
        pd.DataFrame(
            {
                "sample": [f"s{number:03d}" for number in range(len(day))],
                "batch": [f"MCV1-{date[2:].replace('-', '')}" for date in dates[day]],
                "growth_celsius": np.array(CLASSES)[place[day]],
                "growth_date": dates[day],
                "operator": np.where(day % 2, "anna", "bo"),
            }
        )
    )


def images(samples, follows_time, seed=1):
    """Features of the micrographs: the age of the tip, which drifts with time, or the film itself."""
    rng = np.random.default_rng(seed)
    day = pd.to_datetime(samples["growth_date"]).rank(method="dense").to_numpy()
    shown = 6 * day / DAYS if follows_time else samples["growth_celsius"].to_numpy() / 50 - 18
    noise = 0.6 if follows_time else 0.4
    return np.stack([np.cos(shown), np.sin(shown), shown], axis=1) + rng.normal(0, noise, (len(samples), 3))


def fitted(samples, values, protocol, named):
    splits = splitters.split(samples, protocol, FOLDS, np.random.default_rng(2), TARGET)
    splits = splits[splits["split"] != "unused"]
    features = FeatureSet(samples["sample"].to_numpy(), np.zeros(len(samples), int), [values])
    made = shallow_fit(features, splits, {"protocol": protocol} | named, np.random.default_rng(3))
    return Fit(FitSpec(protocol, **named), made.predictions)


def tabled(samples, pictures, untested=None, **changes):
    strict = fitted(samples, pictures, "strict", IMAGES)
    metadata = [fitted(samples, metadata_features.compute(samples, TARGET)[1], "strict", SHEET)]
    known = {} if untested else {name: fitted(samples, pictures, name, IMAGES) for name in ("by_date", "later_days")}
    given = {
        "fits": [strict], "network": strict, "metadata": metadata, "splits": list(known.values()), "strict": [strict],
        "untested": untested or {}, "resampling": resampling(500), "run": RUN,
    } | changes  # fmt: skip
    return by_time.make_table(samples, **given)


@pytest.fixture(scope="module")
def confounded():
    samples = sheet(follows_time=True)
    return tabled(samples, images(samples, follows_time=True))


@pytest.fixture(scope="module")
def sound():
    samples = sheet(follows_time=False)
    return tabled(samples, images(samples, follows_time=False))


def row(table, quantity, subject="headline"):
    subject = by_time.BOTH if quantity in (by_time.LATER, by_time.BLOCKS) else subject
    return table.set_index(["subject", "quantity"]).loc[(subject, quantity)]


def test_where_class_follows_time_both_numbers_call_for_caution(confounded):
    nearest, later = row(confounded, by_time.NEAREST), row(confounded, by_time.LATER)
    assert nearest["balanced_accuracy_pct"] > 80 and nearest["caution"]
    assert later["balanced_accuracy_pct_high"] < later["reference_pct"] and later["caution"]
    for subject in by_time.SUBJECTS:
        beside = by_time.beside(confounded, subject)
        text = " ".join(beside.cautions)
        assert f"{nearest['balanced_accuracy_pct']:.1f} %" in text and f"{later['balanced_accuracy_pct']:.1f} %" in text
        assert beside.numbers[0][1].startswith(f"{nearest['balanced_accuracy_pct']:.1f} %")
        assert beside.numbers[1][1].startswith(f"{later['balanced_accuracy_pct']:.1f} %")


def test_where_class_does_not_follow_time_there_is_no_caution(sound):
    assert not sound["caution"].any()
    for subject in by_time.SUBJECTS:
        beside = by_time.beside(sound, subject)
        assert beside.cautions == [] and len(beside.numbers) == 2
    assert row(sound, by_time.IMAGES)["balanced_accuracy_pct"] > 60


@pytest.mark.parametrize("seed", range(3))
def test_the_rule_does_not_hang_on_the_draw_of_the_study(seed):
    for follows_time in (True, False):
        samples = sheet(follows_time, seed=10 + seed)
        table = tabled(samples, images(samples, follows_time, seed=20 + seed))
        assert bool(by_time.cautions(table, "headline")) == follows_time


def test_neighbours_in_time_are_told_apart_by_the_film_and_not_by_time(confounded, sound):
    told, lost = row(sound, by_time.MATCHED), row(confounded, by_time.MATCHED)
    assert told["difference_pct_points_low"] > 0 and told["reference_pct"] == 50
    assert lost["balanced_accuracy_pct"] < told["balanced_accuracy_pct"]
    assert told["days_apart"] <= by_time.WITHIN_DAYS and told["n_samples"] % 2 == 0


def test_the_table_says_the_same_when_it_is_read_from_its_file(confounded, tmp_path):
    io.write_table(tmp_path / "by_time.tsv", confounded)
    read = io.read_table(tmp_path / "by_time.tsv")
    for subject in by_time.SUBJECTS:
        assert by_time.beside(read, subject) == by_time.beside(confounded, subject)
    assert by_time.panels(read) == by_time.panels(confounded)
    assert [by_time.needs_caution(one, CONSTANT) for one in read.to_dict("records")] == read["caution"].tolist()


def test_without_dates_metadata_alone_are_compared_and_the_rest_says_why():
    samples = sheet(follows_time=True).drop(columns="growth_date")
    values = images(sheet(follows_time=False), follows_time=False)
    reason = "later_days: 0 growth days are known, 4 folds need 9."
    table = tabled(samples, values, untested={"later_days": reason, "by_date": "by_date: 0 growth days are known."})
    assert np.isfinite(row(table, by_time.METADATA)["difference_pct_points"])
    assert row(table, by_time.NEAREST)["reason"] == row(table, by_time.MATCHED)["reason"] == by_time.NO_DATES
    assert "0 growth days are known" in row(table, by_time.LATER)["reason"]
    assert by_time.beside(table, "headline").numbers[1][1:] == ("not tested", row(table, by_time.LATER)["reason"])


def test_a_class_without_dates_is_not_counted_among_the_constant_predictions():
    samples = sheet(follows_time=False)
    undated = samples.assign(growth_date=samples["growth_date"].where(samples["growth_celsius"] > 900))
    rng = np.random.default_rng(0)
    strict = fitted(samples, images(samples, follows_time=False), "strict", IMAGES)
    guessed = strict.predictions.assign(y_pred=900)  # wrong wherever there is a date
    guessed.loc[rng.random(len(guessed)) < 0.4, "y_pred"] = 950
    table = tabled(undated, images(samples, False), untested={"later_days": "no"}, fits=[Fit(strict.spec, guessed)])
    nearest = row(table, by_time.NEAREST)
    assert nearest["reference_pct"] < nearest["balanced_accuracy_pct"] and nearest["balanced_accuracy_pct"] > CONSTANT
    assert nearest["caution"] == (round(nearest["balanced_accuracy_pct"], 1) > 50)  # there are two classes with a date
    assert not nearest["caution"]


def predictions(rows):
    """Predictions of one fold: (sample, split, day, true, predicted)."""
    frame = pd.DataFrame(rows, columns=["sample", "split", "day", "y_true", "y_pred"])
    dates = frame.dropna(subset="day").set_index("sample")["day"].astype(int)
    return frame.drop(columns="day").assign(fold=0, batch=frame["sample"], augmentation=0), dates


def test_the_nearest_day_is_that_of_training_and_of_days_as_near_all_count():
    frame, dates = predictions(
        [
            ("a", "train", 0, 900, 900),
            ("b", "train", 10, 950, 950),
            ("c", "train", 10, 1000, 950),
            ("d", "train", 10, 1000, 950),
            ("e", "validation", 4, 950, 950),
            ("f", "test", 4, 900, 950),  # nearest in training: day 0
            ("g", "test", 9, 900, 900),  # day 10: one of 950, two of 1000
            ("h", "test", 5, 900, 900),  # days 0 and 10 alike: 900, 950 and 1000 twice
            ("i", "test", None, 900, 900),
        ]
    )
    made = by_time.nearest_day(frame, dates).set_index("sample")["y_pred"]
    assert made.to_dict() == {"f": 900, "g": 1000, "h": 1000}


def test_each_sample_of_the_rarest_class_has_a_neighbour_of_its_own_in_time():
    frame, dates = predictions(
        [
            ("a", "test", 0, 900, 900),
            ("b", "test", 1, 900, 900),
            ("c", "test", 200, 900, 900),
            ("d", "test", 0, 950, 900),
            ("e", "test", 31, 1000, 900),
            ("f", "test", 100, 1000, 900),
            ("g", "test", 300, 1000, 900),
        ]
    )
    frame.loc[6, "y_true"] = 950
    # 900 and 950 and 1000: three, two, two; the lowest of the rarest is 950.
    assert by_time.match(frame, dates).to_numpy().tolist() == [["d", "a", 0]]
    frame.loc[[3, 6], "y_true"] = 1000
    # 900 is the rarest: a takes d; b takes e, 30 days on; c has none within 30 days.
    assert by_time.match(frame, dates).to_numpy().tolist() == [["a", "d", 0], ["b", "e", 30]]


@pytest.mark.parametrize(
    ("quantity", "score", "high", "cautious"),
    [
        ("metadata", 60, -0.1, False),
        ("metadata", 60, -0.04, True),  # printed as 0.0
        ("nearest_day", 60, 9.0, True),
        ("nearest_day", 33.34, 9.0, False),  # printed as 33.3, as the constant prediction
        ("metadata", 21.7, 13.2, False),
        ("by_date", 60, -1.0, False),
    ],
)
def test_the_rule_judges_scores_and_differences_to_images_as_they_are_printed(quantity, score, high, cautious):
    row = a_row(quantity, score, (-5.0, -9.0, high))
    assert by_time.needs_caution(row, CONSTANT) == cautious


@pytest.mark.parametrize(("high", "cautious"), [(59.9, True), (59.96, False), (70.0, False)])
def test_later_days_are_judged_by_their_own_interval(high, cautious):
    row = a_row("later_days", 50.0, (-10.0, -30.0, 5.0), high=high)
    assert by_time.needs_caution(row, CONSTANT) == cautious


@pytest.mark.parametrize(
    ("quantity", "score", "difference", "cautious"),
    [
        ("metadata", 60.0, 0.0, True),
        ("nearest_day", 75.0, 15.0, True),
        ("metadata", 50.0, -10.0, False),
        ("metadata", 30.0, 5.0, False),  # below a constant
        ("later_days", 20.0, -40.0, True),
        ("later_days", 60.0, 0.0, False),
        ("later_days", np.nan, np.nan, False),  # not tested
        ("metadata", np.nan, np.nan, False),
    ],
)
def test_without_an_interval_the_value_is_judged_and_the_caution_says_so(quantity, score, difference, cautious):
    row = a_row(quantity, score, (difference, np.nan, np.nan), high=np.nan)
    assert by_time.needs_caution(row, CONSTANT) == cautious
    table = pd.DataFrame([row]).assign(
        caution=cautious, subject="both", model="", features="", reason=by_time.RARE, n_train_samples=9,
        reference_n_train_samples=12,
    )  # fmt: skip
    for text in by_time.cautions(table, "headline"):
        assert "too few growth days" in text and "nan" not in text and "within the uncertainty" not in text


def a_row(quantity, score, difference, high=np.nan):
    """A row of the table, compared with 60 %; difference: value, low, high."""
    row = {"quantity": quantity, "balanced_accuracy_pct": score, "balanced_accuracy_pct_high": high}
    row |= {"balanced_accuracy_pct_low": high - 1, "reference_pct": 60.0}
    return row | dict(zip(by_time.DIFFERENCE, difference, strict=True))
