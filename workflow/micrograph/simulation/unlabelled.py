"""Simulated micrographs without files, for networks that learn without labels; none is a film of the study."""

import numpy as np

from micrograph.scans import rendering
from micrograph.scans.levelling import level
from micrograph.simulation import films, growth_conditions, microscope, simulate

FILMS_A_DAY = 3
SCAN_PIXELS = 128


def micrographs(count, pixels, shares, rng, *, levelling="published", clip_percentiles=rendering.CLIP_PERCENTILES):
    """`count` micrographs of films grown and scanned in the computer: (count, pixels, pixels) uint8.

    Days, growth times and substrates are drawn as the study's (simulate.plan), temperatures by shares (celsius ->
    share); scans are square, a micrometre wide, of SCAN_PIXELS lines or `pixels` where that is more. They are levelled
    and drawn as micrographs are (heights.level, images.micrograph). All chance comes from `rng`: give it another seed
    than the films of the study have, and no film is one of them.
    """
    made = np.empty((count, pixels, pixels), np.uint8)
    if not count:
        return made
    sheet = simulate.plan(count, -(-count // FILMS_A_DAY), shares, rng)
    names = sheet["batch"].unique()
    days = {
        name: (growth_conditions.draw_day(chance), microscope.draw_instrument(chance))
        for name, chance in zip(names, rng.spawn(len(names)), strict=True)
    }
    size = max(SCAN_PIXELS, pixels)
    for place, (row, chance) in enumerate(zip(sheet.to_dict("records"), rng.spawn(count), strict=True)):
        height_nm = level(_scan(row, *days[row["batch"]], size, chance), levelling, overwrite=True)
        made[place], _ = rendering.render(height_nm, pixels, clip_percentiles)
    return made


def _scan(row, day, instrument, size, rng):
    """The trace of one film of the sheet: (size, size) nm."""
    recipe, steps = growth_conditions.draw_recipe(
        row["growth_celsius"], row["growth_seconds"], row["substrate"], day, rng
    )
    pixel_nm = (simulate.WIDE_NM / size, simulate.WIDE_NM / size)
    return microscope.scan(films.grow(recipe, steps, (size, size), pixel_nm, rng), instrument, rng).trace_nm
