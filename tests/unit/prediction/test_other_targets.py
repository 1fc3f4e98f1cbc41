"""The final model of a target in bins, and of one without order: names, units, and no intervals without order."""

import numpy as np
import pytest

from micrograph.prediction import model_card, page, predict, storage
from project import PROJECT

from .conftest import simulate_scans

TEMPLATE = PROJECT / "workflow" / "report" / "new.html.j2"


@pytest.fixture(params=["substrate_model", "minutes_model"])
def stored(request, tmp_path):
    """The model after a round through its file."""
    storage.write(tmp_path / "model.safetensors", request.getfixturevalue(request.param))
    return storage.read(tmp_path / "model.safetensors")


def test_what_is_predicted_is_named_everywhere_and_growth_temperature_nowhere(stored, tmp_path):
    ordered = "bins" in stored.facts["target"]
    scans = simulate_scans(tmp_path / "new", 2, 2, seed=12)["scan"].tolist()
    predictions = list(predict.predict_scans(scans, stored, "cpu"))
    frame = page.write(predictions, stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    html = html[html.index("<body>") : html.index('<section aria-labelledby="how"')]
    keys = ["0-5", "5-10", "10-30"] if ordered else ["A-plane", "c-plane_sapphire", "M"]
    assert [name for name in frame if name.startswith("p_")] == [f"p_{key}" for key in keys]
    assert set(frame["y_pred"]) <= set(keys) and set(" ".join(frame["set"]).split()) <= set(keys)
    assert ("value" in frame, "low" in frame, "constant_low" in frame) == (ordered, ordered, ordered)
    first, card, name = predictions[0], model_card.card(stored.facts), "growth time" if ordered else "substrate"
    labels = ["0-5 min", "5-10 min", "10-30 min"] if ordered else ["A-plane", "c-plane sapphire", "M"]
    assert list(first.probabilities) == ([2.5, 7.5, 20] if ordered else [0, 1, 2])
    assert all(text in html and text in card for text in labels)
    assert str(first).count(" min" if ordered else "without the scan") >= 1
    assert ("interval" in str(first)) == ordered == ("prediction interval" in html or "for an interval" in html)
    assert f"predicts the {name} as one of" in card and ("value with an interval" in card) == ordered
    for text in (str(first), card):
        assert "°C" not in text and "growth temperature" not in text
    assert "°C" in html  # of the most similar samples, whose growth temperature the sheet tells
    assert {"growth_celsius", "y_true"} <= set(first.neighbours[0]) and "operator" not in first.neighbours[0]


def test_without_order_there_are_no_errors_in_units(stored):
    ordered = "bins" in stored.facts["target"]
    quantities = set(model_card.table(stored.facts)["quantity"])
    assert ("mae" in quantities, "width" in quantities, "within_by_day_pct" in quantities) == (ordered,) * 3
    assert {"accuracy_pct", "covered_by_day_pct", "constant_set_by_day_pct"} <= quantities
    assert (stored.facts["constant"]["interval"] is not None) == ordered
    if ordered:
        assert np.isfinite(stored.facts["calibration"]["reach"])
