"""Write the page on new scans: index.html, with its images in parts/ beside it; no scripts, no network requests.

Images are written as the scans come, so that memory does not grow with their number; only the text of every scan's card
and the rows of the table are kept. Beyond CARDS_PER_PAGE scans the cards continue in parts/page_2.html and so on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import io
from micrograph.evaluation import uncertainty
from micrograph.figures import attribution_maps, new_scans, style
from micrograph.prediction import model_card, novelty, predict
from micrograph.scans import rendering
from micrograph.target import Target

CARDS_PER_PAGE = 100
SCALE_BAR_SHARE = 0.34  # of the image's width, at most
Card = dict[str, Any]


def write(
    predictions: Iterable[predict.Prediction],
    model: predict.Model,
    template: str | Path,
    index: str | Path,
    parts: str | Path,
) -> pd.DataFrame:
    """Write the page of predictions.

    Parameters
    ----------
    predictions : iterable of Prediction
    model : predict.Model
        That made them.
    template : str or Path
        Of new.html.j2.
    index : str or Path
        Receives index.html.
    parts : str or Path
        Folder for the rest, beside index.

    Returns
    -------
    DataFrame
        The table of predictions (`predict.table`): of the scans, then of the films with several.
    """
    target = Target.from_config(model.facts["target"])
    rows: list[dict[str, Any]] = []
    cards: list[Card] = []
    drawn: set[int] = set()
    shown: list[new_scans.Shown] = []
    scans: list[predict.Prediction] = []
    with io.atomic_write(parts) as folder:
        folder.mkdir(parents=True)
        for prediction in predictions:
            rows.append(predict.row(prediction, target))
            scans.append(predict.without_images(prediction))
            cards.append(_card(prediction, len(cards) + 1, model, folder, drawn))
            if len(shown) < new_scans.SHOWN and not prediction.error:
                shown.append(_for_figure(prediction))
        _shorten_names(cards)
        if shown:
            figure = new_scans.draw(shown, target)
            style.label_data(figure, model.facts["data"])
            style.save(figure, *(folder / f"figure.{end}" for end in ("pdf", "svg", "png")))
        films = predict.predict_films(scans, model)
        pages = _pages(cards, films, model, template, Path(parts).name)
        for number, text in enumerate(pages[1:], start=2):
            io.write_text(folder / f"page_{number}.html", text)
    io.write_text(index, pages[0])
    named = [row | {"scan": card["name"]} for row, card in zip(rows, cards, strict=True)]
    return predict.table([*named, *(predict.row(film, target) for film in films)], target)


def _for_figure(prediction: predict.Prediction) -> new_scans.Shown:
    """Return what the figure shows of a scan."""
    answer, members, flags = prediction.answer
    lines = (answer, flags, members)  # the last is cut where there is no room
    return new_scans.Shown(
        Path(prediction.scan).name, cast(NDArray, prediction.micrograph), tuple(text for text in lines if text),
        prediction.probabilities if not prediction.out_of_distribution else {},
    )  # fmt: skip


def _pages(
    cards: list[Card], films: list[predict.Prediction], model: predict.Model, template: str | Path, parts: str
) -> list[str]:
    """Fill in the template for every page; the first has all errors, the films and the summary."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["class_label"] = Target.from_config(model.facts["target"]).with_unit
    page = environment.from_string(Path(template).read_text(encoding="utf-8"))
    predicted = [card for card in cards if not card["error"]]
    shown = [predicted[start : start + CARDS_PER_PAGE] for start in range(0, len(predicted), CARDS_PER_PAGE)] or [[]]
    names = [f"{parts}/page_{number}.html" for number in range(2, len(shown) + 1)]
    count = {
        "all": len(cards),
        "errors": len(cards) - len(predicted),
        "out_of_distribution": sum(bool(card["reasons"]) for card in predicted),
    }
    coverage, days = model.facts["calibration"]["coverage"], model.facts["checked"]["covered"][4]
    return [
        page.render(
            cards=some,
            errors=[card for card in cards if card["error"]],
            films=films,
            count=count,
            facts=model.facts,
            target=Target.from_config(model.facts["target"]),
            cautions=model_card.cautions(model.facts),
            number=number,
            links=["index.html", *names] if number == 1 else ["../index.html", *(Path(name).name for name in names)],
            parts=f"{parts}/" if number == 1 else "",
            cam_words=attribution_maps.CAM.description,
            occlusion_words=attribution_maps.OCCLUSION.description,
            of_films=model_card.of_films(model.facts),
            scatter=100 * uncertainty.coverage_std(coverage, days),
        )
        for number, some in enumerate(shown, start=1)
    ]


