"""From growth conditions to what grows: how temperature, time, substrate and the day shape a film's recipe.

Known: nucleation falls with temperature, as adatoms live longer on the surface and wander farther, so that
hotter films have fewer, larger, better aligned domains; coverage rises with time; domains of some 10 to 200
nm are usual for MOCVD on sapphire. Invented for the simulation, and chosen so that neighbouring temperatures
overlap widely: all numbers below. `heat` is (celsius - 950) / 50: -1, 0 and 1 for the study's classes.
"""

from typing import NamedTuple

import numpy as np

from micrograph.errors import lookup
from micrograph.simulation.films import STEP_NM, Recipe, Steps

# Substrate as the sheet says it -> plane of the sapphire.
PLANES = {"c-Sapphire": "c", "A-Sapphire": "A", "M-Sapphire": "M"}

# Decimal logarithm of the nuclei a square micrometre at 950 C.
MIDDLE = 2.2


class Day(NamedTuple):
    """What a growth day's films share: gas flow, miscut and orientation of the wafer, cleanliness."""

    nucleation: float
    rate: float
    miscut_degrees: float
    direction: float
    lattice: float
    dirt: float
    spread: float


def draw_day(rng):
    """One growth day."""
    return Day(
        nucleation=rng.normal(0, 0.16),
        rate=rng.lognormal(0, 0.2),
        miscut_degrees=float(np.clip(rng.lognormal(np.log(0.2), 0.35), 0.08, 0.5)),
        direction=np.radians(90 + rng.normal(0, 14) + 180 * rng.integers(2)),
        lattice=rng.normal(0, 0.06) + np.pi / 2,
        dirt=rng.lognormal(0, 0.6),
        spread=rng.uniform(0.1, 0.6),
    )


def log_density(celsius, day, rng):
    """Decimal logarithm of the nuclei a square micrometre: on average hotter is less, by about 0.9 a class.

    Two regimes, as real films fall into fine and coarse ones: the step between them lies at MIDDLE.
    """
    heat = (celsius - 950) / 50
    apart = -0.62 * heat + day.nucleation + rng.normal(0, 0.26)
    return float(np.clip(MIDDLE + apart + 0.35 * np.tanh(apart / 0.3), 0.85, 3.25))


def draw_recipe(celsius, seconds, substrate, day, rng):
    """Recipe and Steps of one film grown at `celsius` for `seconds` on `substrate` (a row of PLANES)."""
    steps = _draw_steps(STEP_NM[lookup(substrate, PLANES, "substrate")], day, rng)
    heat = (celsius - 950) / 50
    nuclei = log_density(celsius, day, rng)
    dense = (nuclei - MIDDLE) / 0.6
    cover = float(np.clip(1.65 * day.rate * (seconds / 500) ** 0.35 * rng.lognormal(0, 0.2), 0.25, 1.7))
    recipe = Recipe(
        density=10**nuclei,
        even=rng.uniform(0.5, 1.0),
        cover=cover,
        at_steps=rng.beta(0.8, 1.4),
        spread=day.spread,
        aligned=_share(1.0 + 0.8 * heat - 0.3 * dense + rng.normal(0, 0.7)),
        twins=float(np.clip(rng.normal(0.35, 0.15), 0, 0.5)),
        lattice=day.lattice,
        truncation=float(np.clip(rng.normal(1.45, 0.3), 1.0, 2.0)),
        fray=0.25 * _share(-2.0 - 0.6 * heat + rng.normal(0, 1.0)),
        relief=_share(-2.0 - 0.5 * heat + 1.2 * dense + rng.normal(0, 0.8)),
        second=10 ** (0.8 * nuclei + rng.normal(0.05, 0.35)),
        second_cover=float(np.clip(0.35 * cover * rng.lognormal(0, 0.5), 0.05, 1.2)),
        rim_nm=float((rng.random() < 0.3) * rng.uniform(0.2, 1.0)),
        pyramid=int(rng.choice([0, 1, 3], p=[0.8, 0.12, 0.08])),
        seam_nm=float(rng.choice([1, -1], p=[0.6, 0.4]) * rng.uniform(0.0, 0.7)),
        seam_wide_nm=rng.uniform(2.0, 6.0),
        pits=float((rng.random() < 0.25 + 0.15 * heat) * rng.lognormal(np.log(40), 0.8)),
        pit_nm=rng.uniform(3, 9),
        particles=float(np.clip(day.dirt * rng.lognormal(np.log(20), 1.5), 0, 350)),
        particle_nm=rng.uniform(3, 6.5),
        needles=float((rng.random() < 0.2) * rng.uniform(1, 6)),
        grain_nm=float(np.clip(rng.lognormal(np.log(0.05) + 0.6 * dense, 0.7), 0, 1.0)),
        grain_wide_nm=rng.uniform(6, 13),
    )
    return recipe, steps


def _draw_steps(single_nm, day, rng):
    """The crystal under one film: steps of single_nm, at times bunched to two or three, on the day's miscut."""
    miscut = day.miscut_degrees * rng.lognormal(0, 0.12)
    bunch = int(rng.choice([1, 2, 3], p=[0.5, 0.33, 0.17]))
    step_nm = single_nm * bunch
    direction = day.direction + rng.normal(0, 0.08)
    return Steps(
        step_nm=step_nm,
        terrace_nm=float(np.clip(step_nm / np.tan(np.radians(miscut)), 20, 170)),
        angle=direction,
        wander=rng.uniform(0.1, 0.35),
        wander_nm=rng.uniform(40, 160),
        scallop=rng.uniform(0.2, 1.0),
    )


def _share(logit):
    """The share (0 to 1) that belongs to a logit."""
    return float(1 / (1 + np.exp(-logit)))
