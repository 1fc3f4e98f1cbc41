"""What a model learns from: the measures of every film as one row of numbers of like size, none missing.

Nothing here is fitted to films: lengths, heights and densities enter as their logarithm, and a measure that a film
does not tell takes a fixed value from the table FEATURES, beside a column that says that it is missing. The numbers of
a film so do not depend on which others are studied, and cannot carry a test film into training.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from micrograph.topography.measure import HEIGHTS, MEASURES
from micrograph.topography.spectrum import BANDS_NM

SMALLEST = 1e-6  # below which a logarithm takes this for zero
SCALES = {
    "log10": lambda values: np.log10(np.maximum(values, SMALLEST)),
    "asinh": np.arcsinh,
    "percent": lambda values: values / 100,
    "plain": lambda values: values,
}


class Feature(NamedTuple):
    """scale: a row of SCALES; neutral: what stands for a missing value, in the measure's unit, or for measures in the
    unit of the heights as a share of the film's rms roughness."""

    scale: str
    neutral: float


BANDS = [f"band_{short}_{long}" for short, long in BANDS_NM]
# All measures but step_direction_degrees, which tells how the wafer lay under the microscope.
FEATURES = {
    "rms_roughness": Feature("log10", 1.0),
    "mean_roughness": Feature("log10", 0.8),
    "height_range": Feature("log10", 5.0),
    "skewness": Feature("asinh", 0.0),
    "kurtosis": Feature("log10", 3.0),
    "correlation_along_nm": Feature("log10", 30.0),
    "correlation_across_nm": Feature("log10", 30.0),
    "correlation_shortest_nm": Feature("log10", 35.0),
    "texture_aspect": Feature("plain", 0.7),
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
# Column: (what it says, the measures it speaks of): the share of these that a film does not tell.
MISSING = {
    "no_steps": ("no step spacing: no steps stand out", ["step_spacing_nm"]),
    "no_bands": ("share of the wavelength bands that the scan does not reach", BANDS),
    "no_others": (
        "share of the other measures that the scan does not tell",
        [name for name in FEATURES if name not in ("step_spacing_nm", *BANDS)],
    ),
}
COLUMNS = (*FEATURES, *MISSING)


def matrix(measured):
    """(films, COLUMNS) float64 without NaN of a table with the columns of MEASURES, one row a film."""
    missing = measured[list(FEATURES)].isna()
    columns = [SCALES[kind.scale](_filled(measured, name, kind)) for name, kind in FEATURES.items()]
    columns += [missing[of].mean(axis=1) for _, of in MISSING.values()]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _filled(measured, name, kind):
    """The measure of every film, its neutral value where it is missing."""
    unit = measured["rms_roughness"] if MEASURES[name].unit == HEIGHTS else 1.0
    return measured[name].fillna(kind.neutral * unit)


def described(unit):
    """A table of every measure and column: name, unit, words, the scale it enters on, what stands for a missing value,
    and its column of the matrix (empty where it is none). unit: that of the heights, nm or grey."""
    rows = [
        {
            "name": name,
            "unit": unit if measure.unit == HEIGHTS else measure.unit,
            "words": measure.words,
            "scale": FEATURES[name].scale if name in FEATURES else "",
            "neutral": FEATURES[name].neutral if name in FEATURES else np.nan,
            "neutral_of": "rms_roughness" if name in FEATURES and measure.unit == HEIGHTS else "",
        }
        for name, measure in MEASURES.items()
    ]
    rows += [{"name": name, "unit": "1", "words": words, "scale": "plain"} for name, (words, _) in MISSING.items()]
    place = {name: column for column, name in enumerate(COLUMNS)}
    frame = pd.DataFrame(rows)
    return frame.assign(column=frame["name"].map(place).astype("Int64"))
