"""Studies cut down to a few tables or figures, through Snakemake."""

import re

import pytest

from project import Study

SVC_ALONE = {"models": ["SVC"], "blocks": ["pool"], "protocols": ["strict"]}


@pytest.mark.parametrize(
    ("experiments", "rules", "without"),
    [
        ({"only": ["table2"], "table2": SVC_ALONE}, {"table2", "report"}, "train|final|augm"),
        ({"only": ["fig2"]}, {"fig2", "report", "level_scans"}, "fit_|splits|network"),
        (["baselines"], {"baselines", "report"}, "network|pca|extract"),
        ({"table4": None, "leakage": None, "fig3": None}, {"table3", "train_final_model"}, "leakage|fig3|fig5"),
    ],
)  # fmt: skip
def test_a_cut_plans_what_it_needs_and_no_more(tmp_path, smoke_settings, experiments, rules, without):
    printed = Study(tmp_path, {**smoke_settings, "experiments": experiments}).run("-n")
    planned = set(re.findall(r"(?m)^(\w+) +\d+$", printed)) - {"total", "default"}
    assert rules <= planned and not [name for name in planned if re.search(without, name)]


def test_table_2_with_one_model_runs_and_the_report_says_what_is_left_out(tmp_path, smoke_settings):
    cut = {"only": ["table2", "fig5", "conclusions"], "table2": SVC_ALONE, "table4": {"models": ["SVC"]}}
    printed = Study(tmp_path, {**smoke_settings, "experiments": cut}).run()
    assert "Balanced test accuracy: " in printed
    page = (tmp_path / "results" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Figure 5: experiments.table4 has no fit with scheme nominal" in page
    assert 'id="explorer"' not in page and "samples.js" not in page
    assert not (tmp_path / "results" / "networks").exists() and not (tmp_path / "results" / "final_model").exists()


def test_targets_that_are_not_known_or_not_in_the_study_are_one_sentence(tmp_path, smoke_settings):
    study = Study(tmp_path, {**smoke_settings, "experiments": {"leakage": None}})
    assert "fig99 is not known; did you mean fig9? Choose one of: table1, " in study.run("-n", "fig99", succeeds=False)
    printed = study.run("-n", "results/tables/leakage.tsv", succeeds=False)
    assert "leakage cannot be made in this study: experiments.leakage is left out." in printed


def test_a_folder_without_a_study_is_one_sentence_and_nothing_is_made(tmp_path):
    printed = Study(tmp_path / "none").run("-n", succeeds=False)
    assert f"{tmp_path}/none/config.yaml: there is no such file." in printed and "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_the_dry_run_says_how_many_folds_the_data_allow(tmp_path, smoke_settings):
    printed = Study(tmp_path, {**smoke_settings, "splits": {"folds": 6}}).run("-n", succeeds=False)
    assert re.search(r"splits.folds is 6.*The largest number of folds that works is [345]\.", printed)
