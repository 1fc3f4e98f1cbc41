"""Physical features as the inputs of models: numbers of similar scale, none missing.

Nothing is fitted to the samples: lengths, heights and densities enter as logarithms, and a missing measure takes a
fixed value of the table FEATURES, next to a column that says that it is missing. The numbers of a sample do not depend
on the other samples and cannot carry a test sample into training.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.topography.measure import HEIGHT_UNIT, MEASURES
from micrograph.topography.spectrum import BANDS_NM

SMALLEST = 1e-6  # least argument of a logarithm
SCALES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "log10": lambda values: np.log10(np.maximum(values, SMALLEST)),
    "asinh": np.arcsinh,
    "percent": lambda values: values / 100,
    "plain": lambda values: values,
}


class Feature(NamedTuple):
    """How a measure enters a model.

    Attributes
    ----------
    scale : str
        A key of SCALES.
    neutral : float
        Replaces a missing value: in the unit of the measure or, for measures in the unit of the heights, as a share of
        the sample's rms roughness.
    """

    scale: str
    neutral: float


BANDS = [f"band_{short}_{long}" for short, long in BANDS_NM]
# Inputs of models. Not step_direction_degrees, which is that of the wafer under the microscope; nor Sz, Sp, Sv and Rz,
# which one particle decides; Rq and Ra, which are nearly Sq and Sa; Sdq and Sdr, which depend on the pixels.
FEATURES = {
    "Sq": Feature("log10", 1.0),
    "Sa": Feature("log10", 0.8),
    "Sdc": Feature("log10", 5.0),
    "Ssk": Feature("asinh", 0.0),
    "Sku": Feature("log10", 3.0),
    "correlation_along_nm": Feature("log10", 30.0),
    "correlation_across_nm": Feature("log10", 30.0),
    "Sal_nm": Feature("log10", 35.0),
    "Str": Feature("plain", 0.7),
    **{name: Feature("log10", 0.4) for name in BANDS},
    "psd_slope": Feature("plain", 3.0),
    "grain_density_um2": Feature("log10", 100.0),
    "grain_diameter_nm": Feature("log10", 50.0),
    "grain_diameter_spread": Feature("plain", 0.4),
    "coverage_pct": Feature("percent", 50.0),
    "layer_height": Feature("log10", 1.6),
    "bimodality": Feature("plain", 0.64),
    "step_spacing_nm": Feature("log10", 80.0),
    "directionality": Feature("plain", 0.0),
}
# Column: what it says, and the measures it is about; its value is the share of them that are missing.
MISSING = {
    "no_steps": ("no step spacing: no steps stand out", ["step_spacing_nm"]),
    "no_bands": ("share of the wavelength bands that the scan does not reach", BANDS),
    "no_others": (
        "share of the other measures that the scan does not determine",
        [name for name in FEATURES if name not in ("step_spacing_nm", *BANDS)],
    ),
}
COLUMNS = (*FEATURES, *MISSING)


def matrix(measures: pd.DataFrame) -> NDArray[np.float64]:
    """Return the inputs of a model.

    Parameters
    ----------
    measures : DataFrame
        One row for each sample, with the columns MEASURES.

    Returns
    -------
    ndarray of shape (n_samples, len(COLUMNS))
        Without NaN.
    """
    missing = measures[list(FEATURES)].isna()
    columns = [SCALES[feature.scale](_filled(measures, name, feature)) for name, feature in FEATURES.items()]
    columns += [missing[names].mean(axis=1) for _, names in MISSING.values()]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _filled(measures: pd.DataFrame, name: str, feature: Feature) -> pd.Series:
    """Return a measure with its neutral value where it is missing."""
    unit = measures["Sq"] if MEASURES[name].unit == HEIGHT_UNIT else 1.0
    return measures[name].fillna(feature.neutral * unit)


def describe_measures(unit: str) -> pd.DataFrame:
    """Describe all measures and columns.

    Parameters
    ----------
    unit : {"nm", "grey"}
        Unit of the heights.

    Returns
    -------
    DataFrame
        Name, unit, description, scale, neutral (value of a missing measure), neutral_of (what it is a share of)
        and column of the matrix (empty for a measure that is not an input).
    """
    rows = [
        {
            "name": name,
            "unit": unit if measure.unit == HEIGHT_UNIT else measure.unit,
            "description": measure.description,
            "scale": FEATURES[name].scale if name in FEATURES else "",
            "neutral": FEATURES[name].neutral if name in FEATURES else np.nan,
            "neutral_of": "Sq" if name in FEATURES and measure.unit == HEIGHT_UNIT else "",
        }
        for name, measure in MEASURES.items()
    ]
    rows += [
        {"name": name, "unit": "1", "description": description, "scale": "plain"}
        for name, (description, _) in MISSING.items()
    ]
    index = {name: column for column, name in enumerate(COLUMNS)}
    frame = pd.DataFrame(rows)
    return frame.assign(column=frame["name"].map(index).astype("Int64"))
