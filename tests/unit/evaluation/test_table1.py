"""Table 1 counts rows by hand on small studies, and gives the paper's own numbers on its study."""

import re

import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import captions, table1, tables
from micrograph.splits import film_scans, policies, prediction_table, splitters
from micrograph.target import Target
from project import PROJECT
from tables_of_films import TARGET

CLASSES = [900, 950, 1000]
POLICIES = ("aug1", "aug2", "aug3", "aug4")


def study(counts, a_day=1):
    """The samples table of so many films a class, `a_day` of one class grown on a day."""
    labels = np.repeat(CLASSES, counts)
    days = [f"{label}-{place // a_day}" for label, count in zip(CLASSES, counts, strict=True) for place in range(count)]
    names = [f"s{place:03d}" for place in range(len(labels))]
    return TARGET.add_to(pd.DataFrame({"sample": names, "batch": days, "growth_celsius": labels}))


def copies_of(samples, policy):
    wanted = policies.n_augmentations(samples["growth_celsius"]) * policies.makes_images(policy)
    rows = [(name, copy) for name, most in zip(samples["sample"], wanted, strict=True) for copy in range(most + 1)]
    return pd.DataFrame(rows, columns=["sample", "augmentation"])


def published():
    return io.read_table(PROJECT / "resources" / "published" / "table1.tsv")


def made(samples, folds, protocols=("strict", "published"), classes=CLASSES, chosen=POLICIES):
    splits = {name: splitters.split(samples, name, folds, np.random.default_rng(1), TARGET) for name in protocols}
    augmentations = {policy: copies_of(samples, policy) for policy in chosen}
    rng = np.random.default_rng(0)
    return table1.make_table(
        augmentations,
        splits,
        published(),
        target=Target.from_config({"column": "growth_celsius", "classes": classes}),
        data="simulated films",
        rng=rng,
    )


@pytest.fixture(scope="module")
def table():
    return made(study([6, 12, 9]), folds=3)


def rows_of(table, protocol, policy, part):
    here = table[(table["protocol"] == protocol) & (table["policy"] == policy) & (table["split"] == part)]
    return here.set_index("y_true")["rows"].tolist()


def test_strict_counts_by_hand(table):
    """6, 12 and 9 films in three folds: 2, 4 and 3 in every part; copies 4, 2, and 2 or 3 a film."""
    assert rows_of(table, "strict", "aug4", "train") == [2, 4, 3]
    assert rows_of(table, "strict", "aug3", "train") == [4, 4, 4]
    for policy in ("aug1", "aug2"):
        assert rows_of(table, "strict", policy, "train") == [8, 8, 8]
    for policy in POLICIES:
        for part in ("validation", "test"):
            assert rows_of(table, "strict", policy, part) == [2, 4, 3]


def test_published_multiplies_validation_rows_too(table):
    copied, alone = (rows_of(table, "published", policy, "validation") for policy in ("aug1", "aug3"))
    assert sum(copied) > 2 * sum(alone)
    assert rows_of(table, "published", "aug2", "test") == rows_of(table, "published", "aug4", "test")


def test_the_papers_study_gives_the_papers_counts_but_for_its_unequal_ones():
    """29, 130 and 103 films: the paper has 23/105/83 to train on in a fold, and about 210 of each with copies."""
    table = made(study([29, 130, 103]), folds=10, protocols=("published",))
    np.testing.assert_allclose(rows_of(table, "published", "aug4", "train"), [23, 105, 83], atol=0.7)
    np.testing.assert_allclose(rows_of(table, "published", "aug4", "validation"), [3, 12, 9], atol=0.7)
    np.testing.assert_allclose(rows_of(table, "published", "aug3", "train"), [105] * 3, atol=0.7)
    assert len(set(rows_of(table, "published", "aug3", "train"))) == 1
    np.testing.assert_allclose(rows_of(table, "published", "aug1", "train"), [210] * 3, atol=2)
    np.testing.assert_allclose(rows_of(table, "published", "aug1", "validation"), [23.4] * 3, atol=0.7)
    assert rows_of(table, "paper", "aug1", "train") == [207, 212, 215]


