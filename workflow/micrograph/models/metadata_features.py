"""What the sheet says of a film, apart from its temperature, as features: is a network only reading the batch?

Nothing is learned from other films here, so that one matrix serves every fold of every protocol: what is unknown stays
NaN, which the model fills from its training rows (ordinal.OrdinalLogit). A batch has a column of its own, which is 0
for every film of another: where no batch stands on two sides of a split, as under strict, the batches of held-out
films were never seen in training and these columns say nothing of them, which is the point of such a split.
"""

import numpy as np
import pandas as pd

YEAR_DAYS = 365.25
UNKNOWN = "not given"


def features(samples):
    """(names, values): the names of the k columns, and values (n, k) of the n rows of `samples`, NaN where unknown.

    samples: table with the column batch and, as far as known, growth_seconds, pressure_torr, grown (day of growth, as
    2021-04-05), substrate, operator. Columns: the natural logarithm of the growth time (s), the pressure (Torr), the
    day of growth (years from 1 January 2000), and for every substrate, operator and batch 1 or 0; substrates and
    operators that are not given are a word of their own. Of what is known of no film there is no column.
    """
    numbers = {name: number(samples) for name, number in NUMBERS.items()}
    columns = {name: values for name, values in numbers.items() if not np.isnan(values).all()}
    for kind in WORDS:
        columns |= _one_hot(samples, kind)
    return list(columns), np.column_stack(list(columns.values()))


def _logarithm_seconds(samples):
    """(n,) natural logarithms of the growth time in seconds: times range over more than a factor of ten."""
    seconds = _floats(samples, "growth_seconds")
    return np.log(seconds, out=np.full(len(seconds), np.nan), where=seconds > 0)


def _pressure_torr(samples):
    """(n,) growth pressures in Torr."""
    return _floats(samples, "pressure_torr")


def _years(samples):
    """(n,) days of growth, in years from 1 January 2000."""
    grown = samples.get("grown", pd.Series(pd.NaT, samples.index))
    return ((pd.to_datetime(grown) - pd.Timestamp(2000, 1, 1)).dt.days / YEAR_DAYS).to_numpy(float)


def _floats(samples, name):
    return samples.get(name, pd.Series(np.nan, samples.index)).to_numpy(float, na_value=np.nan)


NUMBERS = {"log growth_seconds": _logarithm_seconds, "pressure_torr": _pressure_torr, "grown": _years}
WORDS = ("substrate", "operator", "batch")


def _one_hot(samples, kind):
    """{"substrate c-Sapphire": (n,) 1 where it is this word, else 0, ...}, words in alphabetical order."""
    if kind not in samples or samples[kind].isna().all():
        return {}
    words = samples[kind].astype(object).where(samples[kind].notna(), UNKNOWN).astype(str).str.strip()
    return {f"{kind} {word}": (words == word).to_numpy(float) for word in sorted(set(words))}
