"""The published way from raw scan to micrograph, plainly: pySPM, a polyfit a line, SciPy's median filter.

After the description in the study (Moses and Reinhart, arXiv 2310.07816, and its code record, Zenodo 10534837): only
what it does, none of its code. The picture comes out with the bottom line first, as pySPM reads it.
"""

import numpy as np
import scipy.ndimage
import scipy.sparse


def micrograph(path, channel="Height Sensor", pixels=224):
    """The (pixels, pixels) uint8 micrograph of one NanoScope file, bottom line first.

    pySPM takes the trace if there is one and the retrace otherwise; it never returns from a file without end of header.
    """
    import pySPM

    scan = pySPM.Bruker(path).get_channel(channel)
    scan.correct_plane()
    scan.corr_fit2d(nx=2, ny=1)
    scan.filter_scars_removal(0.5)
    return picture(flatten_lines(scan.pixels), pixels)


def flatten_lines(height_nm):
    """Every line less its own fitted quadratic, then the mean of all taken out."""
    flat = np.empty_like(height_nm)
    places = np.arange(height_nm.shape[1])
    for line, heights in enumerate(height_nm):
        flat[line] = heights - np.polyval(np.polyfit(places, heights, 2), places)
    return flat - flat.mean()


def picture(height_nm, pixels):
    """Median filter, clip at the 0.5 and 99.5 percentiles, 0..255, area interpolation, 8 bits."""
    filtered = scipy.ndimage.median_filter(height_nm, size=2)
    low, high = np.percentile(filtered, [0.5, 99.5])
    grey = (np.clip(filtered, low, high) - low) / (high - low) * 255
    upright, across = (area_weights(size, pixels) for size in grey.shape)
    return np.floor((across @ (upright @ grey).T).T + 0.5).astype(np.uint8)


def area_weights(size_in, size_out):
    """Sparse (size_out, size_in): the share that each input pixel has in each output pixel, as OpenCV's INTER_AREA."""
    step = size_in / size_out
    begin = np.arange(size_out)[:, None] * step
    columns = np.floor(begin).astype(int) + np.arange(int(np.ceil(step)) + 1)
    share = np.clip(np.minimum(begin + step, columns + 1) - np.maximum(begin, columns), 0, None) / step
    rows, places = np.nonzero((share > 1e-12) & (columns < size_in))
    return scipy.sparse.csr_array((share[rows, places], (rows, columns[rows, places])), shape=(size_out, size_in))
