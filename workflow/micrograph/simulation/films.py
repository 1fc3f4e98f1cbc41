"""A simulated film on a vicinal crystal surface: heights in nm and masks of its features.

From the literature: a layer of MoS2 is 0.65 nm thick (half the c axis of 2H-MoS2, 1.23 nm, is 0.615 nm; AFM gives
0.6 to 0.7 nm); sapphire (a = 0.476 nm, c = 1.299 nm) has steps of c/6 = 0.217 nm on c planes, a/2 = 0.238 nm on A
planes and multiples of 0.137 nm on M planes (here twice that); terraces are step / tan(miscut) wide. On c-plane
sapphire most domains are oriented at 0 and 60 degrees, and those of one orientation merge without a boundary [1]_;
triangles cross low steps with an edge along them [2]_. Assumed: roughness, edges, pits, cracks and
contamination.

References
----------
.. [1] Kandybka et al., ACS Nano (2024), MOCVD of MoS2 on stepped sapphire.
.. [2] Lu et al., Nanomaterials 13, 3056 (2023), step height of sapphire.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograph.simulation import domains, random_fields

LAYER_NM = 0.65
STEP_HEIGHT_NM = {"c": 0.217, "A": 0.238, "M": 0.275}  # by plane of the sapphire
SMALLEST_DOMAIN = 16  # pixels; what boundaries cut off is less
BARE_ROUGHNESS = 0.6
MASKS = ("domains", "islands", "boundaries", "terraces", "pits", "particles")

Shape = tuple[int, int]
PixelSize = tuple[float, float]
Mask = NDArray[np.bool_]
Heights = NDArray[np.float32]


class VicinalSurface(NamedTuple):
    """The steps of the crystal.

    Attributes
    ----------
    step_height_nm, terrace_width_nm : float
        Height and spacing of the steps.
    downhill_angle : float
        Direction downhill in radians.
    wander, wander_length_nm : float
        Amplitude of meandering in terrace widths (in 0.7 lengths, if that is less), and its correlation length along
        the step.
    scalloping : float
        0 for smooth meandering, 1 for round lobes that meet in cusps.
    spacing_spread : float
        Displacement of groups of steps in terrace widths: terraces are of unequal width, and steps bend together.
    """

    step_height_nm: float = 0.217
    terrace_width_nm: float = 60.0
    downhill_angle: float = np.pi / 2
    wander: float = 0.3
    wander_length_nm: float = 80.0
    scalloping: float = 0.5
    spacing_spread: float = 0.0


class Morphology(NamedTuple):
    """Parameters of a film. Densities are per square micrometre, shares 0 to 1, angles in radians.

    Attributes
    ----------
    density_um2, gridded_share, coverage : float
        Nuclei, the share of them with a cell of a square grid each, and the mean apothem (1: domains impinge).
    step_share, late_share : float
        Nuclei at step edges, and the part of growth over which nuclei form.
    aligned_share, twin_share, lattice_angle : float
        Domains aligned with the lattice, those of them rotated by 180 degrees, and the direction of the lattice.
    truncation, edge_roughness : float
        Mean shape of domains (`domains`), and roughness of their edges relative to their size.
    thick_share : float
        Domains of additional layers.
    island_density_um2, island_coverage, extra_layers, rim_nm
        Nuclei and apothem of islands on the film, layers that every other island carries, and height of their rims.
    boundary_nm, boundary_width_nm, boundary_beads : float
        Height (negative: depth) and width of grain boundaries, and by how much the height varies along them (0 to 1).
    pit_density_um2, pit_radius_nm : float
        Holes through the film.
    plate_density_um2, crack_width_nm : float
        Plates between cracks, and width of cracks (0: none).
    particle_density_um2, particle_radius_nm, particle_step_share : float
        Particles, and those of them at step edges.
    needle_density_um2, debris_density_um2 : float
        Upright plates and large crystals.
    roughness_nm, roughness_length_nm : float
        Amplitude and correlation length of roughness; on the bare crystal BARE_ROUGHNESS of the amplitude.
    """

    density_um2: float = 100.0
    gridded_share: float = 0.5
    coverage: float = 1.0
    step_share: float = 0.3
    late_share: float = 0.3
    aligned_share: float = 0.8
    twin_share: float = 0.4
    lattice_angle: float = 0.0
    truncation: float = 1.4
    edge_roughness: float = 0.05
    thick_share: float = 0.0
    island_density_um2: float = 30.0
    island_coverage: float = 0.5
    rim_nm: float = 0.0
    extra_layers: int = 0
    boundary_nm: float = 0.3
    boundary_width_nm: float = 4.0
    boundary_beads: float = 0.0
    pit_density_um2: float = 0.0
    pit_radius_nm: float = 6.0
    plate_density_um2: float = 10.0
    crack_width_nm: float = 0.0
    particle_density_um2: float = 10.0
    particle_radius_nm: float = 5.0
    particle_step_share: float = 0.3
    needle_density_um2: float = 0.0
    debris_density_um2: float = 0.0
    roughness_nm: float = 0.0
    roughness_length_nm: float = 9.0


class Film(NamedTuple):
    """A film.

    Attributes
    ----------
    height_nm : ndarray of shape (lines, pixels), float32
    masks : dict of str to ndarray of bool
        Features (MASKS), of the same shape.
    pixel_nm : (float, float)
        Pixel size down and across.
    """

    height_nm: Heights
    masks: dict[str, Mask]
    pixel_nm: PixelSize


def grow_film(
    morphology: Morphology, surface: VicinalSurface, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator
) -> Film:
    """Simulate one film.

    Parameters
    ----------
    morphology : Morphology
    surface : VicinalSurface
        The crystal under the film.
    shape : (int, int)
        Lines and pixels.
    pixel_nm : (float, float)
        Pixel size down and across.
    rng : numpy Generator

    Returns
    -------
    Film
    """
    height, step_edges = terraces(surface, shape, pixel_nm, rng)
    margin, label, nuclei = _grow_layer(morphology, step_edges, shape, pixel_nm, rng)
    covered = label >= 0
    boundaries = domains.grain_boundaries(label, nuclei.angle)
    masks = {"domains": covered, "boundaries": boundaries, "terraces": step_edges}
    height += np.float32(LAYER_NM) * covered
    height += _thick_domains(morphology, margin, label, rng)
    ridge = _ridge(boundaries, morphology.boundary_nm, morphology.boundary_width_nm, pixel_nm)
    if morphology.boundary_beads > 0 and np.ndim(ridge):
        ridge *= _beads(morphology, shape, pixel_nm, rng)
    height += ridge
    masks["islands"] = _add_islands(height, morphology, step_edges, covered, pixel_nm, rng)
    if morphology.roughness_nm > 0:
        lengths = [morphology.roughness_length_nm / pixel for pixel in pixel_nm]
        share = np.where(covered, np.float32(1), np.float32(BARE_ROUGHNESS))
        height += np.float32(morphology.roughness_nm) * share * random_fields.smooth(shape, lengths, rng)
    masks["pits"] = _add_pits(height, morphology, covered, pixel_nm, rng)
    masks["pits"] |= _add_cracks(height, morphology, covered, pixel_nm, rng)
    masks["particles"] = _add_particles(height, morphology, step_edges, pixel_nm, rng)
    masks["particles"] |= _add_debris(height, morphology, pixel_nm, rng)
    masks["particles"] |= _add_needles(height, morphology, pixel_nm, rng)
    return Film(height, masks, pixel_nm)


def measure_domains(masks: dict[str, Mask], pixel_nm: PixelSize) -> dict[str, float]:
    """Measure the domains of a film by its masks.

    Parameters
    ----------
    masks : dict of str to ndarray of bool
        With ``domains`` and ``boundaries``.
    pixel_nm : (float, float)
        Pixel size down and across.

    Returns
    -------
    dict of str to float
        domain_diameter_nm: mean equivalent diameter weighted by area, NaN without a domain; domain_density_um2: domains
        of `SMALLEST_DOMAIN` pixels or more per square micrometre; domain_coverage_pct. Domains that merged without a
        boundary are one.
    """
    from scipy import ndimage

    label, count = ndimage.label(masks["domains"] & ~masks["boundaries"])
    pixels = np.bincount(label.ravel(), minlength=count + 1)[1:]
    pixel_area_nm2 = pixel_nm[0] * pixel_nm[1]
    diameters_nm = np.sqrt(4 / np.pi * pixels * pixel_area_nm2)
    return {
        "domain_diameter_nm": float(np.average(diameters_nm, weights=pixels)) if count else float("nan"),
        "domain_density_um2": float((pixels >= SMALLEST_DOMAIN).sum() / (label.size * pixel_area_nm2 / 1e6)),
        "domain_coverage_pct": float(100 * masks["domains"].mean()),
    }


def terraces(
    surface: VicinalSurface, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator
) -> tuple[Heights, Mask]:
    """Simulate the bare crystal.

    Parameters
    ----------
    surface, shape, pixel_nm, rng
        As in `grow_film`.

    Returns
    -------
    height_nm : ndarray of `shape`, float32
    step_edges : ndarray of `shape`, bool
        The pixels at the foot of a step.
    """
    across, down = np.cos(surface.downhill_angle), np.sin(surface.downhill_angle)
    x_nm = np.arange(shape[1], dtype=np.float32) * np.float32(pixel_nm[1])
    y_nm = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(pixel_nm[0])
    downhill = x_nm * np.float32(across) + y_nm * np.float32(down)
    along = y_nm * np.float32(across) - x_nm * np.float32(down)
    downhill -= downhill.min()
    along -= along.min()
    fine = 4.0
    cells = (1.4 * surface.terrace_width_nm / fine, surface.wander_length_nm / fine)
    grid = (int(downhill.max() / fine) + 2, int(along.max() / fine) + 2)
    lobes = _meander(grid, cells, surface.scalloping, rng)
    amplitude = np.float32(surface.wander * min(surface.terrace_width_nm, 0.7 * surface.wander_length_nm))
    wander = amplitude * random_fields.sample(lobes, downhill / fine, along / fine)
    unequal = random_fields.smooth(grid, (2.5 * cells[0], 3 * cells[1]), rng)
    amplitude = np.float32(surface.spacing_spread * surface.terrace_width_nm)
    wander += amplitude * random_fields.sample(unequal, downhill / fine, along / fine)
    terrace = np.floor((downhill + wander) / np.float32(surface.terrace_width_nm) + np.float32(rng.random()))
    step_edges = np.zeros(shape, bool)
    step_edges[:-1] |= terrace[:-1] != terrace[1:]
    step_edges[:, :-1] |= terrace[:, :-1] != terrace[:, 1:]
    return np.float32(-surface.step_height_nm) * terrace, step_edges


def _meander(grid: Shape, cells: tuple[float, float], scalloping: float, rng: np.random.Generator) -> Heights:
    """Return the course of the steps, downhill by along the steps: thermal meandering, and lobes of unequal width.

    Thermal fluctuations against a line tension have a power spectrum of 1 / q^2: every octave has 1 / sqrt(2) of the
    amplitude of the one before.
    """
    meander = random_fields.smooth(grid, cells, rng)
    for octave in (1, 2):
        lengths = cells[0], cells[1] / 2**octave
        meander += np.float32(2 ** (-octave / 2)) * random_fields.smooth(grid, lengths, rng)
    meander /= np.float32(np.sqrt(1.75))
    rows, columns = (np.arange(size, dtype=np.float32) for size in grid)
    width = np.float32(0.3 * cells[1]) * random_fields.smooth(grid, (cells[0], 3 * cells[1]), rng)
    lobes = random_fields.sample(meander, np.broadcast_to(rows[:, None], grid), columns + width)
    lobes = 1.6 * np.sqrt(lobes**2 + np.float32(0.05))
    return (1 - np.float32(scalloping)) * meander + np.float32(scalloping) * lobes


def _nucleate(
    morphology: Morphology, step_edges: Mask, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator
) -> domains.Nuclei:
    """Place the nuclei and draw their orientation, shape and size.

    A nucleus depletes adatoms around it: the gridded share nucleates one in each cell of a grid. A margin around the
    image nucleates too, so that its border is like its middle. Late nuclei grow to less.
    """
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    spacing = 1000 / np.sqrt(morphology.density_um2)
    margin = min(1.2 * morphology.coverage * spacing, 500.0)
    y_nm, x_nm = _nucleus_positions(morphology, margin, tall, wide, rng)
    count = len(x_nm)
    rows, columns = np.nonzero(step_edges)
    if len(rows):
        inside = (y_nm > 0) & (y_nm < tall) & (x_nm > 0) & (x_nm < wide) & (rng.random(count) < morphology.step_share)
        picked = rng.integers(len(rows), size=int(inside.sum()))
        y_nm[inside], x_nm[inside] = rows[picked] * pixel_nm[0], columns[picked] * pixel_nm[1]
    twin = np.pi * (rng.random(count) < morphology.twin_share).astype(np.float64)
    tilt = np.where(
        rng.random(count) < morphology.aligned_share,
        rng.normal(0, 0.02, count),
        rng.uniform(-np.pi / 3, np.pi / 3, count),
    )
    truncation = np.clip(morphology.truncation + rng.normal(0, 0.12, count), 1.0, 2.0)
    growth = 1 - morphology.late_share * rng.random(count)
    apothem = 0.75 * morphology.coverage * spacing * growth / np.sqrt(_polygon_area(truncation))
    return domains.Nuclei(x_nm, y_nm, morphology.lattice_angle + twin + tilt, truncation, apothem)


def _polygon_area(truncation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the area of a domain relative to the regular hexagon of the same apothem: 1.5 for a triangle.

    The triangle's area is 3 sqrt(3) for apothem 1; each corner loses (2 - truncation)^2 / sqrt(3).
    """
    return (3 - (2 - truncation) ** 2) / 2