def test_no_row_trained_on_is_of_a_sample_that_is_scored():
    samples = study([6, 12, 9], a_day=2)
    splits = splitters.split(samples, "strict", 3, np.random.default_rng(1), TARGET)
    made_of = copies_of(samples, "aug1")
    given = made_of["sample"], made_of["augmentation"], splits
    for fold in prediction_table.make_folds(*given, protocol="strict", policy="aug1", rng=np.random.default_rng(0)):
        trained = set(fold.samples.sample[fold.train_index])
        assert not trained & {
            name for part in ("validation", "test") for name in fold.samples.sample[fold.score_index[part]]
        }


def test_repeats_are_counted_apart_from_pictures(table):
    here = table[(table["protocol"] == "strict") & (table["split"] == "train")].set_index(["policy", "y_true"])
    assert here.loc[("aug3", 900), ["rows", "images", "n_samples"]].tolist() == [4, 2, 2]
    assert here.loc[("aug1", 900), ["rows", "images", "n_samples"]].tolist() == [8, 8, 2]
    assert here.loc[("aug1", 1000), ["augmentations_min", "augmentations_max", "augmentations"]].tolist() == [2, 3, 24]
    assert set(here.loc["aug4", "augmentations"]) == {0}
    assert set(here["folds"]) == {3} and set(here["rows_std"]) == {0}


def test_the_panels_show_ours_beside_the_papers(table):
    strict, _, pictures = table1.panels(table, TARGET)
    assert strict.headings[2:] == [
        *("900 °C", "950 °C", "1000 °C"),
        *(f"Paper, real films: {celsius} °C" for celsius in CLASSES),
    ]
    assert strict.rows[0] == ["aug1", "train", "8", "8", "8", "207", "212", "215"]
    assert strict.rows[2] == ["", "test", "2", "4", "3", *[tables.DASH] * 3]
    assert pictures.rows[0] == ["aug1", "6 x 4 = 24", "12 x 2 = 24", "9 x 2 to 3 = 24"]
    assert pictures.rows[3] == ["aug4", *(f"{count}, not augmented" for count in (6, 12, 9))]


def test_folds_that_differ_are_shown_with_their_spread():
    table = made(study([7, 13, 10]), folds=3, protocols=("strict",))
    shown = table1.panels(table, TARGET)[0].rows
    assert any(re.fullmatch(r"\d+\.\d ± \d+\.\d", cell) for row in shown for cell in row)


def test_copies_of_other_samples_are_a_fault():
    samples = study([6, 12, 9])
    splits = {"strict": splitters.split(samples, "strict", 3, np.random.default_rng(1), TARGET)}
    augmentations = {"aug4": copies_of(samples.iloc[1:], "aug4")}
    with pytest.raises(UserError, match="s000"):
        table1.make_table(augmentations, splits, published(), target=TARGET, data="x", rng=np.random.default_rng(0))


def test_films_are_counted_with_their_scans_beside():
    """Every film has a second scan: the same films, twice the images."""
    samples = study([6, 12, 9])
    scans = pd.concat([samples.assign(film=samples["sample"], sample=samples["sample"] + f"@{n}") for n in (1, 2)])
    rng = np.random.default_rng
    splits = {"strict": film_scans.to_scans(splitters.split(samples, "strict", 3, rng(1), TARGET), scans)}
    table = table1.make_table(
        {"aug4": copies_of(scans, "aug4")}, splits, published(), target=TARGET, data="x", rng=rng(0)
    )
    test = table[(table["protocol"] == "strict") & (table["split"] == "test")]
    assert test[["rows", "n_samples"]].to_numpy().tolist() == [[4, 2], [8, 4], [6, 3]]
    assert test[["all_samples", "all_scans"]].to_numpy().tolist() == [[6, 12], [12, 24], [9, 18]]
    assert captions.describe(table).startswith("n = 27 samples;")
    assert table1.panels(table, TARGET)[-1].rows[0][1:] == [f"{n}, {2 * n}, not augmented" for n in (6, 12, 9)]
