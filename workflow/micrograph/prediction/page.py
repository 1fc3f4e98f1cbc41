"""The page on new scans: index.html and, in parts/ beside it, its pictures; it runs no script and asks no network.

Pictures are written as the scans come, so that memory does not grow with their number; a card of every scan and the
rows of the table are kept in words. Beyond A_PAGE scans the cards go on in parts/page_2.html and so on.
"""

import os
from pathlib import Path

import jinja2
import numpy as np

from micrograph import io
from micrograph.evaluation import uncertainty
from micrograph.figures import attribution_maps, style
from micrograph.prediction import novelty, predict
from micrograph.scans import rendering

A_PAGE = 100
BAR_SHARE = 0.34  # of the picture's width, at most


def write(found, model, template, index, parts):
    """Write the page of Predictions and return their table (table.table).

    found: iterable of predict.Prediction; model: the storage.Production that made them; template: path of new.html.j2;
    index: path of index.html; parts: path of the folder for the rest, in index's folder.
    """
    classes, rows, cards, drawn = model.facts["classes"], [], [], set()
    with io.atomic_write(parts) as folder:
        folder.mkdir(parents=True)
        for said in found:
            rows.append(predict.row(said, classes))
            cards.append(_card(said, len(cards) + 1, model, folder, drawn))
        _short_names(cards)
        pages = _pages(cards, model, template, Path(parts).name)
        for number, text in enumerate(pages[1:], start=2):
            io.write_text(folder / f"page_{number}.html", text)
    io.write_text(index, pages[0])
    return predict.table(rows, classes)


def _pages(cards, model, template, inside):
    """The HTML of every page: the first has all faults and the summary."""
    frame = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    filled = frame.from_string(Path(template).read_text(encoding="utf-8"))
    answered = [card for card in cards if not card["fault"]]
    shown = [answered[start : start + A_PAGE] for start in range(0, len(answered), A_PAGE)] or [[]]
    names = [f"{inside}/page_{number}.html" for number in range(2, len(shown) + 1)]
    count = {
        "all": len(cards),
        "faults": len(cards) - len(answered),
        "unlike": sum(bool(card["reasons"]) for card in answered),
    }
    return [
        filled.render(
            cards=part,
            faults=[card for card in cards if card["fault"]],
            count=count,
            facts=model.facts,
            number=number,
            links=["index.html", *names] if number == 1 else ["../index.html", *(Path(name).name for name in names)],
            parts=f"{inside}/" if number == 1 else "",
            cam_words=attribution_maps.CAM.words,
            occlusion_words=attribution_maps.OCCLUSION.words,
            scatter=100
            * uncertainty.scatter(model.facts["calibration"]["coverage"], model.facts["checked"]["covered"][4]),
        )
        for number, part in enumerate(shown, start=1)
    ]


def _card(said, number, model, folder, drawn):
    """What the page says of one scan, in words and names of pictures, which are written into `folder`."""
    card = {"path": said.scan, "name": said.scan, "fault": said.fault, "reasons": list(said.reasons), "number": number}
    if said.fault:
        return card
    pictures = {"micrograph": said.micrograph} | _overlays(said)
    for name, pixels in pictures.items():
        if pixels is not None:
            _write(folder / f"{number:04d}_{name}.png", pixels)
    near = [_neighbour(one, model, folder, drawn) for one in said.neighbours]
    return card | {
        "pictures": {name: f"{number:04d}_{name}.png" for name, pixels in pictures.items() if pixels is not None},
        "flags": {"cam": said.cam_flag, "occlusion": said.occlusion_flag},
        "cells": " x ".join(map(str, said.cam.shape)),
        "bar": _bar(said),
        "predicted": said.y_pred,
        "chances": [(celsius, 100 * chance) for celsius, chance in said.probabilities.items()],
        "set": list(said.prediction_set),
        "celsius": said.temperature_celsius,
        "low": said.low_celsius,
        "high": said.high_celsius,
        "endless": not np.isfinite(said.low_celsius),
        "neighbours": near,
        "distance": said.distance,
        "threshold": said.threshold,
        "measures": _measures(said),
        "sha256": said.sha256,
    }


def _overlays(said):
    """{name: (side, side, 4) uint8 or None where a map cannot be drawn}."""
    side = said.micrograph.shape[0]
    kinds = {"cam": (said.cam, attribution_maps.CAM), "occlusion": (said.occlusion, attribution_maps.OCCLUSION)}
    return {name: attribution_maps.paint(values, side, scale) for name, (values, scale) in kinds.items()}


def _neighbour(near, model, folder, drawn):
    """A film of the study in words; its picture is written once."""
    place = model.facts["films"]["sample"].index(near["sample"])
    picture = f"film_{place:05d}.png"
    if place not in drawn:
        drawn.add(place)
        rendering.write_png(folder / picture, model.pictures[place])
    conditions = [
        f"{near['growth_seconds']:g} s" if _given(near["growth_seconds"]) else "",
        f"{near['pressure_torr']:g} torr" if _given(near["pressure_torr"]) else "",
        near["substrate"] or "",
    ]
    return {
        "sample": near["sample"],
        "celsius": near["growth_celsius"],
        "conditions": ", ".join(word for word in conditions if word),
        "distance": near["distance"],
        "picture": picture,
    }


def _given(value):
    return isinstance(value, int | float) and np.isfinite(value)


def _measures(said):
    """The scan's size in words."""
    width, lines, pixels = (said.measures[name] for name in ("width_nm", "lines", "pixels"))
    counts = f"{novelty.counted(lines, 'line')} of {novelty.counted(pixels, 'pixel')}"
    wide = f"{style.length_words(width)} wide" if style.known_size(width) else "of unknown width"
    return f"{said.channel}, {wide}, {counts}"


def _bar(said):
    """(share of the picture's width in percent, its length in words) of a scale bar; None where no size is known."""
    if not style.known_size(said.pixel_nm):
        return None
    wide = said.pixel_nm * said.micrograph.shape[1]
    length = style.round_length(BAR_SHARE * wide)
    return round(100 * length / wide, 2), style.length_words(length)


def _short_names(cards):
    """Name every scan as seen from the folder that holds them all."""
    folders = {os.path.dirname(os.path.abspath(card["path"])) for card in cards}
    above = os.path.commonpath(folders) if folders else ""
    for card in cards:
        card["name"] = os.path.relpath(card["path"], above)


def _write(path, pixels):
    """A grey or a transparent PNG; the same pixels give the same bytes."""
    from PIL import Image

    with io.atomic_write(path) as partial:
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial, format="PNG", compress_level=6)
