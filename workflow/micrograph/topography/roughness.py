"""Roughness parameters under their ISO names, of surfaces (ISO 25178-2) and of scan lines (ISO 4287); coverage."""

import numpy as np
from numpy.typing import NDArray

from micrograph.scans.rendering import percentile_limits

RANGE_PERCENTILES = (0.5, 99.5)  # those of the micrograph
SLOPES = ("Sdq", "Sdr_pct")  # meaningful for heights in nm alone


def height_parameters(height_nm: NDArray[np.float64]) -> dict[str, float]:
    """Compute the height parameters of a map of mean zero.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
        Heights in any unit.

    Returns
    -------
    dict of str to float
        Of the surface: Sq, the root mean square height; Sa, the mean absolute height; Sdc, the range from the 0.5th to
        the 99.5th percentile; Ssk, the skewness; Sku, the kurtosis, 3 for normally distributed heights; Sz, the whole
        range, Sp above and Sv below the mean, which measure one particle or pit. Of the scan lines: Rq, Ra and Rz, the
        root mean square height, mean absolute height and range of a line about its own mean, over all lines. All but
        Ssk and Sku in the unit of the heights.
    """
    square = height_nm * height_nm
    variance = square.mean()
    low, high = percentile_limits(height_nm, RANGE_PERCENTILES)
    lines = height_nm - height_nm.mean(axis=1, keepdims=True)
    highest, lowest = height_nm.max(), height_nm.min()
    parameters = {
        "Sq": np.sqrt(variance),
        "Sa": np.abs(height_nm).mean(),
        "Sdc": high - low,
        "Ssk": (square * height_nm).mean() / variance**1.5,
        "Sku": (square * square).mean() / variance**2,
        "Sz": highest - lowest,
        "Sp": highest,
        "Sv": -lowest,
        "Rq": np.sqrt((lines * lines).mean()),
        "Ra": np.abs(lines).mean(),
        "Rz": np.ptp(lines, axis=1).mean(),
    }
    return {name: float(value) for name, value in parameters.items()}


def slope_parameters(height_nm: NDArray[np.float64], pixel_nm: tuple[float, float]) -> dict[str, float]:
    """Compute the hybrid parameters of a map: of its surface of two triangles between four pixels.

    Parameters
    ----------
    height_nm : ndarray of shape (lines, pixels)
    pixel_nm : (float, float)
        Pixel size down and across.

    Returns
    -------
    dict of str to float
        Sdq: root mean square gradient. Sdr_pct: developed interfacial area ratio, by how much the surface exceeds its
        projection, in percent.
    """
    down, across = (np.diff(height_nm, axis=axis) / size for axis, size in enumerate(pixel_nm))
    triangles = (down[:, :-1], across[:-1]), (down[:, 1:], across[1:])
    squares = [slope * slope + other * other for slope, other in triangles]
    area = np.mean([np.sqrt(1 + square).mean() for square in squares])
    return {"Sdq": float(np.sqrt(np.mean(squares))), "Sdr_pct": float(100 * (area - 1))}


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
