"""The table of fidelity: it covers the study, names every difference, and follows code and config."""

import pandas as pd
import pytest
import yaml

from micrograph import io
from micrograph.config import validate
from micrograph.evaluation import fidelity
from micrograph.experiments import Study
from micrograph.splits import protocols
from project import PROJECT

PROCEDURE = io.read_table(PROJECT / "resources" / "published" / "procedure.tsv")


def table_of(name="default", **changed):
    """The table of one of the project's configs."""
    config = validate(yaml.safe_load((PROJECT / "config" / f"{name}.yaml").read_text(encoding="utf-8")) | changed)
    study = Study(config)
    return fidelity.make_table(PROCEDURE, settings=study.fidelity, data=study.data).set_index("step")


def test_every_step_has_a_row_once():
    assert sorted(PROCEDURE["step"]) == sorted(fidelity.STEPS)


@pytest.mark.parametrize("name", ["default", "paper", "full"])
def test_no_difference_is_unnamed(name):
    table = table_of(name)
    assert fidelity.UNNAMED not in set(table["status"])
    row = PROCEDURE.assign(switch="").query("step == 'backbone'")
    study = {"config": {"networks": {"backbone": "efficientnet_lite0"}}}
    assert fidelity.make_table(row, settings=study, data="")["status"].tolist() == [fidelity.UNNAMED]


def test_what_decides_a_step_is_a_switch_a_key_of_the_config_or_explained():
    config = validate({})
    for name in PROCEDURE["switch"]:
        found = config
        if name not in (*protocols.SWITCHES, "protocol", "methods"):
            for key in name.split("."):
                found = found[key]


def test_a_switch_changes_the_step_that_names_it_and_every_switch_is_named_once():
    switches = PROCEDURE[PROCEDURE["switch"].isin(protocols.SWITCHES)]
    assert sorted(switches["switch"]) == sorted(protocols.SWITCHES)
    settings = Study(validate({})).fidelity
    for step, switch in switches[["step", "switch"]].to_numpy():
        value = fidelity.STEPS[step]
        sign = "-" if switch in protocols.LEAKS else "+"
        one, other = (protocols.parse(name) for name in ("published", f"published{sign}{switch}"))
        assert value(one, settings) != value(other, settings)


def test_as_run_with_the_papers_config_differs_from_the_notebooks_only_where_there_is_no_switch():
    table = table_of("paper")
    assert set(table.loc[table["as_run"] != table["notebooks"], "switch"]) == {
        "seed",
        "methods",
    }
    regression = table.loc["CNN, regression"]
    assert regression["as_run"] == regression["notebooks"] and "243 epochs, no early stopping" in regression["as_run"]
    assert table.loc["grid points, SVC nominal", "as_run"] == "1728"
    switched = table.loc[["scans that are not square", "nnrank loss"]]
    assert switched["as_run"].tolist() == ["stretch", "sum over the batch"] == switched["notebooks"].tolist()


@pytest.mark.parametrize(
    "step",
    [
        "samples before the split",
        "random numbers",
        "aug1 and aug2, network of the features",
        "settings of training and test predictions",
        "training accuracy reported",
        "numbers in tables",
    ],
)
def test_a_difference_without_a_switch_is_named_and_explained(step):
    """The methods page has a paragraph on them."""
    row = table_of("paper").loc[step]
    assert row["as_run"] != row["notebooks"] and row["switch"] in ("seed", "methods")


def test_the_embedded_study_differs_in_what_its_config_changes_and_tells_it():
    table = table_of()
    assert table.loc["backbone", "status"] == "published and as_run: networks.backbone"
    assert table.loc["tuned features, normalisation", "status"] == "published: features_not_normalised"
    assert table.loc["scaling fitted on", "status"] == fidelity.SAME
    one_fold = table.loc["tuned features, network", "published"]
    assert "imagenet 1" in one_fold and "10" not in one_fold  # of four folds there is no fold 9 of 10
    titles = {panel.title: len(panel.rows) for panel in fidelity.panels(table.reset_index())}
    assert sum(titles.values()) == len(fidelity.STEPS) == len(table)
    assert pd.notna(table["strict"]).all()
