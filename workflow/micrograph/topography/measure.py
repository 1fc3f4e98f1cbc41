"""Measure one height map: every physical feature, and the grid that it is measured on."""

from typing import NamedTuple

import numpy as np

from micrograph.errors import UserError
from micrograph.topography import atomic_steps, correlation, grains, roughness, spectrum

GRID_NM = 4.0  # a micrometre at 256 pixels a line has 3.9 nm, the coarsest full scan of the study
FEWEST = 8  # lines, and pixels of a line, below which nothing lateral is told
BLANK = 1e-9


def checked(height_nm, pixel_nm):
    """(heights with the mean zero as float64, (down, across) as floats) of a map that can be measured.

    height_nm: (lines, pixels), not changed; pixel_nm: nm a pixel, down and across. Raises UserError for other shapes,
    values that are no numbers, pixels without a size, and maps of one height.
    """
    height_nm = np.asarray(height_nm, dtype=np.float64)
    if height_nm.ndim != 2 or height_nm.size < 2:
        raise UserError(f"a height map of shape {height_nm.shape} cannot be measured; it needs lines of pixels.")
    down, across = (float(size) for size in pixel_nm)
    if not (0 < down < np.inf and 0 < across < np.inf):
        raise UserError(f"pixels of {down:g} x {across:g} nm cannot be measured; give their size, down and across.")
    largest = max(height_nm.max(), -height_nm.min())
    if not np.isfinite(largest):
        raise UserError("the height map holds values that are no numbers; export the scan without masked pixels.")
    level = height_nm - height_nm.mean()
    if np.abs(level).max() <= BLANK * largest:
        raise UserError("the height map is of one height everywhere; take the scan out.")
    return level, (down, across)


def large_enough(height_nm):
    """Whether a map has the lines and pixels that lateral measures need."""
    return min(height_nm.shape) >= FEWEST


def coarse(height_nm, pixel_nm, grid_nm=GRID_NM):
    """(map, its pixel_nm): means of whole blocks of pixels, of about grid_nm a side; coarser maps stay as they are.

    A last part of a block, a few lines or columns, is left out.
    """
    blocks = [max(1, round(grid_nm / size)) for size in pixel_nm]
    blocks = [min(block, length) for block, length in zip(blocks, height_nm.shape, strict=True)]
    rows, columns = (length // block for length, block in zip(height_nm.shape, blocks, strict=True))
    whole = height_nm[: rows * blocks[0], : columns * blocks[1]]
    means = whole.reshape(rows, blocks[0], columns, blocks[1]).mean(axis=(1, 3))
    return means, tuple(size * block for size, block in zip(pixel_nm, blocks, strict=True))


HEIGHTS = "height"  # a measure in the unit of the heights: nm, or grey values of a finished picture


class Measure(NamedTuple):
    """unit: as it is written, HEIGHTS where it is that of the heights; words: what is measured."""

    unit: str
    words: str


MEASURES = {
    "rms_roughness": Measure(HEIGHTS, "rms roughness Sq (Rq): root of the mean square height"),
    "mean_roughness": Measure(HEIGHTS, "mean roughness Sa (Ra): mean absolute height"),
    "height_range": Measure(HEIGHTS, "height range Sdc: from the 0.5th to the 99.5th percentile of the heights"),
    "skewness": Measure("1", "skewness Ssk: above 0 for peaks on flat ground, below 0 for pits in it"),
    "kurtosis": Measure("1", "kurtosis Sku: 3 for normally distributed heights, more where few stand out"),
    "correlation_along_nm": Measure("nm", "correlation length along the scan lines (fall to 1/e)"),
    "correlation_across_nm": Measure("nm", "correlation length across the scan lines (fall to 1/e)"),
    "correlation_shortest_nm": Measure("nm", "shortest correlation length Sal of any direction (fall to 0.2)"),
    "texture_aspect": Measure("1", "texture aspect ratio Str: 1 alike in all directions, near 0 for lines"),
    **{
        f"band_{short}_{long}": Measure(HEIGHTS, f"rms roughness at wavelengths of {short} to {long} nm")
        for short, long in spectrum.BANDS_NM
    },
    "psd_slope": Measure("1", "fall of the power spectral density with wavenumber, 2 H + 2 of a self-affine surface"),
    "grain_density_um2": Measure("1/um^2", "grains a square micrometre, by watershed"),
    "grain_diameter_nm": Measure("nm", "median diameter of the grains at half their height"),
    "grain_diameter_spread": Measure("1", "spread of the grains' diameters: standard deviation over mean"),
    "coverage_pct": Measure("%", "share of the surface above Otsu's threshold"),
    "layer_height": Measure(HEIGHTS, "mean height above Otsu's threshold less that below"),
    "bimodality": Measure("1", "share of the variance between the two: 1 for two flat levels, 0.64 for one hill"),
    "step_spacing_nm": Measure("nm", "spacing of steps, where any stand out"),
    "step_direction_degrees": Measure("degrees", "the way steps run, 0 along the scan lines, where any stand out"),
    "directionality": Measure("1", "how far slopes lie along one line: 0 not at all, 1 all of them"),
}


def measure(height_nm, pixel_nm):
    """All MEASURES of a levelled height map, name -> float; NaN where the map cannot tell one.

    height_nm: (lines, pixels) heights in nm, or grey values, not changed; pixel_nm: nm a pixel, (down, across), which
    may differ. A scan of fewer than 8 lines tells its roughness alone. Raises UserError as lattice.checked. A map of 512 x
    512 pixels takes some 50 ms on one core.

    Roughness and spectrum are taken at the scan's own resolution; correlation, grains and coverage on a map of about 4
    nm a pixel (lattice.coarse). Height parameters follow ISO 25178-2 on the surface as levelled: no filter is put
    before them beyond that levelling.
    """
    height_nm, pixel_nm = checked(height_nm, pixel_nm)
    found = dict.fromkeys(MEASURES, float("nan")) | roughness.amplitudes(height_nm)
    if not large_enough(height_nm):
        return found
    seen = spectrum.spectrum(height_nm, pixel_nm)
    found |= spectrum.bands(seen) | atomic_steps.steps(seen)
    small, small_nm = coarse(height_nm, pixel_nm)
    small = small - small.mean()
    found |= roughness.coverage(small)
    if large_enough(small):
        found |= correlation.lengths(small, small_nm) | grains.grains(small, small_nm)
    return found
