"""Table S1 lists what every fold chose and used, and the paper's settings where they are known."""

import json

import pandas as pd
import pytest

from micrograph import io
from micrograph.evaluation import tableS1
from micrograph.splits import prediction_table
from micrograph.splits.model_selection import Choice

PRODUCTION = pd.DataFrame(
    [("nominal", "MLP", "dropout", "0.35"), ("nominal", "MLP", "hidden_layer_sizes", "600, 50")],
    columns=["scheme", "model", "setting", "value"],
)
POINTS = [{"dropout": 0.2, "hidden_layer_sizes": [300, 50]}, {"dropout": 0.5, "hidden_layer_sizes": [300, 50]}]


def written(tmp_path, protocol="strict", model="MLP", chosen=(0, 1, 1), used=(0, 1, 1), points=POINTS):
    path = tmp_path / protocol / "imagenet" / "aug3" / "tuned" / "nominal" / f"{model}_search.tsv"
    choices = prediction_table.search_table([Choice(point, 0.5 + 0.1 * point, 0.4) for point in chosen], used, points)
    io.write_table(path, choices)
    return path


def made(paths):
    return tableS1.make_table(tableS1.read_searches(paths), PRODUCTION, data="simulated films")


def test_one_row_a_fit_and_fold_with_the_papers_settings_beside(tmp_path):
    table = made([written(tmp_path, "published"), written(tmp_path), written(tmp_path, model="SVC")])
    assert list(table.columns) == tableS1.COLUMNS
    assert table["protocol"].tolist() == ["strict"] * 6 + ["published"] * 3
    assert table["fold"].tolist() == [0, 1, 2] * 3
    mlp = table[(table["protocol"] == "strict") & (table["model"] == "MLP")]
    assert mlp["validation_pct"].tolist() == pytest.approx([50, 60, 60])
    assert mlp["best_params"].map(json.loads).tolist() == [POINTS[0], POINTS[1], POINTS[1]]
    assert set(mlp["paper"].map(json.loads).map(lambda paper: paper["hidden_layer_sizes"])) == {"600, 50"}
    assert table.loc[table["model"] == "SVC", "paper"].isna().all()


def test_values_stand_fold_by_fold_and_once_where_folds_agree(tmp_path):
    (panel,) = tableS1.panels(made([written(tmp_path)]))
    assert panel.title == "MLP, strict"
    row = dict(zip(panel.headings, panel.rows[0], strict=True))
    assert row["dropout"] == "0.2 · 0.5 · 0.5"
    assert row["hidden_layer_sizes"] == "300, 50"
    assert row["Validation accuracy in %"] == "50 · 60 · 60"
    paper = dict(zip(panel.headings, panel.rows[1], strict=True))
    assert (paper["Pre-training"], paper["dropout"], paper["hidden_layer_sizes"]) == ("the paper", "0.35", "600, 50")


def test_the_production_settings_of_the_published_protocol_stand_after_an_arrow(tmp_path):
    (panel,) = tableS1.panels(made([written(tmp_path, "published", used=(1, 1, 1))]))
    assert panel.rows[0][panel.headings.index("dropout")] == "0.2 · 0.5 · 0.5 → 0.5"
    assert panel.rows[0][panel.headings.index("hidden_layer_sizes")] == "300, 50"
    assert "best fold" in panel.notes[0]


def test_settings_are_formatted():
    values = [1e-4 * 1.2**7, None, True, 6, "poly", [600, 50]]
    assert [tableS1._format(value) for value in values] == ["0.0003583", "none", "true", "6", "poly", "600, 50"]


def test_grids_of_several_kernels_leave_a_dash_where_a_setting_has_no_meaning(tmp_path):
    points = [{"kernel": "rbf", "gamma": 1}, {"kernel": "polynomial", "degree": 2}]
    (panel,) = tableS1.panels(made([written(tmp_path, model="KRC", points=points)]))
    row = dict(zip(panel.headings, panel.rows[0], strict=True))
    assert (row["gamma"], row["degree"]) == ("1 · – · –", "– · 2 · 2")
