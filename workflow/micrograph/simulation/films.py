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

from micrograph.simulation import domains, random_fields

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
    even: float = 0.5
    cover: float = 1.0
    at_steps: float = 0.3
    spread: float = 0.3
    aligned: float = 0.8
    twins: float = 0.4
    lattice: float = 0.0
    truncation: float = 1.4
    fray: float = 0.05
    relief: float = 0.0
    second: float = 30.0
    second_cover: float = 0.5
    rim_nm: float = 0.0
    pyramid: int = 0
    seam_nm: float = 0.3
    seam_wide_nm: float = 4.0
    pits: float = 0.0
    pit_nm: float = 6.0
    particles: float = 10.0
    particle_nm: float = 5.0
    needles: float = 0.0
    grain_nm: float = 0.0
    grain_wide_nm: float = 9.0


class Film(NamedTuple):
    """height_nm: (lines, pixels) float32; masks: MASKS -> bool array of the same shape; pixel_nm: (down, across)."""

    height_nm: np.ndarray
    masks: dict
    pixel_nm: tuple


def grow(recipe, steps, shape, pixel_nm, rng):
    """Grow one film of `shape` pixels of pixel_nm = (down, across). Returns a Film."""
    height, edges = terraces(steps, shape, pixel_nm, rng)
    margin, label, nuclei = _layer(recipe, edges, shape, pixel_nm, rng)
    covered = label >= 0
    seams = domains.boundaries(label, nuclei.angle)
    masks = {"domains": covered, "boundaries": seams, "terraces": edges}
    height += np.float32(LAYER_NM) * covered
    height += _relief(recipe, margin, label, rng)
    height += _line(seams, recipe.seam_nm, recipe.seam_wide_nm, pixel_nm)
    masks["islands"] = _islands(height, recipe, edges, covered, pixel_nm, rng)
    if recipe.grain_nm > 0:
        lengths = [recipe.grain_wide_nm / pixel for pixel in pixel_nm]
        height += np.float32(recipe.grain_nm) * covered * random_fields.smooth(shape, lengths, rng)
    masks["pits"] = _pits(height, recipe, covered, pixel_nm, rng)
    masks["particles"] = _particles(height, recipe, edges, pixel_nm, rng)
    masks["particles"] |= _needles(height, recipe, pixel_nm, rng)
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
    cells = (1.4 * steps.terrace_nm / fine, steps.wander_nm / fine)
    grid = (int(downhill.max() / fine) + 2, int(along.max() / fine) + 2)
    lobes = random_fields.smooth(grid, cells, rng)
    lobes = (1 - steps.scallop) * lobes + steps.scallop * 1.6 * np.sqrt(lobes**2 + np.float32(0.02))
    lobes += 0.35 * random_fields.smooth(grid, (2 * steps.terrace_nm / fine, 0.3 * steps.wander_nm / fine), rng)
    wander = np.float32(steps.wander * steps.terrace_nm) * random_fields.sample(lobes, downhill / fine, along / fine)
    terrace = np.floor((downhill + wander) / np.float32(steps.terrace_nm) + np.float32(rng.random()))
    edges = np.zeros(shape, bool)
    edges[:-1] |= terrace[:-1] != terrace[1:]
    edges[:, :-1] |= terrace[:, :-1] != terrace[:, 1:]
    return np.float32(-steps.step_nm) * terrace, edges


def nucleate(recipe, edges, shape, pixel_nm, rng):
    """Place the nuclei, a share of them at step edges, and give each its orientation, shape and reach.

    A nucleus collects the adatoms around it and keeps others away: a share `even` nucleates one in each cell of a net.
    A margin around the picture nucleates too, so that its rim looks like its middle. The mean reach is such
    that cover = 1 lets domains meet; nuclei born late (share `spread` of the time) reach less.
    """
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    spacing = 1000 / np.sqrt(recipe.density)
    rim = min(1.2 * recipe.cover * spacing, 500.0)
    y_nm, x_nm = _spaced(recipe, rim, tall, wide, rng)
    count = len(x_nm)
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


