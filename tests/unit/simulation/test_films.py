"""Films: heights and masks agree with each other and with the morphology."""

import numpy as np
import pytest
from scipy import ndimage

from micrograph.simulation import films

PIXEL_NM = (2.0, 2.0)
SHAPE = (128, 128)
CLEAN = films.Morphology(
    edge_roughness=0, island_density_um2=0.1, island_coverage=0.01, boundary_nm=0, particle_density_um2=0
)
FLAT = films.VicinalSurface(step_height_nm=0)


def grow(seed, base=CLEAN, surface=FLAT, **changes):
    """Grow a film of a morphology that differs from `base`."""
    return films.grow_film(base._replace(**changes), surface, SHAPE, PIXEL_NM, np.random.default_rng(seed))


def test_terraces_step_by_the_given_height_and_spacing():
    steps = films.VicinalSurface(step_height_nm=0.217, terrace_width_nm=40, downhill_angle=np.pi / 2, wander=0)
    height, edges = films.terraces(steps, SHAPE, PIXEL_NM, np.random.default_rng(0))
    column = np.round(np.diff(height[:, 5]) / 0.217, 4)
    assert set(np.unique(column)) == {-1.0, 0.0}
    assert np.all(np.diff(np.flatnonzero(column)) == 20)  # 40 nm are 20 pixels of 2 nm
    assert np.array_equal(np.flatnonzero(edges[:, 5]), np.flatnonzero(column))
    assert np.all(height == height[:, :1])  # they run across when downhill is down


def test_a_layer_is_065_nm_above_the_crystal():
    film = grow(2, density_um2=60, coverage=0.6)
    covered = film.masks["domains"]
    assert 0.05 < covered.mean() < 0.95
    bare = film.height_nm[~covered].mean()
    assert film.height_nm[covered & ~film.masks["islands"]] - bare == pytest.approx(0.65, abs=1e-5)


def test_islands_are_whole_layers_on_the_film_only():
    film = grow(3, density_um2=80, coverage=0.8, island_density_um2=60, island_coverage=0.6, extra_layers=2)
    islands, covered = film.masks["islands"], film.masks["domains"]
    assert islands.any()
    assert not np.any(islands & ~covered)
    layers = (film.height_nm - film.height_nm[~covered].mean()) / 0.65
    assert np.allclose(layers, np.round(layers), atol=1e-4)
    assert np.all(np.round(layers[islands]) >= 2)
    assert np.all(np.round(layers[covered & ~islands]) == 1)


def test_ridges_stand_up_and_gaps_lie_down_at_boundaries():
    for boundary_nm in (0.6, -0.6):
        film = grow(4, density_um2=150, coverage=1.8, aligned_share=0.0, boundary_nm=boundary_nm)
        seams, film_only = film.masks["boundaries"], film.masks["domains"] & ~film.masks["islands"]
        assert seams.any()
        difference = np.median(film.height_nm[seams & film_only]) - np.median(film.height_nm[~seams & film_only])
        assert np.sign(difference) == np.sign(boundary_nm)
        assert 0.2 < abs(difference) < 1.2


def test_beads_vary_the_height_of_boundaries_and_keep_its_mean():
    plain, beaded = (
        grow(6, density_um2=150, coverage=1.8, aligned_share=0.0, boundary_nm=1.0, boundary_beads=beads)
        for beads in (0.0, 1.0)
    )
    seams = plain.masks["boundaries"]
    assert np.array_equal(seams, beaded.masks["boundaries"])
    flat = grow(6, density_um2=150, coverage=1.8, aligned_share=0.0)
    ridge = [(film.height_nm - flat.height_nm)[seams & ~flat.masks["islands"]] for film in (plain, beaded)]
    assert np.mean(ridge[1]) == pytest.approx(np.mean(ridge[0]), rel=0.3)
    assert np.std(ridge[1]) > 3 * np.std(ridge[0])


