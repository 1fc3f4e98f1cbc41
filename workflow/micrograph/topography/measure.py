"""Measure one height map: all physical features, and the grid on which they are measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from micrograph.errors import UserError
from micrograph.topography import atomic_steps, correlation, grains, roughness, spectrum

MIN_PIXELS = 8  # lines, and pixels of a line, for lateral measures
BLANK_RATIO = 1e-9
HEIGHT_UNIT = "height"  # of a measure in the unit of the heights: nm, or grey values of an exported image


@dataclass(frozen=True)
class MeasureSettings:
    """How height maps are measured.

    Attributes
    ----------
    step_spacing_nm : (float, float)
        Shortest and longest spacing of atomic steps that is looked for.
    grid_nm : float
        Pixel size for correlation, grains and coverage; coarser maps are not changed.
    assumed_width_nm : float
        Width of an image of unknown width.
    """

    step_spacing_nm: Sequence[float] = (16.0, 250.0)
    grid_nm: float = 4.0
    assumed_width_nm: float = 1000.0


DEFAULT_SETTINGS = MeasureSettings()


class Measure(NamedTuple):
    """One physical feature.

    Attributes
    ----------
    unit : str
        HEIGHT_UNIT where it is that of the heights.
    description : str
    """

    unit: str
    description: str


MEASURES = {
    "Sq": Measure(HEIGHT_UNIT, "root mean square height (ISO 25178)"),
    "Sa": Measure(HEIGHT_UNIT, "mean absolute height (ISO 25178)"),
    "Sdc": Measure(HEIGHT_UNIT, "range from the 0.5th to the 99.5th percentile of the heights (ISO 25178)"),
    "Ssk": Measure("1", "skewness (ISO 25178): above 0 for peaks on flat ground, below 0 for pits in it"),
    "Sku": Measure(
        "1", "kurtosis (ISO 25178): 3 for normally distributed heights, more with few high peaks or deep pits"
    ),
    "correlation_along_nm": Measure("nm", "correlation length along the scan lines (fall to 1/e)"),
    "correlation_across_nm": Measure("nm", "correlation length across the scan lines (fall to 1/e)"),
    "Sal_nm": Measure("nm", "shortest correlation length of any direction (fall to 0.2; ISO 25178)"),
    "Str": Measure("1", "texture aspect ratio (ISO 25178): 1 for isotropic texture, near 0 for parallel lines"),
    **{
        f"band_{short}_{long}": Measure(HEIGHT_UNIT, f"rms roughness at wavelengths of {short} to {long} nm")
        for short, long in spectrum.BANDS_NM
    },
    "psd_slope": Measure("1", "negative log-log slope of the power spectral density: 2 H + 2 for Hurst exponent H"),
    "grain_density_um2": Measure("1/um^2", "grains per square micrometre, by watershed"),
    "grain_diameter_nm": Measure("nm", "median diameter of the grains at half their height"),
    "grain_diameter_spread": Measure(
        "1", "coefficient of variation of the grain diameters (standard deviation / mean)"
    ),
    "coverage_pct": Measure("%", "share of the surface above Otsu's threshold"),
    "layer_height": Measure(HEIGHT_UNIT, "mean height above Otsu's threshold minus that below"),
    "bimodality": Measure(
        "1",
        "share of the height variance between both sides of Otsu's threshold: 1 for two flat levels, 0.64 for a "
        "normal distribution",
    ),
    "step_spacing_nm": Measure("nm", "spacing of the atomic steps, if any are detected"),
    "step_direction_degrees": Measure("degrees", "direction of the steps, 0 along the scan lines, if any are detected"),
    "directionality": Measure("1", "coherence of the structure tensor: 0 for isotropic slopes, 1 for parallel ones"),
    "Sz": Measure(HEIGHT_UNIT, "whole range of the heights (ISO 25178)"),
    "Sp": Measure(HEIGHT_UNIT, "highest peak above the mean (ISO 25178)"),
    "Sv": Measure(HEIGHT_UNIT, "deepest pit below the mean (ISO 25178)"),
    "Sdq": Measure("1", "root mean square gradient (ISO 25178), of heights in nm"),
    "Sdr_pct": Measure("%", "developed interfacial area ratio (ISO 25178), of heights in nm"),
    "Rq": Measure(HEIGHT_UNIT, "root mean square height of a scan line about its mean, over all lines (ISO 4287)"),
    "Ra": Measure(HEIGHT_UNIT, "mean absolute height of a scan line about its mean, over all lines (ISO 4287)"),
    "Rz": Measure(HEIGHT_UNIT, "range of the heights of a scan line, mean of all lines (ISO 4287)"),
}


def measure_map(
    height_nm: ArrayLike, pixel_nm: tuple[float, float], settings: MeasureSettings = DEFAULT_SETTINGS
) -> dict[str, float]:
    """Measure a levelled height map.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights in nm, or grey values; not modified.
    pixel_nm : (float, float)
        Pixel size down and across; they may differ.
    settings : MeasureSettings

    Returns
    -------
    dict of str to float
        All MEASURES; NaN where the map does not allow one. Fewer than 8 lines give the roughness alone.

    Raises
    ------
    UserError
        If the map has another shape, values that are not finite or one height everywhere, or pixels have no size.

    Notes
    -----
    Roughness and spectrum are taken at the resolution of the scan; correlation, grains and coverage on a map of about
    `grid_nm` per pixel. Parameters follow ISO 25178-2 and ISO 4287 on the levelled surface, without a further filter. A
    map of 512 x 512 pixels takes some 50 ms on one core.
    """
    height_nm, pixel_nm = _check_map(height_nm, pixel_nm)
    measures = dict.fromkeys(MEASURES, float("nan")) | roughness.height_parameters(height_nm)
    if min(height_nm.shape) > 1:
        measures |= roughness.slope_parameters(height_nm, pixel_nm)
    if not _is_large_enough(height_nm):
        return measures
    power = spectrum.power_spectrum(height_nm, pixel_nm)
    measures |= spectrum.band_roughness(power) | atomic_steps.atomic_steps(power, settings.step_spacing_nm)
    small, small_nm = _coarsen(height_nm, pixel_nm, settings.grid_nm)
    small = small - small.mean()
    measures |= roughness.coverage(small)
    if _is_large_enough(small):
        measures |= correlation.correlation_lengths(small, small_nm) | grains.measure_grains(small, small_nm)
    return measures


def _check_map(height_nm: ArrayLike, pixel_nm: tuple[float, float]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Check that a map can be measured."""
    height_nm = np.asarray(height_nm, dtype=np.float64)
    if height_nm.ndim != 2 or height_nm.size < 2:
        raise UserError(f"a height map of shape {height_nm.shape} cannot be measured; it needs lines of pixels.")
    down, across = (float(size) for size in pixel_nm)
    if not (0 < down < np.inf and 0 < across < np.inf):
        raise UserError(f"pixels of {down:g} x {across:g} nm cannot be measured; give their size, down and across.")
    largest = max(height_nm.max(), -height_nm.min())
    if not np.isfinite(largest):
        raise UserError("the height map holds values that are not finite; export the scan without masked pixels.")
    level = height_nm - height_nm.mean()
    if np.abs(level).max() <= BLANK_RATIO * largest:
        raise UserError("the height map has one height everywhere; remove the scan.")
    return level, (down, across)


def _coarsen(
    height_nm: NDArray[np.float64], pixel_nm: tuple[float, float], grid_nm: float
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Average blocks of pixels; coarser maps are not changed."""
    blocks = [max(1, round(grid_nm / size)) for size in pixel_nm]
    blocks = [min(block, length) for block, length in zip(blocks, height_nm.shape, strict=True)]
    rows, columns = (length // block for length, block in zip(height_nm.shape, blocks, strict=True))
    whole = height_nm[: rows * blocks[0], : columns * blocks[1]]
    means = whole.reshape(rows, blocks[0], columns, blocks[1]).mean(axis=(1, 3))
    return means, (pixel_nm[0] * blocks[0], pixel_nm[1] * blocks[1])


def _is_large_enough(height_nm: NDArray[np.float64]) -> bool:
    """Whether a map has enough lines and pixels for lateral measures."""
    return min(height_nm.shape) >= MIN_PIXELS