def _spaced(recipe, rim, tall, wide, rng):
    """Places (y_nm, x_nm) over the picture and its rim: some one in each square cell of a net, the others anywhere."""
    y_nm, x_nm = np.empty(0), np.empty(0)
    if recipe.even > 0:
        cell = 1000 / np.sqrt(recipe.density * recipe.even)
        down, across = (np.arange(-rim - cell * rng.random(), size + rim, cell) for size in (tall, wide))
        y_nm = (down[:, None] + cell * rng.random((len(down), len(across)))).ravel()
        x_nm = (across + cell * rng.random((len(down), len(across)))).ravel()
    area = (tall + 2 * rim) * (wide + 2 * rim) / 1e6
    others = rng.random((rng.poisson(recipe.density * (1 - recipe.even) * area), 2))
    y_nm = np.append(y_nm, others[:, 0] * (tall + 2 * rim) - rim)
    x_nm = np.append(x_nm, others[:, 1] * (wide + 2 * rim) - rim)
    return y_nm, x_nm


def polygon_area(truncation):
    """Area of a domain over that of the regular hexagon with the same near faces: 1.5 for a triangle.

    The triangle's area is 3 sqrt(3) for near faces at distance 1; each corner loses (2 - truncation)^2 / sqrt(3).
    """
    return (3 - (2 - truncation) ** 2) / 2


def _layer(recipe, edges, shape, pixel_nm, rng):
    """Nucleate and grow one layer: (margin, label) as domains.grow, and the nuclei."""
    nuclei = nucleate(recipe, edges, shape, pixel_nm, rng)
    reach = float(np.median(nuclei.reach_nm)) if len(nuclei.x_nm) else 0.0
    frayed = None
    if recipe.fray * reach > 0.25 * max(pixel_nm):  # less would not be seen
        longest = max(1.2 * reach / max(pixel_nm), 3.0)
        frayed = np.float32(recipe.fray * reach) * random_fields.rough(shape, longest, rng, octaves=5, fall=0.75)
    return *domains.grow(nuclei, shape, pixel_nm, frayed, rng), nuclei


def _relief(recipe, margin, label, rng):
    """Extra height of whole domains (thicker grains, domed as far as growth went) in a film that is not flat."""
    count = int(label.max(initial=-1)) + 1
    thick = (rng.random(count + 1) < recipe.relief) * rng.integers(1, 4, count + 1)
    thick[-1] = 0
    layers = thick.astype(np.float32)[label]
    dome = np.clip(margin / max(float(margin.max(initial=1.0)), 1.0), 0, 0.5)
    return np.float32(LAYER_NM) * layers * (np.float32(0.5) + dome)


def _line(mask, tall_nm, wide_nm, pixel_nm):
    """A ridge (tall_nm above 0) or groove (below) of Gaussian section along the pixels of a thin mask."""
    from scipy import ndimage

    if tall_nm == 0 or not mask.any():
        return np.float32(0)
    sigma = [max(0.4 * wide_nm / pixel, 0.5) for pixel in pixel_nm]
    profile = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=2.5)
    return np.float32(tall_nm * 2.5 * np.mean(sigma)) * profile


def _islands(height, recipe, edges, covered, pixel_nm, rng):
    """Grow islands on the film and add them to height; return the mask of what has more than one layer.

    `second` nucleate a square micrometre; every other one carries `pyramid` more layers, each smaller than the last.
    rim_nm raises their edges, where growth went on last.
    """
    from scipy import ndimage

    upper = recipe._replace(
        density=recipe.second, even=0.0, cover=recipe.second_cover, spread=0.7, fray=0.6 * recipe.fray
    )
    _, label, nuclei = _layer(upper, edges, height.shape, pixel_nm, rng)
    found = (label >= 0) & covered
    height += np.float32(LAYER_NM) * found
    if recipe.rim_nm > 0:
        inside = ndimage.binary_erosion(found, border_value=1)
        height += _line(found & ~inside, recipe.rim_nm, recipe.seam_wide_nm, pixel_nm)
    tall = nuclei.keep(rng.random(len(nuclei.x_nm)) < 0.5)
    for layer in range(1, 1 + recipe.pyramid):
        smaller = tall._replace(reach_nm=tall.reach_nm * (1 - layer / (1 + recipe.pyramid)))
        _, label = domains.grow(smaller, height.shape, pixel_nm)
        height += np.float32(LAYER_NM) * ((label >= 0) & found)
    return found