def test_steps_meander_with_unit_variance_and_less_at_short_wavelengths():
    """The difference between points of a course grows with their distance, as of a random walk along the step."""
    meander = films._meander((400, 400), (14, 40), 0.0, np.random.default_rng(1))
    assert np.std(meander) == pytest.approx(1, rel=0.2)
    steps = [np.mean((meander[:, lag:] - meander[:, :-lag]) ** 2) for lag in (10, 20, 40)]
    assert steps[0] < steps[1] < steps[2] and steps[2] / steps[1] < 2.5


def test_pits_go_down_and_particles_up_where_their_masks_say():
    plain = grow(5, coverage=1.8)
    dirty = films.grow_film(
        CLEAN._replace(
            coverage=1.8, pit_density_um2=200, particle_density_um2=200, needle_density_um2=20, debris_density_um2=20
        ),
        FLAT,
        SHAPE,
        PIXEL_NM,
        np.random.default_rng(5),
    )
    change = dirty.height_nm - plain.height_nm  # the same film: pits, particles and needles are drawn last
    pits, particles = dirty.masks["pits"], dirty.masks["particles"]
    assert np.all(change[pits & ~particles] <= -0.64)
    assert np.all(change[particles & ~pits] >= 0)
    assert np.all(change[~pits & ~particles] == 0)


def test_cracks_cut_one_layer_of_the_film_and_part_it_into_plates():
    plain, cracked = (grow(9, coverage=1.8, plate_density_um2=100, crack_width_nm=width) for width in (0, 8))
    change = cracked.height_nm - plain.height_nm
    cracks = cracked.masks["pits"]
    assert np.allclose(change[cracks], -films.LAYER_NM, atol=1e-5)
    assert np.all(change[~cracks] == 0)
    assert not np.any(cracks & ~cracked.masks["domains"])
    label, _ = ndimage.label(~cracks)
    plates = (np.bincount(label.ravel())[1:] >= films.SMALLEST_DOMAIN).sum()
    assert (
        7 <= plates <= 20
    )  # 0.066 square micrometres hold 6.6 of 100 per square micrometre, and parts of (1 + 6.6^0.5)^2


def test_domains_are_smaller_where_more_nuclei_form():
    diameters = [
        films.measure_domains(grow(10, density_um2=density, aligned_share=0.0).masks, PIXEL_NM)["domain_diameter_nm"]
        for density in (30, 120, 480)
    ]
    assert diameters[0] > 1.4 * diameters[1] > 1.4**2 * diameters[2]  # spacing halves from one to the next


def test_nuclei_come_at_the_recipe_s_density():
    morphology = films.Morphology(density_um2=400, step_share=0.0)
    edges = np.zeros((100, 100), bool)
    rng = np.random.default_rng(7)
    found = []
    for _ in range(20):
        nuclei = films._nucleate(morphology, edges, (100, 100), (10.0, 10.0), rng)
        inside = (nuclei.x_nm > 0) & (nuclei.x_nm < 1000) & (nuclei.y_nm > 0) & (nuclei.y_nm < 1000)
        found.append(inside.sum())
    assert np.mean(found) == pytest.approx(400, rel=0.05)


def test_domains_are_measured_between_boundaries():
    """Two domains of 4 x 9 and 5 x 9 pixels of 10 x 20 nm with a boundary between them, in 12 x 10 pixels."""
    masks = {name: np.zeros((12, 10), bool) for name in ("domains", "boundaries")}
    masks["domains"][:10, :9] = True
    masks["boundaries"][4, :9] = True
    found = films.measure_domains(masks, (10, 20))
    areas = np.array([36, 45]) * 200
    assert found["domain_diameter_nm"] == pytest.approx(np.average(np.sqrt(4 * areas / np.pi), weights=areas))
    assert found["domain_density_um2"] == pytest.approx(2 / (120 * 200e-6))
    assert found["domain_coverage_pct"] == pytest.approx(75)
    bare = films.measure_domains({name: np.zeros((3, 3), bool) for name in masks}, (1, 1))
    assert np.isnan(bare["domain_diameter_nm"]) and bare["domain_density_um2"] == 0
