"""A film on a stepped crystal, grown in the computer: heights in nm and masks of what is where.

What is known: a layer of MoS2 is 0.65 nm thick (half the c axis of 2H-MoS2, 1.23 nm, is 0.615 nm; AFM finds
0.6 to 0.7); sapphire (a = 0.476 nm, c = 1.299 nm) has steps of c/6 = 0.217 nm on c planes, a/2 = 0.238 nm on
A planes and multiples of 0.137 nm on M planes, here two of them; the width of a terrace is step /
tan(miscut). On c-plane sapphire most domains lie at 0 and 60 degrees and those of one orientation merge
without a seam (Kandybka and others, ACS Nano 2024, MOCVD of MoS2); triangles cross low steps with an edge
along them (Nanomaterials 2023, 13, 3056). What is invented for the simulation: how rough, frayed, pitted and
dirty a film is.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from micrograph import domains, fields

LAYER_NM = 0.65
STEP_NM = {"c": 0.217, "A": 0.238, "M": 0.275}
MASKS = ("domains", "islands", "boundaries", "terraces", "pits", "particles")


class Steps(NamedTuple):
    """The crystal's surface: height and spacing of its steps, the direction downhill, how they wander."""

    step_nm: float = 0.217
    terrace_nm: float = 60.0
    angle: float = np.pi / 2
    wander: float = 0.3
    wander_nm: float = 80.0
    scallop: float = 0.5


class Recipe(NamedTuple):
    """What grows on it. Lengths in nm, densities a square micrometre, shares 0 to 1."""

    density: float = 100.0
    cover: float = 1.0
    at_steps: float = 0.3
    spread: float = 0.3
    aligned: float = 0.8
    twins: float = 0.4
    lattice: float = 0.0
    truncation: float = 1.4
    fray: float = 0.05
    relief: float = 0.0
    second: float = 0.5
    second_cover: float = 0.5
    pyramid: int = 0
    seam_nm: float = 0.3
    seam_wide_nm: float = 4.0
    pits: float = 0.0
    pit_nm: float = 6.0
    particles: float = 10.0
    particle_nm: float = 5.0
    needles: float = 0.0
    grain_nm: float = 0.0


class Film(NamedTuple):
    """height_nm: (lines, pixels) float32; masks: MASKS -> bool array of the same shape; pixel_nm: (down, across)."""

    height_nm: np.ndarray
    masks: dict
    pixel_nm: tuple


def grow(recipe, steps, shape, pixel_nm, rng):
    """Grow one film of `shape` pixels of pixel_nm = (down, across). Returns a Film."""
    height, edges = terraces(steps, shape, pixel_nm, rng)
    nuclei = nucleate(recipe, edges, shape, pixel_nm, rng)
    reach = float(np.median(nuclei.reach_nm)) if len(nuclei.x_nm) else 0.0
    frayed = None
    if recipe.fray > 0 and reach > 0:
        longest = max(1.2 * reach / max(pixel_nm), 3.0)
        frayed = np.float32(recipe.fray * reach) * fields.rough(shape, longest, rng, octaves=5, fall=0.75)
    margin, label = domains.grow(nuclei, shape, pixel_nm, frayed, rng)
    covered = label >= 0
    seams = domains.boundaries(label, nuclei.angle)
    masks = {"domains": covered, "boundaries": seams, "terraces": edges}
    height += np.float32(LAYER_NM) * covered
    height += _relief(recipe, margin, label, nuclei, rng)
    height += _seam_heights(recipe, seams, pixel_nm)
    masks["islands"] = _second_layers(height, recipe, nuclei, covered, frayed, pixel_nm, rng)
    if recipe.grain_nm > 0:
        height += np.float32(recipe.grain_nm) * covered * fields.smooth(shape, (9 / pixel_nm[0], 9 / pixel_nm[1]), rng)
    masks["pits"] = _pits(height, recipe, covered, pixel_nm, rng)
    masks["particles"] = _particles(height, recipe, edges, pixel_nm, rng) | _needles(height, recipe, pixel_nm, rng)
    return Film(height, masks, pixel_nm)


