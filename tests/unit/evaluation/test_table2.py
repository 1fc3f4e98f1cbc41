"""Table 2 says what the predictions say, beside what the paper says, and can be read."""

import pytest

import made_up_fits
from made_up import RUN, resampling
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation import table2, tables
from project import PROJECT
from tables_of_films import TARGET

PUBLISHED = io.read_table(PROJECT / "resources" / "published" / "values.tsv")
CHANNELS = io.read_table(PROJECT / "resources" / "published" / "channels.tsv")
SHAPES = {"block2": (40, 10, 10), "block3": (112, 5, 5), "block4": (320, 3, 3), "pool": (1280, 1, 1)}
SKILLS = {"tuned": 0.75, "block2_cev85": 0.4, "pool_cev99": 0.5}
FIELDS = {"pretraining": "imagenet", "policy": "aug3"}


def made(protocols=("published", "strict"), features=tuple(SKILLS), models=("SVC", "RNN")):
    sheet = made_up_fits.films(samples=60, days=20, folds=4)
    return [
        made_up_fits.fit(sheet, SKILLS[name] - 0.1 * place, protocol=protocol, features=name, model=model, **FIELDS)
        for protocol in protocols
        for name in features
        for place, model in enumerate(models)
    ]


def tabled(given):
    return table2.make_table(given, PUBLISHED, SHAPES, CHANNELS, resampling=resampling(100), run=RUN)


@pytest.fixture(scope="module")
def table():
    return tabled(made())


def test_rows_run_strict_first_and_fine_tuned_features_last(table):
    ours = table[table["protocol"] != "paper"]
    rows = list(zip(ours["protocol"], ours["features"], ours["model"], strict=True))
    once = [(name, model) for name in ("block2_cev85", "pool_cev99", "tuned") for model in ("SVC", "RNN")]
    summaries = [(name, "selected") for name in ("blocks", "tuned", "any")]
    assert rows == [("strict", *row) for row in [*once, *summaries, ("none", "majority")]] + [
        ("published", *row) for row in [*once, ("none", "majority")]
    ]


def test_a_row_says_what_is_measured_of_its_fit(table):
    fit = next(fit for fit in made() if fit.spec.protocol == "strict" and fit.spec.features == "pool_cev99")
    row = table[(table["protocol"] == "strict") & (table["features"] == "pool_cev99")].iloc[0]
    test = fit.predictions.query("split == 'test'")
    right = (test["y_true"] == test["y_pred"]).mean()
    assert row["pooled_pct"] == pytest.approx(100 * right)
    assert (row["block"], row["explained_variance_pct"], row["components"]) == ("pool", 99, 100)
    assert (row["data"], row["search"], row["pixels"]) == ("simulated films", "default", 96)


def test_the_paper_has_a_row_for_each_set_of_features_and_model_that_it_reports(table):
    paper = table[table["protocol"] == "paper"].set_index(["features", "model"])["validation_pct"]
    assert len(paper) == 6
    assert paper["block2_cev85", "SVC"] == 66 and paper["tuned", "RNN"] == 70


def test_the_best_of_a_models_row_is_bold_and_the_best_of_a_protocol(table):
    strict = table[(table["protocol"] == "strict") & (table["scheme"] == "nominal")].set_index(["features", "model"])
    assert strict.loc[("tuned", "SVC"), "best_in_row"] and strict.loc[("tuned", "RNN"), "best_in_row"]
    assert not strict.loc[("block2_cev85", "SVC"), "best_in_row"]
    assert strict.loc[("tuned", "SVC"), "best_in_protocol"] and not strict.loc[("tuned", "RNN"), "best_in_protocol"]
    assert "| **" in tables.markdown(table2.panels(table, TARGET), "c") and "<b>" in tables.html(
        table2.panels(table, TARGET), "c", "table2"
    )


def test_the_table_survives_the_disk_and_is_shown_the_same(table, tmp_path):
    io.write_table(tmp_path / "table2.tsv", table)
    read = io.read_table(tmp_path / "table2.tsv")
    assert list(read.columns) == list(table.columns)
    assert tables.html(table2.panels(read, TARGET), "c", "table2") == tables.html(
        table2.panels(table, TARGET), "c", "table2"
    )


@pytest.mark.parametrize("features", [("tuned",), ("block2_cev85", "pool_cev99")])
def test_without_both_kinds_of_features_they_are_not_compared(features):
    table = tabled(made(protocols=("strict",), features=features))
    assert table["gain_pct_points"].isna().all()
    assert list(table.loc[table["model"] == "selected", "features"]) == ["any"]
    assert "Protocol strict" in tables.markdown(table2.panels(table, TARGET), "caption")


def test_the_overview_has_the_papers_layout(table):
    lines = tables.markdown(table2.panels(table, TARGET), "caption").splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("| Accuracy"))
    assert lines[head] == "| Accuracy in % | Model | block2, 85 % | pool, 99 % | fine-tuned |"
    assert lines[head + 9] == "| paper, real films: validation | Channels | 190 | 142 | 100 |"
    assert lines[head + 10] == "|  | SVC | 66 ± 6 | 71 ± 6 | 80 ± 7 |"


def test_two_policies_do_not_mix_in_one_table():
    sheet = made_up_fits.films(samples=20, days=10, folds=4)
    given = [
        made_up_fits.fit(sheet, 0.5, pretraining="imagenet", policy=policy, features="tuned", model="SVC")
        for policy in ("aug3", "aug4")
    ]
    with pytest.raises(UserError, match="policy: aug3, aug4"):
        tabled(given)


def test_channels_and_values_stand_before_pca_and_the_number_of_components_after_it(table):
    rows = table.set_index(["protocol", "features", "model"])
    row = rows.loc["strict", "block2_cev85", "SVC"]
    assert (row["channels"], row["values"], row["components"]) == (40, 4000, 100)
    assert rows.loc["paper", "block2_cev85", "SVC"]["components"] == 190
    lines = tables.markdown(table2.panels(table, TARGET), "caption").splitlines()
    assert "| before PCA | Channels (values) | 40 (4000) | 1280 (1280) | – |" in lines
    assert [line.split("|")[3:6] for line in lines if "| Channels |" in line][-1] == [" 190 ", " 142 ", " 100 "]


def test_the_lowest_class_of_samples_without_neighbours_is_noted_where_it_occurs(table):
    notes = [note for note in table2.panels(table, TARGET)[0].notes if note.startswith("RNN")]
    assert len(notes) == 1 and notes[0].startswith("RNN under published:")
    others = tabled(made(protocols=("strict",))), tabled(made(models=("SVC",)))
    assert not any(note.startswith("RNN") for other in others for note in table2.panels(other, TARGET)[0].notes)
