"""From growth conditions to film parameters: the effect of temperature, time, substrate and growth day.

From the literature: nucleation decreases with temperature, as adatoms live longer on the surface and diffuse farther,
so that hotter films have fewer, larger, better aligned domains; coverage increases with time; domains of some 10 to
200 nm are usual for MOCVD on sapphire. Assumed, so that neighbouring temperatures overlap widely: all numbers below.
`heat` is (celsius - 950) / 50: -1, 0 and 1 for the study's classes.
"""

from typing import NamedTuple

import numpy as np

from micrograph.errors import lookup
from micrograph.simulation.films import STEP_HEIGHT_NM, Morphology, VicinalSurface

PLANES = {"c-Sapphire": "c", "A-Sapphire": "A", "M-Sapphire": "M"}  # by substrate of the sample sheet
LOG_DENSITY = 2.2  # decimal logarithm of the nuclei per square micrometre at 950 C


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
        nucleation=rng.normal(0, 0.16),
        rate=rng.lognormal(0, 0.2),
        miscut_degrees=float(np.clip(rng.lognormal(np.log(0.2), 0.35), 0.08, 0.5)),
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
    log_density = _draw_log_density(celsius, day, rng)
    dense = (log_density - LOG_DENSITY) / 0.6
    coverage = float(np.clip(1.65 * day.rate * (seconds / 500) ** 0.35 * rng.lognormal(0, 0.2), 0.25, 1.7))
    morphology = Morphology(
        density_um2=10**log_density,
        gridded_share=rng.uniform(0.5, 1.0),
        coverage=coverage,
        step_share=rng.beta(0.8, 1.4),
        late_share=day.late_share,
        aligned_share=_sigmoid(1.0 + 0.8 * heat - 0.3 * dense + rng.normal(0, 0.7)),
        twin_share=float(np.clip(rng.normal(0.35, 0.15), 0, 0.5)),
        lattice_angle=day.lattice_angle,
        truncation=float(np.clip(rng.normal(1.45, 0.3), 1.0, 2.0)),
        edge_roughness=0.25 * _sigmoid(-2.0 - 0.6 * heat + rng.normal(0, 1.0)),
        thick_share=_sigmoid(-2.0 - 0.5 * heat + 1.2 * dense + rng.normal(0, 0.8)),
        island_density_um2=10 ** (0.8 * log_density + rng.normal(0.05, 0.35)),
        island_coverage=float(np.clip(0.35 * coverage * rng.lognormal(0, 0.5), 0.05, 1.2)),
        rim_nm=float((rng.random() < 0.3) * rng.uniform(0.2, 1.0)),
        extra_layers=int(rng.choice([0, 1, 3], p=[0.8, 0.12, 0.08])),
        boundary_nm=float(rng.choice([1, -1], p=[0.6, 0.4]) * rng.uniform(0.0, 0.7)),
        boundary_width_nm=rng.uniform(2.0, 6.0),
        pit_density_um2=float((rng.random() < 0.25 + 0.15 * heat) * rng.lognormal(np.log(40), 0.8)),
        pit_radius_nm=rng.uniform(3, 9),
        particle_density_um2=float(np.clip(day.contamination * rng.lognormal(np.log(20), 1.5), 0, 350)),
        particle_radius_nm=rng.uniform(3, 6.5),
        needle_density_um2=float((rng.random() < 0.2) * rng.uniform(1, 6)),
        roughness_nm=float(np.clip(rng.lognormal(np.log(0.05) + 0.6 * dense, 0.7), 0, 1.0)),
        roughness_length_nm=rng.uniform(6, 13),
    )
    return morphology, surface


def _draw_log_density(celsius: float, day: Day, rng: np.random.Generator) -> float:
    """Return the decimal logarithm of the nuclei per square micrometre: about 0.9 less for each class of 50 C.

    Real films are either fine or coarse: the step between the two regimes is at LOG_DENSITY.
    """
    heat = (celsius - 950) / 50
    deviation = -0.62 * heat + day.nucleation + rng.normal(0, 0.26)
    return float(np.clip(LOG_DENSITY + deviation + 0.35 * np.tanh(deviation / 0.3), 0.85, 3.25))


def _draw_surface(single_step_nm: float, day: Day, rng: np.random.Generator) -> VicinalSurface:
    """Draw the crystal of one film: steps, at times bunched to two or three, on the day's miscut."""
    miscut = day.miscut_degrees * rng.lognormal(0, 0.12)
    bunch = int(rng.choice([1, 2, 3], p=[0.5, 0.33, 0.17]))
    step_nm = single_step_nm * bunch
    downhill_angle = day.downhill_angle + rng.normal(0, 0.08)
    return VicinalSurface(
        step_height_nm=step_nm,
        terrace_width_nm=float(np.clip(step_nm / np.tan(np.radians(miscut)), 20, 170)),
        downhill_angle=downhill_angle,
        wander=rng.uniform(0.1, 0.35),
        wander_length_nm=rng.uniform(40, 160),
        scalloping=rng.uniform(0.2, 1.0),
    )


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