def terraces(steps, shape, pixel_nm, rng):
    """The bare crystal: (height in nm, mask of the pixels at the foot of a step).

    Steps follow one another downhill along steps.angle; each wanders by about `wander` terrace widths,
    smoothly over wander_nm along it; a scalloped step is made of round lobes that meet in cusps.
    """
    across, down = np.cos(steps.angle), np.sin(steps.angle)
    x_nm = np.arange(shape[1], dtype=np.float32) * np.float32(pixel_nm[1])
    y_nm = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(pixel_nm[0])
    downhill = x_nm * np.float32(across) + y_nm * np.float32(down)
    along = y_nm * np.float32(across) - x_nm * np.float32(down)
    downhill -= downhill.min()
    along -= along.min()
    fine = 4.0
    cells = (2.5 * steps.terrace_nm / fine, steps.wander_nm / fine)
    grid = (int(downhill.max() / fine) + 2, int(along.max() / fine) + 2)
    lobes = fields.smooth(grid, cells, rng)
    lobes = (1 - steps.scallop) * lobes + steps.scallop * 1.6 * np.abs(lobes)
    lobes += 0.5 * fields.smooth(grid, (2 * steps.terrace_nm / fine, 0.3 * steps.wander_nm / fine), rng)
    wander = np.float32(steps.wander * steps.terrace_nm) * fields.sample(lobes, downhill / fine, along / fine)
    terrace = np.floor((downhill + wander) / np.float32(steps.terrace_nm) + np.float32(rng.random()))
    edges = np.zeros(shape, bool)
    edges[:-1] |= terrace[:-1] != terrace[1:]
    edges[:, :-1] |= terrace[:, :-1] != terrace[:, 1:]
    return np.float32(-steps.step_nm) * terrace, edges


def nucleate(recipe, edges, shape, pixel_nm, rng):
    """Place the nuclei, a share of them at step edges, and give each its orientation, shape and reach.

    A margin around the picture nucleates too, so that its rim looks like its middle. The mean reach is such
    that cover = 1 lets domains meet; nuclei born late (share `spread` of the time) reach less.
    """
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    spacing = 1000 / np.sqrt(recipe.density)
    rim = min(1.2 * recipe.cover * spacing, 500.0)
    count = rng.poisson(recipe.density * (tall + 2 * rim) * (wide + 2 * rim) / 1e6)
    y_nm = rng.uniform(-rim, tall + rim, count)
    x_nm = rng.uniform(-rim, wide + rim, count)
    rows, columns = np.nonzero(edges)
    if len(rows):
        inside = (y_nm > 0) & (y_nm < tall) & (x_nm > 0) & (x_nm < wide) & (rng.random(count) < recipe.at_steps)
        picked = rng.integers(len(rows), size=int(inside.sum()))
        y_nm[inside], x_nm[inside] = rows[picked] * pixel_nm[0], columns[picked] * pixel_nm[1]
    twin = np.pi * (rng.random(count) < recipe.twins)
    tilt = np.where(
        rng.random(count) < recipe.aligned, rng.normal(0, 0.02, count), rng.uniform(-np.pi / 3, np.pi / 3, count)
    )
    truncation = np.clip(recipe.truncation + rng.normal(0, 0.12, count), 1.0, 2.0)
    reach = 0.75 * recipe.cover * spacing * (1 - recipe.spread * rng.random(count)) / np.sqrt(polygon_area(truncation))
    return domains.Nuclei(x_nm, y_nm, recipe.lattice + twin + tilt, truncation, reach)


def polygon_area(truncation):
    """Area of a domain in units of the regular hexagon with the same near faces: 1 for a hexagon, 1.5 for a triangle.

    The triangle's area is 3 sqrt(3) for near faces at distance 1; each of its corners loses (2 -
    truncation)^2 / sqrt(3).
    """
    return (3 - (2 - truncation) ** 2) / 2


def _relief(recipe, margin, label, nuclei, rng):
    """Extra height of whole domains (thicker grains, domed as far as growth went) in a film that is not flat."""
    thick = (rng.random(len(nuclei.x_nm) + 1) < recipe.relief) * rng.integers(1, 4, len(nuclei.x_nm) + 1)
    thick[-1] = 0
    layers = thick.astype(np.float32)[label]
    reach = max(float(np.max(nuclei.reach_nm, initial=1.0)), 1.0)
    dome = np.clip(margin / np.float32(reach), 0, 0.5)
    return np.float32(LAYER_NM) * layers * (np.float32(0.5) + dome)


def _seam_heights(recipe, seams, pixel_nm):
    """Grain boundaries: ridges (seam_nm above 0) or gaps (below), of Gaussian section."""
    if recipe.seam_nm == 0 or not seams.any():
        return np.float32(0)
    sigma = [max(0.4 * recipe.seam_wide_nm / pixel, 0.5) for pixel in pixel_nm]
    profile = ndimage.gaussian_filter(seams.astype(np.float32), sigma, truncate=2.5)
    return np.float32(recipe.seam_nm * 2.5 * np.mean(sigma)) * profile


