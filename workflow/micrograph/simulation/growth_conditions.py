"""From growth conditions to film parameters: the effect of temperature, time, substrate and growth day.

Nucleation decreases with temperature, as adatoms diffuse farther before they meet [1]_: hotter films have fewer,
larger, better aligned domains. Adatoms that reach a step before they meet each other nucleate there or join the step
[2]_, [3]_; else domains nucleate everywhere on the terraces: films are either fine or coarse, by whether the diffusion
length exceeds the terraces' width. Small nuclei ripen: their number falls with time [4]_. Coverage increases with
time. An adatom that cannot leave its domain before it meets another nucleates the next layer there: cool films grow in
several layers at once, hot ones close, and carry stacks of layers. Domains are triangles where one kind of edge is
slow, hexagons where both grow equally; here the cooler film has triangles. Cracks relieve the strain of cooling, which
increases with temperature. Assumed, so that neighbouring temperatures overlap widely: all numbers below. `heat` is
(celsius - 950) / 50: -1, 0 and 1 for the study's classes.

References
----------
.. [1] Venables, Spiller & Hanbuecken, Rep. Prog. Phys. 47, 399 (1984), nucleation and growth of thin films.
.. [2] Burton, Cabrera & Frank, Phil. Trans. R. Soc. A 243, 299 (1951), growth of crystals.
.. [3] Zhu et al., Nat. Nanotechnol. 18, issue 11 (2023), nucleation of WSe2 at steps of sapphire.
.. [4] Zinke-Allmang, Feldman & Grabow, Surf. Sci. Rep. (1992), p. 377, clustering on surfaces.
"""

from typing import NamedTuple

import numpy as np

from micrograph.errors import lookup
from micrograph.simulation.films import STEP_HEIGHT_NM, Morphology, VicinalSurface

PLANES = {"c-Sapphire": "c", "A-Sapphire": "A", "M-Sapphire": "M"}  # by substrate of the sample sheet
LOG_DENSITY = 2.2  # decimal logarithm of the nuclei per square micrometre at 950 C
MIN_ISLANDS = 0.02  # coverage by islands where the layer is far from closed
NARROWEST_NM = 38.0  # terraces; steps that would be closer bunch


class Day(NamedTuple):
    """What the films of a growth day share.

    Attributes
    ----------
    nucleation, rate : float
        Deviation of the logarithmic nucleation density, and factor of the growth rate.
    miscut_degrees, downhill_angle, lattice_angle : float
        Miscut of the wafer, direction downhill and direction of the lattice (radians).
    contamination : float
        Factor of the density of particles.
    late_share : float
        Part of growth over which nuclei form.
    """

    nucleation: float
    rate: float
    miscut_degrees: float
    downhill_angle: float
    lattice_angle: float
    contamination: float
    late_share: float


def draw_day(rng: np.random.Generator) -> Day:
    """Draw one growth day.

    Parameters
    ----------
    rng : numpy Generator

    Returns
    -------
    Day
    """
    return Day(
        nucleation=rng.normal(0, 0.12),
        rate=rng.lognormal(0, 0.2),
        miscut_degrees=float(np.clip(rng.lognormal(np.log(0.24), 0.35), 0.08, 0.8)),
        downhill_angle=np.radians(90 + rng.normal(0, 14) + 180 * rng.integers(2)),
        lattice_angle=rng.normal(0, 0.06) + np.pi / 2,
        contamination=rng.lognormal(0, 0.6),
        late_share=rng.uniform(0.1, 0.6),
    )


