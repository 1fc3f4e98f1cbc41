"""What the name of a scan's file says: the film, where on it, and whether somebody worked on the scan.

| file                                                    | film            | position | kind      |
|---------------------------------------------------------|-----------------|----------|-----------|
| MCV1-221130B-NT_221207_Center-1 um.0_00003.spm          | MCV1-221130B-NT | center   | raw       |
| MCV1-221130B-NT_10389_21834_177558_edge1um.0_1_cs.spm   | MCV1-221130B-NT | edge     | processed |
| A1_center.0_00001.spm                                   | A1              | center   | raw       |
| A1_center.0_00001Proc.spm                               | A1              | center   | processed |
| film.001, film_500nm.spm                                | as written      |          | raw       |
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

# How the study named its downloads, {sampleLabel}_{sampleId}_{activityId}_{fileId}_{original name}, and its labels.
DOWNLOAD_NAME = re.compile(r"(?P<label>.+?)_\d{3,}_\d{4,}_\d{4,}_.+", re.DOTALL)
LABEL = re.compile(r"(?P<label>[A-Za-z0-9]+-\d{6}[A-Za-z]?-[A-Za-z0-9]+)(?![A-Za-z0-9])")
PLACES = {"centre": "center", "middle": "center", "mid": "center", "border": "edge", "c": "center", "e": "edge"}
WORDS = "center|centre|middle|mid|edge|border|corner|left|right|top|bottom"
UNIT = r"(?:[.,]\d+)?(?:\s?x\s?\d+(?:[.,]\d+)?)?\s?(?:[u\xb5\u03bc]m|nm)"  # after the first digits of a size
NUMBER = rf"(?:[ _-]?(?P<number>\d)(?!\d|{UNIT}))?"
WORK = r"flat\w*|plane\w*|level\w*|proc\w*|filter\w*|crop\w*|edit\w*|corr\w*|smooth\w*|clean\w*|export\w*|mod|cs"
STEPS = rf"{WORK}|copy|(?:re)?trace"
PROCESSED, SECONDARY = (re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE) for words in (WORK, STEPS))
LABELLED_PLACE = re.compile(rf"(?<![a-z])(?P<place>{WORDS}|c|e){NUMBER}(?![a-z])", re.IGNORECASE)
# What may follow the film's name where no label ends it: capture (.0_00001, of pictures .0_00001_1.spm), processing
# step, place with or without the size of the scan. A size alone may be the film's thickness.
CAPTURE = re.compile(r"\.\d_\d{5}(?:_\d{1,2})?(?:\.spm)?$", re.IGNORECASE)
STEP = re.compile(rf"(?:(?<=\d)|[ ._-]+)\(?(?:{STEPS})\)?$", re.IGNORECASE)
PLACE = re.compile(rf"[ _-]+(?P<place>{WORDS}){NUMBER}(?:[ _-]*\d+{UNIT})?$", re.IGNORECASE)


class FileName(NamedTuple):
    """What a file name says.

    Attributes
    ----------
    film : str
        Name of the film as written, never empty: a label in the study's style, or the name without what `CAPTURE`,
        `STEP` and `PLACE` remove from its end. The counter of old NanoScope files (.000) distinguishes films and stays.
    position : str
        Such as center or edge2; empty where the name has none.
    kind : {"raw", "processed"}
    labelled : bool
        Whether a label names the film, which then is the same in every folder.
    """

    film: str
    position: str
    kind: str
    labelled: bool


def parse(file_name: str) -> FileName:
    """Take the name of a file, without its folder, apart."""
    stem, suffix = os.path.splitext(file_name)
    stem = f"{stem}{suffix}" if suffix[1:].isdigit() else stem
    match = DOWNLOAD_NAME.fullmatch(file_name) or LABEL.match(file_name)
    if match:
        rest = stem.removeprefix(match["label"])
        place = LABELLED_PLACE.search(rest)
        return FileName(match["label"], _position(place), _kind(rest), True)
    film, place = stem, None
    for ending in (CAPTURE, STEP, CAPTURE, PLACE):  # a.0_00001_cs.spm, and a_cs.0_00001.spm
        found = ending.search(film)
        if found and found.start():
            film, place = film[: found.start()], found if ending is PLACE else place
    return FileName(film, _position(place), _kind(stem[len(film) :]), False)


def film_key(path: str | Path) -> tuple[str, str]:
    """Return what is equal for two files just where their names say that they are of one film."""
    folder, file_name = os.path.split(path)
    name = parse(file_name)
    return ("", name.film.casefold()) if name.labelled else (folder, name.film)


def _position(place: re.Match[str] | None) -> str:
    if place is None:
        return ""
    word = place["place"].casefold()
    return PLACES.get(word, word) + (place["number"] or "")


def _kind(rest: str) -> str:
    return "processed" if PROCESSED.search(rest) else "raw"