def _second_layers(height, recipe, nuclei, covered, frayed, pixel_nm, rng):
    """Grow second (and, in pyramids, higher) layers on the first; add them to height, return their mask."""
    born = rng.random(len(nuclei.x_nm)) < recipe.second
    found = np.zeros(height.shape, bool)
    share = recipe.second_cover * rng.uniform(0.3, 1.0, len(nuclei.x_nm))
    for layer in range(1 + recipe.pyramid):
        above = nuclei._replace(reach_nm=nuclei.reach_nm * share * (1 - layer / (1 + recipe.pyramid)))
        above = above.keep(born)
        _, label = domains.grow(above, height.shape, pixel_nm, None if frayed is None else 0.5 * frayed, rng)
        upper = (label >= 0) & covered
        height += np.float32(LAYER_NM) * upper
        found |= upper
        born &= rng.random(len(born)) < 0.5 if layer == 0 else True
    return found


def _pits(height, recipe, covered, pixel_nm, rng):
    """Round holes through the film, one to three layers deep."""
    found = np.zeros(height.shape, bool)
    for y_nm, x_nm in _places(recipe.pits, height.shape, pixel_nm, rng):
        radius = recipe.pit_nm * rng.uniform(0.5, 1.5)
        rows, columns, away = _disc(y_nm, x_nm, radius, height.shape, pixel_nm)
        hole = (away < radius) & covered[rows, columns]
        height[rows, columns] -= np.float32(LAYER_NM * rng.integers(1, 4)) * hole
        found[rows, columns] |= hole
    return found


def _particles(height, recipe, edges, pixel_nm, rng):
    """Caps of round particles, some of them at step edges, most small and a few large."""
    found = np.zeros(height.shape, bool)
    rows_at, columns_at = np.nonzero(edges)
    for y_nm, x_nm in _places(recipe.particles, height.shape, pixel_nm, rng):
        radius = recipe.particle_nm * rng.lognormal(0, 0.4)
        if len(rows_at) and rng.random() < recipe.at_steps:
            pick = rng.integers(len(rows_at))
            y_nm, x_nm = rows_at[pick] * pixel_nm[0], columns_at[pick] * pixel_nm[1]
        rows, columns, away = _disc(y_nm, x_nm, radius, height.shape, pixel_nm)
        cap = np.sqrt(np.maximum(1 - (away / radius) ** 2, 0)) * np.float32(0.6 * radius)
        height[rows, columns] += cap
        found[rows, columns] |= cap > 0
    return found


def _needles(height, recipe, pixel_nm, rng):
    """Upright plates seen from above: narrow bars along the lattice's directions, several nm high."""
    found = np.zeros(height.shape, bool)
    for y_nm, x_nm in _places(recipe.needles, height.shape, pixel_nm, rng):
        length, width, tall = rng.uniform(25, 90), rng.uniform(8, 18), rng.uniform(2, 9)
        angle = recipe.lattice + np.pi / 3 * rng.integers(3) + rng.normal(0, 0.1)
        rows, columns, _ = _disc(y_nm, x_nm, length, height.shape, pixel_nm)
        down = (np.arange(rows.start, rows.stop) * pixel_nm[0] - y_nm)[:, None]
        across = np.arange(columns.start, columns.stop) * pixel_nm[1] - x_nm
        along = np.abs(across * np.cos(angle) + down * np.sin(angle))
        aside = np.abs(down * np.cos(angle) - across * np.sin(angle))
        bar = (along < length) & (aside < width)
        height[rows, columns] += np.float32(tall) * bar
        found[rows, columns] |= bar
    return found


def _places(density, shape, pixel_nm, rng):
    """Random places (y_nm, x_nm) in the picture, `density` of them a square micrometre on average."""
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    return rng.random((rng.poisson(density * tall * wide / 1e6), 2)) * (tall, wide)


def _disc(y_nm, x_nm, radius_nm, shape, pixel_nm):
    """The window around a place as row and column slices, and the distance of its pixels from the place in nm."""
    top, left = (max(int((at - radius_nm) / size), 0) for at, size in zip((y_nm, x_nm), pixel_nm, strict=True))
    bottom = min(int((y_nm + radius_nm) / pixel_nm[0]) + 2, shape[0])
    right = min(int((x_nm + radius_nm) / pixel_nm[1]) + 2, shape[1])
    down = (np.arange(top, bottom) * pixel_nm[0] - y_nm)[:, None]
    across = np.arange(left, right) * pixel_nm[1] - x_nm
    return slice(top, bottom), slice(left, right), np.hypot(down, across).astype(np.float32)
