"""Grains by watershed: every bump of the surface with what drains from it, counted and measured (scikit-image)."""

import numpy as np

from micrograph.topography.roughness import coverage

NAMES = ("grain_density_um2", "grain_diameter_nm", "grain_diameter_spread")
SMOOTH_NM = 4.0  # standard deviation of the Gaussian that takes the pixels' noise out
PROMINENCE = 0.25  # of the height between the two levels of the histogram
FEWEST = 3
NM2_A_UM2 = 1e6


def grains(height_nm, pixel_nm):
    """What grains there are on a map (lattice.coarse), as a dict of NAMES.

    A grain is a summit that rises above its saddles by a quarter of the height between the two levels of the histogram
    (roughness.coverage), and its basin by watershed. Densities on simulated films so follow those of their nuclei, with
    a rank correlation of 0.6: domains that merge without a seam count as one grain, islands on a domain as grains of
    their own. grain_density_um2: grains a square micrometre, those at the rim counted half; grain_diameter_nm: of those
    off the rim, the median diameter of a disc as large as the part of the basin above half the grain's own height;
    grain_diameter_spread: standard deviation of these diameters over their mean. The last two are NaN with fewer than 3
    grains off the rim.
    """
    label, count = basins(height_nm, pixel_nm)
    inner = np.ones(count, bool)
    inner[np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]) - 1] = False
    area_um2 = label.size * pixel_nm[0] * pixel_nm[1] / NM2_A_UM2
    density = (inner.sum() + 0.5 * (~inner).sum()) / area_um2
    if inner.sum() < FEWEST:
        return dict(zip(NAMES, (float(density), float("nan"), float("nan")), strict=True))
    pixels = _above_half(height_nm, label, count)[inner]
    diameter_nm = np.sqrt(4 / np.pi * pixels * pixel_nm[0] * pixel_nm[1])
    spread = diameter_nm.std() / diameter_nm.mean()
    return dict(zip(NAMES, map(float, (density, np.median(diameter_nm), spread)), strict=True))


def basins(height_nm, pixel_nm):
    """((lines, pixels) grain of every pixel, from 1; number of grains)."""
    from scipy import ndimage
    from skimage.segmentation import watershed

    smooth = ndimage.gaussian_filter(height_nm, [SMOOTH_NM / size for size in pixel_nm], mode="nearest")
    levels_nm = coverage(smooth)["layer_height"]
    rise = PROMINENCE * (levels_nm if levels_nm > 0 else smooth.std())
    return merged(smooth, watershed(-smooth, connectivity=2), rise)


def merged(height_nm, label, rise):
    """(label, number of labels) of a watershed's basins once every summit that rises less than `rise` above its highest
    saddle has gone to the basin beyond that saddle.

    What stays are the h-maxima (Soille, Morphological Image Analysis, 2003), without their reconstruction, which takes
    longer than all else that is measured. height_nm, label: (lines, pixels), labels from 1.
    """
    count = int(label.max())
    tops = extremes(np.maximum, height_nm, label, count).tolist()
    owner = list(range(count))
    for first, second, saddle in _saddles(height_nm, label, count):
        first, second = _root(owner, first), _root(owner, second)
        low, high = (first, second) if tops[first] < tops[second] else (second, first)
        if low != high and tops[low] - saddle < rise:
            owner[low] = high
    roots, names = np.unique([_root(owner, place) for place in range(count)], return_inverse=True)
    return names[label - 1] + 1, len(roots)


def _root(owner, place):
    """The basin that `place` has gone to in the end; the way there is shortened."""
    while owner[place] != place:
        owner[place] = place = owner[owner[place]]
    return place


def _saddles(height_nm, label, count):
    """(basin, basin, height of the highest saddle between them) of all neighbours, from 0, the highest saddle first."""
    sides = (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])
    corners = (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[:-1, 1:], np.s_[1:, :-1])
    pairs, heights = [], []
    for here, there in (*sides, *corners):
        apart = label[here] != label[there]
        ends = np.sort([label[here][apart] - 1, label[there][apart] - 1], axis=0)
        pairs.append(ends[0] * count + ends[1])
        heights.append(np.minimum(height_nm[here][apart], height_nm[there][apart]))
    pair, height = np.concatenate(pairs), np.concatenate(heights)
    order = np.argsort(-height, kind="stable")
    _, first = np.unique(pair[order], return_index=True)
    best = order[np.sort(first)]
    return zip((pair[best] // count).tolist(), (pair[best] % count).tolist(), height[best].tolist(), strict=True)


def extremes(which, values, label, count):
    """(count,) extreme of the values of every label from 1; which: np.maximum or np.minimum."""
    found = np.full(count + 1, -np.inf if which is np.maximum else np.inf)
    which.at(found, label.ravel(), values.ravel())
    return found[1:]


def _above_half(height_nm, label, count):
    """(count,) number of pixels of every grain that are higher than half way from its lowest to its highest."""
    low, high = (extremes(which, height_nm, label, count) for which in (np.minimum, np.maximum))
    half = np.concatenate([[0], (low + high) / 2])
    return np.bincount(label.ravel(), (height_nm > half[label]).ravel(), minlength=count + 1)[1:]