def draw_film(
    celsius: float, seconds: float, substrate: str, day: Day, rng: np.random.Generator
) -> tuple[Morphology, VicinalSurface]:
    """Draw the parameters of one film.

    Parameters
    ----------
    celsius, seconds : float
        Growth temperature and time.
    substrate : str
        A key of PLANES.
    day : Day
    rng : numpy Generator

    Returns
    -------
    Morphology, VicinalSurface

    Raises
    ------
    UserError
        If the substrate is unknown.
    """
    surface = _draw_surface(STEP_HEIGHT_NM[lookup(substrate, PLANES, "substrate")], day, rng)
    heat = (celsius - 950) / 50
    log_density = _draw_log_density(celsius, seconds, surface.terrace_width_nm, day, rng)
    fine = log_density > LOG_DENSITY
    late = np.log2(seconds / 500)
    growth = (0.8 if fine else 1.6) * day.rate * (seconds / 500) ** 0.3
    coverage = float(np.clip(growth * rng.lognormal(0, 0.25), 0.3, 2.2))
    islands = (0.5 + 0.15 * heat) * _sigmoid(4 * (coverage - 1)) * rng.lognormal(0, 0.4)
    particles = rng.lognormal(np.log(0.5 if fine else 1.2), 1.3)
    at_steps = rng.random() < _sigmoid(-3.0 - 0.6 * late + 0.4 * heat)  # rows of nuclei, not yet domains
    stacks = rng.random() < _sigmoid(-1.0 + 2.0 * heat + 0.3 * late)
    many_layers = rng.random() < _sigmoid(-1.5 - 3.0 * heat + 0.5 * late)  # of a fine film: grains of unequal height
    ridges = rng.random() < 0.12
    cracks = coverage > 1 and rng.random() < _sigmoid(-3.0 + 0.5 * heat)
    empty = rng.random() < _sigmoid(-3.8 + 0.5 * heat - 0.5 * late)  # little but large crystals
    morphology = Morphology(
        density_um2=10**log_density,
        gridded_share=rng.uniform(0.5, 1.0),
        coverage=coverage,
        step_share=rng.beta(0.8, 1.4) * (0.3 if fine else 1.0),
        late_share=day.late_share,
        aligned_share=_sigmoid(1.5 + 0.8 * heat - 1.5 * fine + rng.normal(0, 0.7)),
        twin_share=float(np.clip(rng.normal(0.15, 0.15), 0, 0.5)),
        lattice_angle=day.lattice_angle,
        truncation=float(np.clip(rng.normal(1.6 - 0.4 * heat, 0.15), 1.0, 2.0)),
        edge_roughness=0.25 * _sigmoid(-1.5 - 0.9 * heat + rng.normal(0, 0.8)),
        thick_share=many_layers * rng.uniform(0.2, 0.6) if fine else _sigmoid(-2.0 + rng.normal(0, 1.2)),
        island_density_um2=10 ** rng.normal(log_density - 0.3 if fine else 0.85, 0.3),
        island_coverage=float(np.clip(islands, MIN_ISLANDS, 1.2)) if many_layers or not fine else MIN_ISLANDS,
        rim_nm=float((rng.random() < 0.15) * rng.uniform(0.2, 1.0)),
        extra_layers=int(rng.integers(1, 3)) if stacks else 0,
        boundary_nm=float(rng.lognormal(np.log(1.2), 0.5) if ridges else rng.choice([1, -1]) * rng.uniform(0, 0.4)),
        boundary_width_nm=rng.uniform(3.0, 9.0),
        boundary_beads=rng.uniform(0, 1),
        pit_density_um2=float((rng.random() < 0.12) * rng.lognormal(np.log(60), 0.8)),
        pit_radius_nm=rng.uniform(3, 9),
        particle_density_um2=float(np.clip(day.contamination * particles, 0, 350)),
        particle_radius_nm=rng.uniform(3, 6.5),
        particle_step_share=0.3,
        plate_density_um2=rng.uniform(5, 20),
        crack_width_nm=cracks * rng.uniform(4, 10),
        needle_density_um2=float((rng.random() < 0.05) * rng.uniform(1, 6)),
        debris_density_um2=float((rng.random() < 0.08) * rng.lognormal(np.log(1.2), 0.6)),
        roughness_nm=float(np.clip(rng.lognormal(np.log(0.1) - 0.25 * heat, 0.5), 0, 1.0)),
        roughness_length_nm=rng.uniform(5, 11),
    )
    if at_steps:
        morphology = morphology._replace(
            particle_density_um2=rng.uniform(300, 1200), particle_radius_nm=rng.uniform(6, 10), particle_step_share=0.9
        )
    if empty:
        morphology = morphology._replace(
            density_um2=10 ** rng.uniform(0, 0.6), coverage=0.3, debris_density_um2=rng.uniform(1, 4)
        )
    return morphology, surface


def _draw_log_density(
    celsius: float, seconds: float, terrace_width_nm: float, day: Day, rng: np.random.Generator
) -> float:
    """Return the decimal logarithm of the nuclei per square micrometre.

    It falls with temperature and, by ripening, with time. Where adatoms reach the steps (long diffusion, narrow
    terraces) few domains form, else many: the step between the two regimes is at LOG_DENSITY.
    """
    heat = (celsius - 950) / 50
    deviation = 0.06 - 0.62 * heat + 0.3 * np.log10(terrace_width_nm / 60) + day.nucleation + rng.normal(0, 0.15)
    deviation -= 0.2 * np.log10(seconds / 500)
    return float(np.clip(LOG_DENSITY + 1.2 * deviation + 0.4 * np.tanh(deviation / 0.05), 0.5, 3.5))


def _draw_surface(single_step_nm: float, day: Day, rng: np.random.Generator) -> VicinalSurface:
    """Draw the crystal of one film: steps on the day's miscut, single or bunched, none closer than NARROWEST_NM."""
    miscut = day.miscut_degrees * rng.lognormal(0, 0.12)
    slope = np.tan(np.radians(miscut))
    bunch = max(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1])), int(np.ceil(NARROWEST_NM * slope / single_step_nm)))
    step_nm = single_step_nm * bunch
    downhill_angle = day.downhill_angle + rng.normal(0, 0.08)
    return VicinalSurface(
        step_height_nm=step_nm,
        terrace_width_nm=float(min(step_nm / slope, 170)),
        downhill_angle=downhill_angle,
        wander=rng.uniform(0.2, 0.7),
        wander_length_nm=rng.uniform(50, 200),
        scalloping=rng.uniform(0.2, 1.0),
        spacing_spread=rng.uniform(0.4, 1.1),
    )


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
