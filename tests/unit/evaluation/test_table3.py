"""Table 3: domains side by side, each against ImageNet, and which differences are distinguishable."""

import numpy as np
import pytest

import made_up_fits
from made_up import RUN, resampling
from micrograph import io
from micrograph.evaluation import table3, tables
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
SKILLS = {"imagenet": 0.6, "scratch": 0.2, "films": 0.6}


def made(domains=tuple(SKILLS), models=("SVC", "MLP", "CNN"), protocols=("strict", "published"), **fields):
    sheet = made_up_fits.films(samples=60, days=20, folds=4)
    return [
        made_up_fits.fit(
            sheet, SKILLS[domain], protocol=protocol, pretraining=domain, model=model,
            features="image" if model == "CNN" else "tuned", **({"policy": "aug3"} | fields),
        )
        for protocol in protocols
        for domain in domains
        for model in models
    ]  # fmt: skip


def tabled(given, baselines=()):
    return table3.make_table(given, PUBLISHED, baselines, resampling=resampling(200), run=RUN)


@pytest.fixture(scope="module")
def table():
    return tabled(made())


def row(table, *fields):
    return table.set_index(["protocol", "pretraining", "model"]).loc[fields]


def test_every_domain_has_its_models_and_their_mean_and_every_protocol_its_baseline(table):
    for protocol in ("strict", "published"):
        here = table[table["protocol"] == protocol]
        expected = [(domain, model) for domain in SKILLS for model in ("SVC", "MLP", "CNN", "mean")]
        found = list(zip(here["pretraining"], here["model"], strict=True))
        assert found == [*expected, ("none", "majority")]


def test_a_gain_is_the_difference_to_imagenet_in_the_part_that_the_protocol_reports(table):
    for model in ("SVC", "mean"):
        scratch, reference = row(table, "strict", "scratch", model), row(table, "strict", "imagenet", model)
        assert scratch["gain_pct_points"] == pytest.approx(scratch["pooled_pct"] - reference["pooled_pct"])
        assert scratch["gain_pct_points_high"] < 0 and np.isnan(reference["gain_pct_points"])
    given = made(protocols=("published",), models=("SVC",))
    right = [
        100 * (part["y_true"] == part["y_pred"]).mean()
        for part in (fit.predictions.query("split == 'validation'") for fit in given)
    ]
    assert row(tabled(given), "published", "films", "SVC")["gain_pct_points"] == pytest.approx(right[2] - right[0])


def test_the_relative_difference_is_a_row_with_distinguishable_ones_marked(table):
    panel = table3.panels(table, TARGET)[0]
    assert panel.headings == ["Accuracy in %", "Pre-training", "SVC", "MLP", "CNN", "Mean"]
    change = next(line[2:] for line in panel.rows if line[1] == "scratch: change")
    scratch, reference = row(table, "strict", "scratch", "SVC"), row(table, "strict", "imagenet", "SVC")
    value = 100 * (scratch["test_pct"] - reference["test_pct"]) / reference["test_pct"]
    assert change[0] == f"{value:+.0f} %†".replace("-", "−")
    assert all(cell.endswith("†") for cell in change)
    assert "†" in panel.notes[0]


def test_a_model_that_one_domain_lacks_is_no_part_of_the_means():
    given = [fit for fit in made() if (fit.spec.pretraining, fit.spec.model) != ("films", "CNN")]
    table = tabled(given)
    here = table[(table["protocol"] == "strict") & (table["pretraining"] == "imagenet")].set_index("model")
    assert here.loc["mean", "test_pct"] == pytest.approx(here.loc[["SVC", "MLP"], "test_pct"].mean())
    panel = table3.panels(table, TARGET)[0]
    films = next(line for line in panel.rows if line[1] == "films: change")
    assert films[4] == "–" and films[5] != "–"


@pytest.mark.parametrize("domains", [("imagenet",), ("scratch", "films")])
def test_without_imagenet_or_without_others_there_is_nothing_to_compare(domains):
    table = tabled(made(domains=domains, protocols=("strict",)))
    assert table["gain_pct_points"].isna().all()
    panel = table3.panels(table, TARGET)[0]
    assert not any("change" in line[1] for line in panel.rows[:-1])
    assert "Protocol strict" in tables.markdown(table3.panels(table, TARGET), "caption")
