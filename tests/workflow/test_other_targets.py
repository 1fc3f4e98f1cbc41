"""Fits of another growth variable than temperature: time in bins, and the operator, who has no order."""

import copy

import pytest
import yaml

from micrograph import io
from project import PROJECT, Study

MINUTES = yaml.safe_load((PROJECT / "config/example-other-material.yaml").read_text(encoding="utf-8"))
OPERATOR = {"target": {"column": "operator", "classes": ["operator 1", "operator 2", "operator 3"]}}
LABELS = {
    "growth_minutes": ["score_0-5", "score_5-10", "score_10-30"],
    "operator": ["score_operator_1", "score_operator_2", "score_operator_3"],
}
STRICT = "results/predictions/strict/imagenet/aug3"


@pytest.mark.parametrize("changes", [MINUTES, OPERATOR], ids=["minutes", "operator"])
def test_models_of_every_kind_predict_another_growth_variable(tmp_path, smoke_settings, changes):
    settings = copy.deepcopy(smoke_settings) | changes
    settings["scans"]["scans_per_shard"] = 24
    column, ordered = changes["target"]["column"], "bins" in changes["target"]
    if not ordered:
        del settings["experiments"]["table4"]["schemes"]  # a target without order has nominal alone
    schemes = ["nominal", "nnrank", "corn", "regression"] if ordered else ["nominal"]
    baseline = "ordinal" if ordered else "unordered"
    fits = [f"{STRICT}/image/{name}/CNN.tsv" for name in schemes]
    fits += [f"{STRICT}/tuned/{name}/MLP.tsv" for name in schemes]
    fits += [f"{STRICT}/tuned/{name}/GBC.tsv" for name in schemes if name in ("nominal", "regression")]
    fits += [f"results/predictions/{name}/none/aug4/metadata/{baseline}/OLR.tsv" for name in ("strict", "published")]
    Study(tmp_path, settings).run(*fits)
    samples = io.read_table(tmp_path / "results/micrographs/samples.tsv").set_index("sample")
    for fit in fits:
        table = io.read_table(tmp_path / fit)
        assert [name for name in table if name.startswith("score")] == LABELS[column], fit
        assert set(table["y_true"]) == ({2.5, 7.5, 20} if ordered else {0, 1, 2}), fit
        if ordered:
            assert (table["y_true_value"] == samples.loc[table["sample"], column].to_numpy()).all(), fit
        values = table["y_pred_value"].dropna()
        assert len(values) == (len(table) if "/regression/" in fit else 0), fit
        if len(values):
            assert table["y_pred"].tolist() == [2.5 if one <= 5 else 7.5 if one <= 10 else 20 for one in values], fit
