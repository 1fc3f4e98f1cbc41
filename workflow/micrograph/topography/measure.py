"""All that is measured of one height map, and what each number is called."""

from typing import NamedTuple

from micrograph.topography import correlation, grains, lattice, roughness, spectrum, steps

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
    may differ. A scan of fewer than 8 lines tells its roughness alone. Raises Fault as lattice.checked. A map of 512 x
    512 pixels takes some 50 ms on one core.

    Roughness and spectrum are taken at the scan's own resolution; correlation, grains and coverage on a map of about 4
    nm a pixel (lattice.coarse). Height parameters follow ISO 25178-2 on the surface as levelled: no filter is put
    before them beyond that levelling.
    """
    height_nm, pixel_nm = lattice.checked(height_nm, pixel_nm)
    found = dict.fromkeys(MEASURES, float("nan")) | roughness.amplitudes(height_nm)
    if not lattice.large_enough(height_nm):
        return found
    seen = spectrum.spectrum(height_nm, pixel_nm)
    found |= spectrum.bands(seen) | steps.steps(seen)
    small, small_nm = lattice.coarse(height_nm, pixel_nm)
    small = small - small.mean()
    found |= roughness.coverage(small)
    if lattice.large_enough(small):
        found |= correlation.lengths(small, small_nm) | grains.grains(small, small_nm)
    return found