def _nucleus_positions(
    morphology: Morphology, margin: float, tall: float, wide: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions (y_nm, x_nm) over the image and its margin: some in the cells of a grid, the others uniform."""
    y_nm, x_nm = np.empty(0), np.empty(0)
    if morphology.gridded_share > 0:
        cell = 1000 / np.sqrt(morphology.density_um2 * morphology.gridded_share)
        down, across = (np.arange(-margin - cell * rng.random(), size + margin, cell) for size in (tall, wide))
        y_nm = (down[:, None] + cell * rng.random((len(down), len(across)))).ravel()
        x_nm = (across + cell * rng.random((len(down), len(across)))).ravel()
    area = (tall + 2 * margin) * (wide + 2 * margin) / 1e6
    uniform = rng.random((rng.poisson(morphology.density_um2 * (1 - morphology.gridded_share) * area), 2))
    y_nm = np.append(y_nm, uniform[:, 0] * (tall + 2 * margin) - margin)
    x_nm = np.append(x_nm, uniform[:, 1] * (wide + 2 * margin) - margin)
    return y_nm, x_nm


def _grow_layer(
    morphology: Morphology, step_edges: Mask, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator
) -> tuple[Heights, NDArray[np.int32], domains.Nuclei]:
    """Nucleate and grow one layer; return margin and label of `domains.grow_domains`, and the nuclei."""
    nuclei = _nucleate(morphology, step_edges, shape, pixel_nm, rng)
    noise = _edge_noise(morphology.edge_roughness, nuclei, shape, pixel_nm, rng)
    return *domains.grow_domains(nuclei, shape, pixel_nm, noise, rng), nuclei


def _edge_noise(
    edge_roughness: float, nuclei: domains.Nuclei, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator
) -> Heights | None:
    """Return the roughness of edges in nm, None where it would not be visible."""
    apothem = float(np.median(nuclei.apothem_nm)) if len(nuclei.x_nm) else 0.0
    if edge_roughness * apothem <= 0.25 * max(pixel_nm):
        return None
    length = max(1.2 * apothem / max(pixel_nm), 3.0)
    return np.float32(edge_roughness * apothem) * random_fields.rough(shape, length, rng, octaves=5, persistence=0.75)


def _thick_domains(
    morphology: Morphology, margin: Heights, label: NDArray[np.int32], rng: np.random.Generator
) -> Heights:
    """Return the additional height of thick domains, domed as far as growth went."""
    count = int(label.max(initial=-1)) + 1
    thick = (rng.random(count + 1) < morphology.thick_share) * rng.integers(1, 4, count + 1)
    thick[-1] = 0
    layers = thick.astype(np.float32)[label]
    dome = np.clip(margin / max(float(margin.max(initial=1.0)), 1.0), 0, 0.5)
    return np.float32(LAYER_NM) * layers * (np.float32(0.5) + dome)


def _ridge(mask: Mask, tall_nm: float, wide_nm: float, pixel_nm: PixelSize) -> Heights | np.float32:
    """Return a ridge (tall_nm above 0) or groove (below) of Gaussian section along the pixels of a thin mask."""
    from scipy import ndimage

    if tall_nm == 0 or not mask.any():
        return np.float32(0)
    sigma = [max(0.4 * wide_nm / pixel, 0.5) for pixel in pixel_nm]
    profile = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=2.5)
    return np.float32(tall_nm * 2.5 * np.mean(sigma)) * profile


def _beads(morphology: Morphology, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator) -> Heights:
    """Return the factor by which the height of boundaries varies along them, mean 1: second layers nucleate there."""
    lengths = [2.5 * morphology.boundary_width_nm / pixel for pixel in pixel_nm]
    field = random_fields.smooth(shape, lengths, rng)
    return 1 + np.float32(morphology.boundary_beads) * (field * field - 1)


def _add_islands(
    height: Heights,
    morphology: Morphology,
    step_edges: Mask,
    covered: Mask,
    pixel_nm: PixelSize,
    rng: np.random.Generator,
) -> Mask:
    """Grow islands of further layers on the film, add them to `height`, and return their mask."""
    from scipy import ndimage

    upper = morphology._replace(
        density_um2=morphology.island_density_um2,
        gridded_share=0.0,
        coverage=morphology.island_coverage,
        step_share=0.3 * morphology.step_share,
        late_share=0.7,
        edge_roughness=0.6 * morphology.edge_roughness,
    )
    _, label, nuclei = _grow_layer(upper, step_edges, height.shape, pixel_nm, rng)
    islands = (label >= 0) & covered
    height += np.float32(LAYER_NM) * islands
    if morphology.rim_nm > 0:
        inside = ndimage.binary_erosion(islands, border_value=1)
        height += _ridge(islands & ~inside, morphology.rim_nm, morphology.boundary_width_nm, pixel_nm)
    pyramids = nuclei.select(rng.random(len(nuclei.x_nm)) < 0.5)
    for _ in range(morphology.extra_layers):
        shrunk = pyramids.apothem_nm * rng.uniform(0.55, 0.95, len(pyramids.x_nm))
        pyramids = pyramids._replace(
            apothem_nm=shrunk,
            x_nm=pyramids.x_nm + 0.1 * shrunk * rng.normal(size=len(shrunk)),
            y_nm=pyramids.y_nm + 0.1 * shrunk * rng.normal(size=len(shrunk)),
        )
        noise = _edge_noise(upper.edge_roughness, pyramids, height.shape, pixel_nm, rng)
        _, label = domains.grow_domains(pyramids, height.shape, pixel_nm, noise, rng)
        height += np.float32(LAYER_NM) * ((label >= 0) & islands)
    return islands


def _add_pits(
    height: Heights, morphology: Morphology, covered: Mask, pixel_nm: PixelSize, rng: np.random.Generator
) -> Mask:
    """Cut round holes into the film, one to three layers deep, and return their mask."""
    mask = np.zeros(height.shape, bool)
    for position in _positions(morphology.pit_density_um2, height.shape, pixel_nm, rng):
        radius = morphology.pit_radius_nm * rng.uniform(0.5, 1.5)
        rows, columns, along, across = _rotated_window(position, radius, 0.0, height.shape, pixel_nm)
        hole = (np.hypot(along, across) < radius) & covered[rows, columns]
        height[rows, columns] -= np.float32(LAYER_NM * rng.integers(1, 4)) * hole
        mask[rows, columns] |= hole
    return mask


def _add_cracks(
    height: Heights, morphology: Morphology, covered: Mask, pixel_nm: PixelSize, rng: np.random.Generator
) -> Mask:
    """Cut cracks of one layer's depth, the borders of the cells around random points, and return their mask."""
    from scipy import ndimage

    mask = np.zeros(height.shape, bool)
    if morphology.crack_width_nm <= 0:
        return mask
    plates = Morphology(density_um2=morphology.plate_density_um2, coverage=1.6, truncation=1.0, edge_roughness=0.15)
    _, label, nuclei = _grow_layer(plates, mask, height.shape, pixel_nm, rng)
    cells = np.arange(len(nuclei.x_nm), dtype=np.float64)  # no two of one orientation, so that all borders count
    border = domains.grain_boundaries(label, cells, tolerance=0.0)
    reach = morphology.crack_width_nm / 2
    mask = (ndimage.distance_transform_edt(~border, sampling=pixel_nm) < max(reach, 0.6 * max(pixel_nm))) & covered
    height -= np.float32(LAYER_NM) * mask
    return mask


def _add_particles(
    height: Heights, morphology: Morphology, step_edges: Mask, pixel_nm: PixelSize, rng: np.random.Generator
) -> Mask:
    """Add elliptic caps of particles, some of them at step edges, and return their mask."""
    mask = np.zeros(height.shape, bool)
    steps_at = np.argwhere(step_edges) * pixel_nm
    for position in _positions(morphology.particle_density_um2, height.shape, pixel_nm, rng):
        radius = morphology.particle_radius_nm * rng.lognormal(0, 0.25)
        if len(steps_at) and rng.random() < morphology.particle_step_share:
            position = steps_at[rng.integers(len(steps_at))]
        long, short = rng.uniform(1.0, 1.5), rng.uniform(0.7, 1.0)
        rows, columns, along, across = _rotated_window(
            position, 1.5 * radius, rng.uniform(0, np.pi), height.shape, pixel_nm
        )
        distance = (along / (long * radius)) ** 2 + (across / (short * radius)) ** 2
        cap = np.sqrt(np.maximum(1 - distance, 0)) * np.float32(radius * rng.uniform(0.05, 0.35))
        height[rows, columns] += cap.astype(np.float32)
        mask[rows, columns] |= cap > 0
    return mask


def _add_debris(height: Heights, morphology: Morphology, pixel_nm: PixelSize, rng: np.random.Generator) -> Mask:
    """Add large crystals, upright and overgrown or fallen on the film, tens of nm high; return their mask."""
    mask = np.zeros(height.shape, bool)
    for position in _positions(morphology.debris_density_um2, height.shape, pixel_nm, rng):
        short = rng.uniform(12, 40)
        long, tall = short * rng.lognormal(0.5, 0.4), rng.lognormal(np.log(2.5), 0.8)
        angle = rng.uniform(0, np.pi)
        rows, columns, along, across = _rotated_window(position, 1.6 * long, angle, height.shape, pixel_nm)
        noise = random_fields.rough(along.shape, max(0.8 * short / max(pixel_nm), 1.0), rng)
        inside = 1 - np.hypot(along / long, across / short) + np.float32(0.25) * noise
        body = np.clip(3 * inside, 0, 1) * (1 + np.float32(0.2) * noise)
        height[rows, columns] += np.float32(tall) * body.astype(np.float32)
        mask[rows, columns] |= body > 0
    return mask


def _add_needles(height: Heights, morphology: Morphology, pixel_nm: PixelSize, rng: np.random.Generator) -> Mask:
    """Add upright plates, narrow bars along the directions of the lattice, several nm high; return their mask."""
    mask = np.zeros(height.shape, bool)
    for position in _positions(morphology.needle_density_um2, height.shape, pixel_nm, rng):
        length, width, tall = rng.uniform(15, 60), rng.uniform(5, 11), rng.lognormal(np.log(2.5), 0.6)
        angle = morphology.lattice_angle + np.pi / 3 * rng.integers(3) + rng.normal(0, 0.15)
        rows, columns, along, across = _rotated_window(position, length + 10, angle, height.shape, pixel_nm)
        noise = random_fields.rough(along.shape, max(0.7 * length / max(pixel_nm), 1.0), rng)
        bar = (np.abs(along) < length + 6 * noise) & (np.abs(across) < width * (1 + 0.3 * noise))
        height[rows, columns] += np.float32(tall) * bar * np.maximum(1 + np.float32(0.3) * noise, 0)
        mask[rows, columns] |= bar
    return mask


def _positions(density_um2: float, shape: Shape, pixel_nm: PixelSize, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return random positions (y_nm, x_nm) in the image, (n, 2)."""
    tall, wide = shape[0] * pixel_nm[0], shape[1] * pixel_nm[1]
    return rng.random((rng.poisson(density_um2 * tall * wide / 1e6), 2)) * (tall, wide)


def _rotated_window(
    position: NDArray[np.float64], radius_nm: float, angle: float, shape: Shape, pixel_nm: PixelSize
) -> tuple[slice, slice, NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of the window around a position, and its pixels' coordinates along and across `angle`."""
    top, left = (max(int((at - radius_nm) / size), 0) for at, size in zip(position, pixel_nm, strict=True))
    bottom, right = (
        max(min(int((at + radius_nm) / size) + 2, end), start)
        for at, size, end, start in zip(position, pixel_nm, shape, (top, left), strict=True)
    )
    down = (np.arange(top, bottom) * pixel_nm[0] - position[0])[:, None]
    across = np.arange(left, right) * pixel_nm[1] - position[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    return slice(top, bottom), slice(left, right), across * cosine + down * sine, down * cosine - across * sine
