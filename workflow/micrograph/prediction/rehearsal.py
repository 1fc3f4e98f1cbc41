"""The rehearsal as a table: what is known of how good the model for new scans is, of networks trained as it was.

The model itself learnt from all films, so that none is left to test it on (production.rehearse). The card tells the
same numbers (card.py).
"""

import pandas as pd

COLUMNS = ["quantity", "value", "low", "high", "films", "batches", "data"]
# Quantity -> (its name among the facts, by what it is multiplied): shares are told in percent, differences in points.
SCORED = {
    "accuracy_pct": ("accuracy", 100),
    "balanced_accuracy_pct": ("balanced_accuracy", 100),
    "macro_f1": ("macro_f1", 1),
    "mae_celsius": ("mae_celsius", 1),
}
CHECKED = {
    "covered_pct": ("covered", 100),
    "covered_by_day_pct": ("covered_by_day", 100),
    "set_size": ("size", 1),
    "one_class_pct": ("alone", 100),
    "within_pct": ("within", 100),
    "within_by_day_pct": ("within_by_day", 100),
    "width_celsius": ("width", 1),
    "log_loss_before": ("loss_before", 1),
    "log_loss_after": ("loss_after", 1),
    "log_loss_change": ("loss_change", 1),
}


def table(facts):
    """The table as a data frame (COLUMNS). facts: of storage.Production, as production.make gives them.

    Accuracies of films of days that were not learnt from; majority_pct: of always naming the class that was commonest
    among the films learnt from, above_majority_points: how far above it, with the paired interval; then what was
    reached where each day was left out of the calibration: covered_pct, films whose set holds the truth, and
    covered_by_day_pct, the mean of the days' shares, which is what coverage_aim_pct aims at; within: the same of
    temperature intervals; flagged_pct: the study's films that look unlike it when their day is left out. low, high: the
    95 % interval from redrawing growth days; empty where there is none, or where all values are equal, for then
    redrawing tells nothing.
    """
    rehearsed, checked = facts["rehearsed"], facts["checked"]
    count = [rehearsed["films"], rehearsed["batches"]]
    rows = [_row(name, [*rehearsed[fact], *count], times) for name, (fact, times) in SCORED.items()]
    rows.append(_row("majority_pct", [facts["majority"], None, None, *count], 100))
    rows.append(_row("above_majority_points", [*facts["above_majority"], *count], 100))
    rows.append(_row("coverage_aim_pct", [facts["calibration"]["coverage"], *[None] * 4], 100))
    rows += [_row(name, checked[fact], times) for name, (fact, times) in CHECKED.items()]
    rows.append(_row("flagged_pct", [facts["novelty"]["flagged"], None, None, *count], 100))
    made = pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(data=facts["data"])
    return made.astype({"value": float, "low": float, "high": float, "films": "Int64", "batches": "Int64"})


def _row(name, values, times):
    """The row of one quantity. values: value, low, high, films, days, None for what is not there."""
    *numbers, films, days = values
    value, low, high = (None if number is None else times * number for number in numbers)
    low, high = (None, None) if low == high else (low, high)
    return [name, value, low, high, films, days]
