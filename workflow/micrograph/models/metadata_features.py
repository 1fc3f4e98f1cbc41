"""Features from the sample sheet, the target excluded, for models that predict without images.

No other sample has a part in them, so that one matrix serves every fold of every protocol; what is unknown stays NaN,
which the model imputes from its training rows (`proportional_odds.OrdinalLogit`). Every batch has a column, 0 for all
other samples: where no batch stands on two sides of a split, as under strict, the columns of held-out batches are
constant in training and have no influence, which is the purpose of such a split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.target import Target

DAYS_PER_YEAR = 365.25
UNKNOWN = "not given"


def compute(
    samples: pd.DataFrame, target: Target, extra_columns: Sequence[str] = ()
) -> tuple[list[str], NDArray[np.float64]]:
    """Compute features from the sample sheet.

    Parameters
    ----------
    samples : DataFrame
        One row per sample: batch and, where known, growth_celsius, growth_seconds, pressure_torr, growth_date
        (2021-04-05), substrate, operator.
    target : Target
        Its column is left out, and others that state it in another unit.
    extra_columns : sequence of str
        The study's own columns: numbers or texts.

    Returns
    -------
    names : list of str
        Names of the columns: growth temperature (°C), natural logarithm of the growth time (s), pressure (Torr), own
        numbers, date of growth (years since 1 January 2000), and every substrate, operator, own text and batch. What is
        known of no sample has no column.
    values : ndarray of shape (n_samples, n_columns)
        NaN where unknown; texts are 1 or 0, those not given a category of their own.
    """
    own = {name: pd.api.types.is_numeric_dtype(samples[name]) for name in extra_columns if name in samples}
    known = samples.drop(columns=target.columns, errors="ignore")
    numbers: dict[str, Callable] = _NUMBERS | {
        name: partial(_floats, name=name) for name, is_number in own.items() if is_number
    }
    numbers["growth_date"] = numbers.pop("growth_date")  # after the study's own
    values = {name: number(known) for name, number in numbers.items()}
    columns = {name: column for name, column in values.items() if not np.isnan(column).all()}
    texts = [name for name, is_number in own.items() if not is_number]
    for kind in (*_CATEGORIES, *texts, "batch"):
        columns |= _one_hot(known, kind)
    return list(columns), np.column_stack([np.empty((len(samples), 0)), *columns.values()])


def _log_growth_seconds(samples):
    """(n,) natural logarithms of the growth times: they range over more than a factor of ten."""
    seconds = _floats(samples, "growth_seconds")
    return np.log(seconds, out=np.full(len(seconds), np.nan), where=seconds > 0)


def _pressure_torr(samples):
    """(n,) growth pressures in Torr."""
    return _floats(samples, "pressure_torr")


def _growth_date_years(samples):
    """(n,) dates of growth, in years since 1 January 2000."""
    dates = samples.get("growth_date", pd.Series(pd.NaT, samples.index))
    return ((pd.to_datetime(dates) - pd.Timestamp(2000, 1, 1)).dt.days / DAYS_PER_YEAR).to_numpy(float)


def _floats(samples, name):
    return samples.get(name, pd.Series(np.nan, samples.index)).to_numpy(float, na_value=np.nan)


_NUMBERS: dict[str, Callable] = {
    "growth_celsius": partial(_floats, name="growth_celsius"),
    "log growth_seconds": _log_growth_seconds,
    "pressure_torr": _pressure_torr,
    "growth_date": _growth_date_years,
}
_CATEGORIES = ("substrate", "operator")


def _one_hot(samples, kind):
    """{"substrate c-Sapphire": (n,) 1 where it is this category, else 0, ...}, categories in alphabetical order."""
    if kind not in samples or samples[kind].isna().all():
        return {}
    values = samples[kind].astype(object).where(samples[kind].notna(), UNKNOWN).astype(str).str.strip()
    return {f"{kind} {value}": (values == value).to_numpy(float) for value in sorted(set(values))}
