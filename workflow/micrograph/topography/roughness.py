"""How far and how unevenly heights are spread: ISO 25178-2's height parameters, and coverage by the histogram."""

import numpy as np

from micrograph.scans.rendering import clip_limits

ENDS_PERCENT = (0.5, 99.5)  # of heights, those that the micrograph is clipped to


def amplitudes(height_nm):
    """The height parameters of a map with the mean zero, as a dict.

    rms_roughness: Sq, Rq of a profile, the root of the mean square; mean_roughness: Sa, Ra, the mean of the absolute
    heights; height_range: from the 0.5th to the 99.5th percentile, ISO's Sdc, where Sz and Rz, the whole range, would
    measure one particle; skewness: Ssk, above 0 where peaks stand on flat ground, below where pits lie in it; kurtosis:
    Sku, 3 for normally distributed heights, more where few heights stand out. All but the last two in the unit of the
    heights.
    """
    square = height_nm * height_nm
    variance = square.mean()
    low, high = clip_limits(height_nm, ENDS_PERCENT)
    return {
        "rms_roughness": float(np.sqrt(variance)),
        "mean_roughness": float(np.abs(height_nm).mean()),
        "height_range": float(high - low),
        "skewness": float((square * height_nm).mean() / variance**1.5),
        "kurtosis": float((square * square).mean() / variance**2),
    }


def coverage(height_nm):
    """What the histogram says of two levels, as a dict.

    The heights are parted by Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9, 62, 1979), which leaves the least
    variance within the two parts. coverage_pct: the share above it; layer_height: the distance of the parts' means, in
    the unit of the heights; bimodality: the share of the variance that lies between the parts, 1 for two flat levels,
    0.64 (2 / pi) for normally distributed heights, which have no two levels. NaN where the ends of the histogram meet.
    """
    from skimage.filters import threshold_otsu

    low, high = clip_limits(height_nm, ENDS_PERCENT)
    if not high > low:
        return dict.fromkeys(("coverage_pct", "layer_height", "bimodality"), float("nan"))
    clipped = np.clip(height_nm, low, high)
    above = clipped > threshold_otsu(clipped)
    share = above.mean()
    apart = clipped[above].mean() - clipped[~above].mean()
    return {
        "coverage_pct": float(100 * share),
        "layer_height": float(apart),
        "bimodality": float(share * (1 - share) * apart**2 / clipped.var()),
    }
