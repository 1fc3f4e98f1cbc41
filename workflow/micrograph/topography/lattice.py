"""The pixels of a height map: what of it can be measured at all, and a coarser map of nearly equal pixels.

Scans of one study have 256 or 512 pixels a line, and may be stopped or not square. What is measured on the coarser map
is measured at about one resolution, so that it tells films apart and not the settings of the microscope.
"""

import numpy as np

from micrograph.faults import Fault

GRID_NM = 4.0  # a micrometre at 256 pixels a line has 3.9 nm, the coarsest full scan of the study
FEWEST = 8  # lines, and pixels of a line, below which nothing lateral is told
BLANK = 1e-9


def checked(height_nm, pixel_nm):
    """(heights with the mean zero as float64, (down, across) as floats) of a map that can be measured.

    height_nm: (lines, pixels), not changed; pixel_nm: nm a pixel, down and across. Raises Fault for other shapes,
    values that are no numbers, pixels without a size, and maps of one height.
    """
    height_nm = np.asarray(height_nm, dtype=np.float64)
    if height_nm.ndim != 2 or height_nm.size < 2:
        raise Fault(f"a height map of shape {height_nm.shape} cannot be measured; it needs lines of pixels.")
    down, across = (float(size) for size in pixel_nm)
    if not (0 < down < np.inf and 0 < across < np.inf):
        raise Fault(f"pixels of {down:g} x {across:g} nm cannot be measured; give their size, down and across.")
    largest = max(height_nm.max(), -height_nm.min())
    if not np.isfinite(largest):
        raise Fault("the height map holds values that are no numbers; export the scan without masked pixels.")
    level = height_nm - height_nm.mean()
    if np.abs(level).max() <= BLANK * largest:
        raise Fault("the height map is of one height everywhere; take the scan out.")
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