def _pits(height, recipe, covered, pixel_nm, rng):
    """Round holes through the film, one to three layers deep."""
    found = np.zeros(height.shape, bool)
    for place in _places(recipe.pits, height.shape, pixel_nm, rng):
        radius = recipe.pit_nm * rng.uniform(0.5, 1.5)
        rows, columns, along, across = _turned(place, radius, 0.0, height.shape, pixel_nm)
        hole = (np.hypot(along, across) < radius) & covered[rows, columns]
        height[rows, columns] -= np.float32(LAYER_NM * rng.integers(1, 4)) * hole
        found[rows, columns] |= hole
    return found


def _particles(height, recipe, edges, pixel_nm, rng):
    """Caps of particles, some of them at step edges, most small and a few large, none quite round."""
    found = np.zeros(height.shape, bool)
    steps_at = np.argwhere(edges) * pixel_nm
    for place in _places(recipe.particles, height.shape, pixel_nm, rng):
        radius = recipe.particle_nm * rng.lognormal(0, 0.35)
        if len(steps_at) and rng.random() < recipe.at_steps:
            place = steps_at[rng.integers(len(steps_at))]
        long, aside = rng.uniform(1.0, 1.5), rng.uniform(0.7, 1.0)
        rows, columns, along, across = _turned(place, 1.5 * radius, rng.uniform(0, np.pi), height.shape, pixel_nm)
        away = (along / (long * radius)) ** 2 + (across / (aside * radius)) ** 2
        cap = np.sqrt(np.maximum(1 - away, 0)) * np.float32(radius * rng.uniform(0.1, 0.45))
        height[rows, columns] += cap.astype(np.float32)
        found[rows, columns] |= cap > 0
    return found


def _needles(height, recipe, pixel_nm, rng):
    """Upright plates seen from above: narrow uneven bars along the lattice's directions, several nm high."""
    found = np.zeros(height.shape, bool)
    for place in _places(recipe.needles, height.shape, pixel_nm, rng):
        length, width, tall = rng.uniform(15, 60), rng.uniform(5, 11), rng.lognormal(np.log(2.5), 0.6)
        angle = recipe.lattice + np.pi / 3 * rng.integers(3) + rng.normal(0, 0.15)
        rows, columns, along, across = _turned(place, length + 10, angle, height.shape, pixel_nm)
        uneven = random_fields.rough(along.shape, max(0.7 * length / max(pixel_nm), 1.0), rng)
        bar = (np.abs(along) < length + 6 * uneven) & (np.abs(across) < width * (1 + 0.3 * uneven))
        height[rows, columns] += np.float32(tall) * bar * np.maximum(1 + np.float32(0.3) * uneven, 0)
        found[rows, columns] |= bar
    return found


def _places(density, shape, pixel_nm, rng):
    """Random places (y_nm, x_nm) in the picture, `density` of them a square micrometre on average."""
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    return rng.random((rng.poisson(density * tall * wide / 1e6), 2)) * (tall, wide)


def _turned(place, radius_nm, angle, shape, pixel_nm):
    """The window around a place (y_nm, x_nm): rows, columns, and its pixels' coordinates along and across `angle`."""
    top, left = (max(int((at - radius_nm) / size), 0) for at, size in zip(place, pixel_nm, strict=True))
    bottom, right = (
        max(min(int((at + radius_nm) / size) + 2, end), start)
        for at, size, end, start in zip(place, pixel_nm, shape, (top, left), strict=True)
    )
    down = (np.arange(top, bottom) * pixel_nm[0] - place[0])[:, None]
    right_of = np.arange(left, right) * pixel_nm[1] - place[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    return slice(top, bottom), slice(left, right), right_of * cosine + down * sine, down * cosine - right_of * sine
