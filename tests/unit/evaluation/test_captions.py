"""Captions: filled in with a run's settings, plain in Markdown, with the numbers of samples."""

import pandas as pd
import pytest

from micrograph.errors import UserError
from micrograph.evaluation import captions
from micrograph.evaluation.summaries import PAPER


def test_a_caption_is_filled_in_and_loses_its_emphasis(tmp_path):
    path = tmp_path / "table7.rst"
    path.write_text("**Table 7**, {{ snakemake.params.data }}:\n*a* and *b*.\n\nMore.\n", encoding="utf-8")
    assert captions.fill(path, {"data": "films"}).startswith("**Table 7**, films:")
    assert captions.read(path, {"data": "films"}) == "Table 7, films: a and b.\n\nMore."
    assert captions.read(path, {"data": "films"}, pd.DataFrame({"n_samples": [9]})).endswith("More.\n\nn = 9 samples.")


def test_a_name_that_is_not_given_is_named(tmp_path):
    (tmp_path / "table7.rst").write_text("{{ snakemake.params.data }}", encoding="utf-8")
    with pytest.raises(UserError, match=r"table7\.rst.*data"):
        captions.read(tmp_path / "table7.rst", {})


def test_numbers_of_samples_are_those_of_this_study_by_protocol():
    rows = {"protocol": ["strict", "published", PAPER], "n_samples": [120, 30, 27], "folds": [4, 4, 10]}
    assert captions.describe(pd.DataFrame(rows)) == "n = 120 (strict), 30 (published) samples; folds: 4."
    same = pd.DataFrame({"n_samples": [60, 120], "n_batches": [16, 44], "backbone": ["resnet18", "resnet18"]})
    assert captions.describe(same) == "n = 120 samples; growth days: 44; network: resnet18."
    assert captions.describe(pd.DataFrame({"policy": ["aug1"]})) == ""
