"""The physical features of a study's films: measured shard by shard, gathered in one unit.

A film whose heights are known is measured in nm, and once more in grey values on its micrograph; a finished picture
has grey values alone. A study with a single finished picture is compared in grey values throughout, because numbers in
different units cannot stand in one column. Greys are what a micrograph's clip percentiles, or whoever finished a
picture, made of heights: roughness in grey values tells next to nothing, lengths and grains what they do in nm.
"""

from pathlib import Path

import pandas as pd

from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.scans import rendering
from micrograph.scans.conversion import PICTURE
from micrograph.scans.height_map import read_gwy
from micrograph.topography.measure import MEASURES, measure

NM, GREY = "nm", "grey"
TAKEN_WIDTH_NM = 1000.0  # of a picture that does not know its width: the width of the study's scans
KNOWN, TAKEN = "known", "taken as 1000 nm wide"
COLUMNS = ("sample", "unit", "size", "down_nm", "across_nm", *MEASURES)


def measure_shard(drawn, heights_folder, micrographs_folder, aspect="pad"):
    """Measure the films of a shard: a table of COLUMNS, sorted by sample and unit, two rows a film of known heights.

    drawn: their rows (conversion.DRAWN); heights_folder: {sample}.gwy, levelled; micrographs_folder: {sample}.png;
    aspect: the one that micrographs were drawn with (images.micrograph), so that bands around a map are left out.
    unit: that of the heights, nm or grey; size: whether the picture's size is known; down_nm, across_nm: its pixels.
    Raises UserError that names the film where a file is damaged or cannot be measured.
    """
    rows = []
    for film in progress(drawn.sort_values("sample").to_dict("records"), "films measured"):
        rows.append(_measured(film, GREY, *_grey(film, Path(micrographs_folder), aspect)))
        if film["channel"] != PICTURE:
            rows.append(_measured(film, NM, *_heights(film, Path(heights_folder))))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["sample", "unit"], ignore_index=True)


def gather(samples, measured):
    """One row a film, in one unit: (table of COLUMNS, sorted by sample; a sentence that says the unit and why).

    samples: the table of all samples; measured: the shards' tables. Raises ValueError where these are not of the same
    films.
    """
    tables = [table for table in measured if len(table)]
    joined = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    unit = NM if (joined["unit"] == NM).sum() == len(samples) else GREY
    table = joined[joined["unit"] == unit].sort_values("sample", ignore_index=True)
    if table["sample"].tolist() != sorted(samples["sample"]):
        raise ValueError("the measured films and the table of samples are not of one run")
    return table, _said(joined, len(samples), unit)


def _said(joined, films, unit):
    """What is said of the unit."""
    if unit == NM:
        return f"{films} films measured, heights in nm."
    pictures = films - (joined["unit"] == NM).sum()
    text = f"{films} films measured in grey values, because {pictures} of them are finished pictures without heights."
    guessed = ((joined["unit"] == GREY) & (joined["size"] == TAKEN)).sum()
    return text + (f" {guessed} pictures have no size and are taken as 1000 nm wide." if guessed else "")


def _heights(film, folder):
    """(heights in nm, (down, across) nm a pixel, KNOWN) of a film."""
    found = read_gwy(folder / f"{film['sample']}.gwy")
    return found.height_nm, (found.tall_nm / found.lines, found.width_nm / found.pixels), KNOWN


def _grey(film, folder, aspect):
    """(grey values, (down, across) nm a pixel, KNOWN or TAKEN) of a film's micrograph, without bands around it."""
    grey = rendering.read_png(folder / f"{film['sample']}.png")
    size_nm = film["width_nm"], film["tall_nm"]
    place = rendering.frame((int(film["lines"]), int(film["pixels"])), len(grey), aspect, *size_nm)
    shown = grey[place.top : place.top + place.rows, place.left : place.left + place.cols]
    if place.pixel_nm > 0:
        return shown, (place.pixel_nm, place.pixel_nm), KNOWN
    return shown, (TAKEN_WIDTH_NM / place.cols, TAKEN_WIDTH_NM / place.cols), TAKEN


def _measured(film, unit, values, pixel_nm, size):
    """The COLUMNS of one film in one unit."""
    try:
        found = measure(values, pixel_nm)
    except UserError as fault:
        raise UserError(f"{film['sample']}: {fault}") from None
    told = {"sample": film["sample"], "unit": unit, "size": size, "down_nm": pixel_nm[0], "across_nm": pixel_nm[1]}
    return told | found