def _card(prediction: predict.Prediction, number: int, model: predict.Model, folder: Path, drawn: set[int]) -> Card:
    """Collect the text on one scan; write its images into `folder`."""
    card = {"path": prediction.scan, "name": prediction.scan, "error": prediction.error, "number": number}
    card["reasons"] = list(prediction.reasons)
    if prediction.error:
        return card
    target = cast(Target, prediction.target)
    images = {"micrograph": prediction.micrograph} | _overlays(prediction)
    for name, pixels in images.items():
        if pixels is not None:
            _write_png(folder / f"{number:04d}_{name}.png", pixels)
    return card | {
        "images": {name: f"{number:04d}_{name}.png" for name, pixels in images.items() if pixels is not None},
        "flags": {"cam": prediction.cam_flag, "occlusion": prediction.occlusion_flag},
        "cells": " x ".join(map(str, cast(NDArray, prediction.cam).shape)),
        "bar": _scale_bar(prediction),
        "predicted": target.with_unit(cast(float, prediction.y_pred)),
        "probabilities": [
            (target.with_unit(one), 100 * value, one in prediction.prediction_set)
            for one, value in prediction.probabilities.items()
        ],
        "set": [target.with_unit(one) for one in prediction.prediction_set],
        "value": prediction.value,
        "low": prediction.low,
        "high": prediction.high,
        "interval_end": prediction.interval_end,
        "trained_on": prediction.trained_on,
        "infinite": not np.isfinite(prediction.low),
        "constant": prediction.constant,
        "neighbours": [_neighbour(one, model, folder, drawn) for one in prediction.neighbours],
        "distance": prediction.distance,
        "threshold": prediction.threshold,
        "measures": _measures(prediction),
        "sha256": prediction.sha256,
    }


def _overlays(prediction: predict.Prediction) -> dict[str, NDArray[np.uint8] | None]:
    """Draw both maps as (side, side, 4) uint8; None where one cannot be drawn."""
    side = cast(NDArray, prediction.micrograph).shape[0]
    kinds = {
        "cam": (cast(NDArray, prediction.cam), attribution_maps.CAM),
        "occlusion": (cast(NDArray, prediction.occlusion), attribution_maps.OCCLUSION),
    }
    return {name: attribution_maps.paint(values, side, scale) for name, (values, scale) in kinds.items()}


def _neighbour(near: dict[str, Any], model: predict.Model, folder: Path, drawn: set[int]) -> Card:
    """Describe a sample of the study; its image is written once."""
    index = model.facts["films"]["sample"].index(near["sample"])
    image = f"film_{index:05d}.png"
    if index not in drawn:
        drawn.add(index)
        rendering.write_png(folder / image, model.images[index])
    conditions = [
        f"{near[name]:g} {unit}".strip() if _is_known(near[name]) else near[name] or ""
        for name, (_, unit) in model.facts["growth_variables"].items()
        if isinstance(near[name], str) or _is_known(near[name])
    ]
    return {
        "sample": near["sample"],
        "label": Target.from_config(model.facts["target"]).with_unit(near["y_true"]),
        "conditions": ", ".join(text for text in conditions if text),
        "distance": near["distance"],
        "image": image,
    }


def _is_known(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _measures(prediction: predict.Prediction) -> str:
    """Describe the scan's size."""
    width, lines, pixels = (prediction.measures[name] for name in ("width_nm", "lines", "pixels"))
    counts = f"{novelty.counted(lines, 'line')} of {novelty.counted(pixels, 'pixel')}"
    wide = f"{style.length_label(width)} wide" if style.known_size(width) else "of unknown width"
    return f"{prediction.channel}, {wide}, {counts}"


def _scale_bar(prediction: predict.Prediction) -> tuple[float, str] | None:
    """Return the scale bar's percentage of the image's width and its label; None where the size is unknown."""
    if not style.known_size(prediction.pixel_size_nm):
        return None
    width_nm = prediction.pixel_size_nm * cast(NDArray, prediction.micrograph).shape[1]
    length = style.round_length(SCALE_BAR_SHARE * width_nm)
    return round(100 * length / width_nm, 2), style.length_label(length)


def _shorten_names(cards: list[Card]) -> None:
    """Name every scan relative to the folder that holds them all."""
    folders = {os.path.dirname(os.path.abspath(card["path"])) for card in cards}
    common = os.path.commonpath(folders) if folders else ""
    for card in cards:
        card["name"] = os.path.relpath(card["path"], common)


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a grey or a transparent PNG; the same pixels give the same bytes."""
    from PIL import Image

    with io.atomic_write(path) as partial:
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial, format="PNG", compress_level=6)
