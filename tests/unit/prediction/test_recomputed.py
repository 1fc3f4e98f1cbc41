"""Calibration, coverage and scores of the card, recomputed from the model's file without the code that made them."""

import json
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from scipy.optimize import brentq
from sklearn import metrics

from .conftest import CLASSES


@pytest.fixture(scope="module")
def facts(model_path):
    """The metadata of the file, read by safetensors."""
    with safe_open(model_path, "np") as file:
        texts = file.metadata()
    for text in texts.values():
        value = json.loads(text)
        if isinstance(value, dict) and "cross_validated_predictions" in value:
            return value
    raise AssertionError("no metadata with cross-validated predictions")


@pytest.fixture(scope="module")
def tested(facts):
    return pd.DataFrame(facts["cross_validated_predictions"])


def powered(scores, temperature):
    """Probabilities p^(1/T), none below 1e-6 before."""
    powers = np.maximum(scores, 1e-6) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def temperature_of(scores, truth):
    """The T at which the derivative of the log loss by 1/T is zero, with Platt's targets."""
    n, k = scores.shape
    target = np.full((n, k), 1 / (n + k))
    target[np.arange(n), truth] = (n + 1) / (n + k)
    logs = np.log(np.maximum(scores, 1e-6))

    def slope(log_t):
        return ((powered(scores, np.exp(log_t)) - target) * logs).sum()

    ends = np.log(0.05), np.log(20)
    if slope(ends[0]) * slope(ends[1]) > 0:
        return 0.05 if abs(slope(ends[0])) < abs(slope(ends[1])) else 20.0
    return float(np.exp(brentq(slope, *ends, xtol=1e-13)))


def limit(values, days, coverage):
    """The value that a new day's sample does not exceed: a day weighs 1 / (D + 1), shared by its samples."""
    weight = {day: 1 / (days.count(day) * (len(set(days)) + 1)) for day in days}
    total = 0.0
    for value, day in sorted(zip(values, days, strict=True)):
        total += weight[day]
        if total >= coverage - 1e-9:
            return value
    return np.inf


def calibrated(rows, coverage):
    """(temperature, limit of sets, reach) fitted on rows."""
    scores, truth = arrays(rows)
    temperature = temperature_of(scores, truth)
    chances, days = powered(scores, temperature), rows["batch"].tolist()
    errors = np.abs(chances @ CLASSES - np.array(CLASSES)[truth])
    return temperature, limit(1 - chances[np.arange(len(truth)), truth], days, coverage), limit(errors, days, coverage)


def arrays(rows):
    return rows[[f"score_{celsius}" for celsius in CLASSES]].to_numpy(float), np.searchsorted(CLASSES, rows["y_true"])


def test_the_limits_of_the_card_follow_from_the_stored_scores(facts, tested):
    found = calibrated(tested, facts["calibration"]["coverage"])
    stored = [facts["calibration"][name] for name in ("temperature", "set_limit", "reach")]
    assert found == pytest.approx([np.inf if value is None else value for value in stored], rel=1e-6)


def test_the_coverage_of_the_card_follows_from_the_stored_scores(facts, tested):
    """Each day is left out in turn; the constant set and interval are those of the other days."""
    coverage, rows = facts["calibration"]["coverage"], []
    for day, own in tested.groupby("batch"):
        others = tested[tested["batch"] != day]
        temperature, set_limit, reach = calibrated(others, coverage)
        scores, truth = arrays(own)
        chances = powered(scores, temperature)
        common = others["y_true"].value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:2]
        spans = [
            (high - low, -held, low, high)
            for low, high in combinations_with_replacement(sorted(others["y_true"].unique()), 2)
            if (held := round(others["y_true"].between(low, high).groupby(others["batch"]).mean().mean(), 9))
            >= coverage - 1e-9
        ]
        *_, low, high = min(spans)
        for place, true in enumerate(truth):
            inside = {k for k in range(len(CLASSES)) if 1 - chances[place, k] <= set_limit + 1e-9}
            inside.add(int(chances[place].argmax()))
            near = abs(chances[place] @ CLASSES - CLASSES[true]) <= reach + 1e-9
            known = CLASSES[true] in common, low <= CLASSES[true] <= high
            rows.append((day, true in inside, len(inside), near, 2 * reach, *known, high - low))
    names = ["day", "covered", "size", "within", "width", "constant_covered", "constant_within", "constant_width"]
    table = pd.DataFrame(rows, columns=names)
    for name in names[1:]:
        stored = facts["checked"][name][0]
        assert table[name].mean() == pytest.approx(np.inf if stored is None else stored, abs=1e-6), name
    for name in ("covered", "within", "constant_covered", "constant_within"):
        by_day = table.groupby("day")[name].mean().mean()
        assert facts["checked"][f"{name}_by_day"][0] == pytest.approx(by_day, abs=1e-6)


def test_the_scores_of_the_card_follow_from_the_stored_predictions(facts, tested):
    true, predicted = tested["y_true"], tested["y_pred"]
    wanted = {
        "accuracy": metrics.accuracy_score(true, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(true, predicted),
        "macro_f1": metrics.f1_score(true, predicted, average="macro", zero_division=0),
        "mae": metrics.mean_absolute_error(true, predicted),
    }
    assert {name: facts["cross_validated"][name][0] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_the_file_names_the_arithmetic_that_was_used(facts):
    assert facts["precision"] == "fp32"
