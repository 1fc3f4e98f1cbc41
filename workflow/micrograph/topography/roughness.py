"""Height parameters of ISO 25178-2, and coverage from the histogram of heights."""

import numpy as np
from numpy.typing import NDArray

from micrograph.scans.rendering import percentile_limits

RANGE_PERCENTILES = (0.5, 99.5)  # those of the micrograph


def height_parameters(height_nm: NDArray[np.float64]) -> dict[str, float]:
    """Compute the height parameters of a map of mean zero.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights in any unit.

    Returns
    -------
    dict of str to float
        rms_roughness: Sq, the root mean square height (Rq of a profile). mean_roughness: Sa, the mean absolute height
        (Ra). height_range: Sdc, from the 0.5th to the 99.5th percentile; Sz, the whole range, would measure one
        particle. skewness: Ssk. kurtosis: Sku, 3 for normally distributed heights. All but the last two in the unit of
        the heights.
    """
    square = height_nm * height_nm
    variance = square.mean()
    low, high = percentile_limits(height_nm, RANGE_PERCENTILES)
    return {
        "rms_roughness": float(np.sqrt(variance)),
        "mean_roughness": float(np.abs(height_nm).mean()),
        "height_range": float(high - low),
        "skewness": float((square * height_nm).mean() / variance**1.5),
        "kurtosis": float((square * square).mean() / variance**2),
    }


def coverage(height_nm: NDArray[np.float64]) -> dict[str, float]:
    """Separate the heights into two levels by Otsu's threshold.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights in any unit.

    Returns
    -------
    dict of str to float
        coverage_pct: share above the threshold. layer_height: difference of the mean heights of both levels, in the
        unit of the heights. bimodality: share of the variance between the levels, 1 for two flat levels, 0.64 (2 / pi)
        for normally distributed heights. NaN where both percentiles of the range are equal.

    References
    ----------
    Otsu, IEEE Trans. Syst. Man Cybern. 9, 62 (1979).
    """
    from skimage.filters import threshold_otsu

    low, high = percentile_limits(height_nm, RANGE_PERCENTILES)
    if not high > low:
        return dict.fromkeys(("coverage_pct", "layer_height", "bimodality"), float("nan"))
    clipped = np.clip(height_nm, low, high)
    above = clipped > threshold_otsu(clipped)
    share = above.mean()
    difference = clipped[above].mean() - clipped[~above].mean()
    return {
        "coverage_pct": float(100 * share),
        "layer_height": float(difference),
        "bimodality": float(share * (1 - share) * difference**2 / clipped.var()),
    }
