"""Predict the growth condition of new scans with the final model."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph import log
from micrograph.attribution import maps
from micrograph.errors import UserError, printable
from micrograph.evaluation import uncertainty
from micrograph.evaluation.films import FilmScore
from micrograph.prediction import model_card, novelty
from micrograph.scans import conversion, duplicates, film_names, rendering
from micrograph.scans.height_map import BlankScanError
from micrograph.target import Target, decode
from micrograph.topography import measure

BATCH_SIZE = 16  # scans that are in memory together
MEASURES = ("width_nm", "lines", "pixels")
OF_ORDER = {"value", "low", "high", "constant_low", "constant_high", "constant_interval_covered_pct", "spread"}
NAN = float("nan")
# Decimals of the columns of the table whose names match.
DIGITS = {"p_.*": 3, ".*_pct": 1, "distance|threshold": 4, "width_nm": 1}


class Model(Protocol):
    """A final model: `storage.FinalModel` or `onnx_model.OnnxModel`."""

    @property
    def facts(self) -> dict[str, Any]:
        """JSON values; see `final_model.train`."""

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Of the study's samples."""

    @property
    def images(self) -> NDArray[np.uint8]:
        """Their micrographs, small."""

    def attribute(self, images: NDArray[np.uint8], device: str) -> dict[str, NDArray[Any]]:
        """Compute outputs and attribution maps of images."""

    def embed(self, micrographs: Iterable[NDArray[np.uint8]], device: str) -> NDArray[np.float32]:
        """Compute the embeddings of micrographs."""


@dataclass(frozen=True)
class Constant:
    """The set and the interval that ignore the scan, the trivial reference of those that do not.

    Parameters
    ----------
    prediction_set : tuple of float
        The two most frequent classes.
    low, high : float
        The shortest interval of the nominal coverage; NaN without order.
    set_covered, interval_covered : float
        Share that they cover of the samples of new days, 0 to 1, in cross-validation (`calibration.check`).
    """

    prediction_set: tuple[float, ...] = ()
    low: float = NAN
    high: float = NAN
    set_covered: float = NAN
    interval_covered: float = NAN


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one scan, or one film; values are in the target's unit.

    Parameters
    ----------
    scan : str
        Path, printable; empty for a film.
    error : str
        Why there is no prediction, else empty. What follows is then empty, but for `out_of_distribution` and `reasons`
        of a blank scan.
    sha256 : str
        Of the file.
    trained_on : str
        The sample that the model was trained on whose file has this checksum, else empty.
    out_of_distribution : bool
        Whether the scan is out of the study's distribution; the prediction is then not reliable.
    reasons : tuple of str
        Why it is, in sentences.
    film : str
        Name of the film, as the sheet or the file's name has it.
    film_key : tuple of str
        Equal for scans of one film.
    kind : {"raw", "processed"}
        Of the file, likewise.
    n_scans : int
        Scans that the prediction is of.
    spread : float
        Of a film: standard deviation between the values of its scans.
    target : Target
        What is predicted, with names of the classes.
    y_pred : float
        The most probable class.
    probabilities : dict of float to float
        Calibrated probability by class.
    scores : tuple of float
        Probabilities by class before calibration.
    prediction_set : tuple of float
        Classes; holds the true one for the share `coverage` of samples of new days (see `calibration`).
    value : float
        Mean of the probabilities; NaN without order.
    low, high : float
        Prediction interval of the same coverage, which ends at the values of the study's films; infinite with too few
        days in the study, NaN without order.
    interval_end : str
        Why the interval ends before its coverage asks for it, else empty.
    coverage : float
        Nominal coverage, 0 to 1.
    constant : Constant
        What set and interval are compared with; the same for all scans.
    neighbours : tuple of dict
        The study's five nearest samples by texture, nearest first: sample, batch, y_true, what the study's sheet tells
        of their growth beside the target, distance.
    distance, threshold : float
        Distance to the fifth, and the limit from which the scan is out of distribution.
    measures : dict of str to float
        Of `conversion.ConvertedScan`, and of its topography.
    channel : str
        Height channel, or "picture".
    micrograph : ndarray of uint8, shape (pixels, pixels)
    pixel_size_nm : float
        Of the micrograph.
    cam : ndarray of float32, shape (h, w)
        Class activation map of the predicted class, not normalised; positive values support the class.
    occlusion : ndarray of float32, shape (side, side)
        Occlusion map, likewise.
    cam_flag, occlusion_flag : str
        Why a map cannot be drawn, else empty.
    simulated : bool
        Whether the model was trained on simulated films.
    cautions : tuple of str
        Why to distrust the model: too few films, or accuracy that may come from when they were grown. The same for all
        scans.
    fingerprint : ndarray of int8
        Of the micrograph (`scans.duplicates`).
    """

    scan: str
    error: str = ""
    sha256: str = ""
    trained_on: str = ""
    out_of_distribution: bool = False
    reasons: tuple[str, ...] = ()
    film: str = ""
    film_key: tuple[str, str] = ("", "")
    kind: str = "raw"
    n_scans: int = 1
    spread: float = NAN
    target: Target | None = None
    y_pred: float | None = None
    probabilities: dict[float, float] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    prediction_set: tuple[float, ...] = ()
    value: float = NAN
    low: float = NAN
    high: float = NAN
    interval_end: str = ""
    coverage: float = NAN
    constant: Constant = Constant()
    neighbours: tuple[dict[str, Any], ...] = ()
    distance: float = NAN
    threshold: float = NAN
    measures: dict[str, float] = field(default_factory=dict)
    channel: str = ""
    micrograph: NDArray[np.uint8] | None = None
    pixel_size_nm: float = NAN
    cam: NDArray[np.float32] | None = None
    occlusion: NDArray[np.float32] | None = None
    cam_flag: str = ""
    occlusion_flag: str = ""
    simulated: bool = False
    cautions: tuple[str, ...] = ()
    fingerprint: NDArray[np.int8] | None = None

    def __str__(self) -> str:
        """Describe the prediction in a line for the terminal, set and interval beside their constants."""
        if self.error:
            return self.error
        target, constant = cast(Target, self.target), self.constant
        known = f"the model was trained on this scan ({self.trained_on}); " if self.trained_on else ""
        doubt = f"out of distribution ({'; '.join(self.reasons)}); " if self.reasons else ""
        text = (
            f"{self.scan or f'{self.film}, {self.n_scans} scans'}: {known}{doubt}"
            f"{target.with_unit(cast(float, self.y_pred))} "
            f"({100 * self.probabilities[cast(float, self.y_pred)]:.0f} %); {100 * self.coverage:g} % set "
            f"{', '.join(map(target.with_unit, self.prediction_set))} (without the scan: "
            f"{', '.join(map(target.with_unit, constant.prediction_set))}, covers {100 * constant.set_covered:.0f} %)"
        )
        if not target.ordered:
            return text
        return (
            f"{text}; {100 * self.coverage:g} % interval {target.amount(self.low)} to {target.amount(self.high)} "
            f"(without the scan: {constant.low:g} to {f'{constant.high:g} {target.unit}'.strip()}, covers "
            f"{100 * constant.interval_covered:.0f} %)"
        )

    def __repr__(self) -> str:
        """Name the scan and the answer."""
        if self.error:
            return f"Prediction({self.error!r})"
        return f"Prediction({Path(self.scan).name!r}: {'; '.join(self.answer)})"

    @property
    def answer(self) -> tuple[str, str, str]:
        """Class, prediction set and flags as text; out of distribution there is no class and no set."""
        flags = [f"trained on ({self.trained_on})"] if self.trained_on else []
        if self.error:
            return "", "", "not read"
        if self.out_of_distribution:
            return "none", "", "; ".join([*flags, "out of distribution"])
        target, y_pred = cast(Target, self.target), cast(float, self.y_pred)
        members = " or ".join(map(target.with_unit, self.prediction_set))
        return f"{target.with_unit(y_pred)} ({100 * self.probabilities[y_pred]:.0f} %)", members, "; ".join(flags)

    def _repr_html_(self) -> str:
        """Show the micrograph and the answer in a notebook."""
        text = "".join(f"<div>{escape(one)}</div>" for one in (Path(self.scan).name, self.error, *self.answer) if one)
        reasons = "".join(f"<li>{escape(one)}</li>" for one in self.reasons)
        image = ""
        if self.micrograph is not None:
            from PIL import Image

            Image.fromarray(self.micrograph).save(held := BytesIO(), format="PNG")
            image = (
                f'<img width="160" alt="micrograph" src="data:image/png;base64,{b64encode(held.getvalue()).decode()}">'
            )
        return f'<div style="display: flex; gap: 1em">{image}<div>{text}<ul>{reasons}</ul></div></div>'


def predict(
    path: str | Path, model: str | Path | Model, width_nm: float | None = None, device: str = "auto"
) -> Prediction:
    """Predict one scan.

    Parameters
    ----------
    path : str or Path
        A scan of any readable format.
    model : str, Path or Model
        Path of results/final_model/model.safetensors or model.onnx, or what `read_model` returns, which saves a second
        a scan.
    width_nm : float, optional
        Width of an exported image (PNG, TIFF) whose file does not have it.
    device : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    Prediction

    Raises
    ------
    UserError
        If the file is not a scan or the model not a final model.

    Examples
    --------
    >>> prediction = micrograph.predict("film.spm", "results/final_model/model.safetensors")
    >>> print(prediction)
    >>> prediction.value, prediction.prediction_set, prediction.reasons
    """
    model = _read_model(model)
    scan = conversion.convert_scan(path, _preprocessing(model), width_nm)
    return _predict([scan], model, device, [_film(path, {})])[0]


def predict_scans(
    scans: Iterable[str | Path] | Mapping[str, Mapping[str, Any]], model: str | Path | Model, device: str = "auto"
) -> Iterator[Prediction]:
    """Predict scans in order; a file that cannot be read has a Prediction with its `error`.

    Parameters
    ----------
    scans : iterable of str or Path, or mapping of str to mapping
        Paths; with them what a sheet says (`sample_sheet.list_new_scans`): film, kind, width_nm, z_unit, levelling.
    model, device
        As of `predict`.

    Yields
    ------
    Prediction
        In batches of BATCH_SIZE, so that memory does not grow with their number. A prediction does not depend on the
        other scans, but for rounding.
    """
    model = _read_model(model)
    preprocessing, paths = _preprocessing(model), list(scans)
    rows = scans if isinstance(scans, Mapping) else {}
    waiting: list[conversion.ConvertedScan | Prediction] = []
    batch: list[conversion.ConvertedScan] = []
    names: list[dict[str, Any]] = []
    for number, path in enumerate(log.progress(paths, "scans read"), start=1):
        row = rows.get(str(path), {})
        waiting.append(one := _convert(path, preprocessing, row))
        if isinstance(one, conversion.ConvertedScan):
            batch.append(one)
            names.append(_film(path, row))
        if len(batch) == BATCH_SIZE or number == len(paths):
            predicted = iter(_predict(batch, model, device, names) if batch else [])
            yield from (one if isinstance(one, Prediction) else next(predicted) for one in waiting)
            waiting, batch, names = [], [], []


def without_images(prediction: Prediction) -> Prediction:
    """Return what `predict_films` needs of a prediction."""
    return replace(prediction, micrograph=None, cam=None, occlusion=None)


def predict_films(predictions: Iterable[Prediction], model: Model) -> list[Prediction]:
    """Predict the films of which several scans were predicted.

    Parameters
    ----------
    predictions : iterable of Prediction
        Of scans.
    model : Model
        That made them.

    Returns
    -------
    list of Prediction
        Of every film with several scans, by the sheet or else their names (`scans.film_names`): what all of them give,
        as films of the study were scored when the model was calibrated (`evaluation.films`). Of copies of one scan the
        first counts, raw ones before processed ones.
    """
    films: dict[tuple[str, str], list[Prediction]] = {}
    for one in predictions:
        if not one.error:
            films.setdefault(one.film_key, []).append(one)
    merged = (_merge(_without_copies(scans), model.facts) for scans in films.values() if len(scans) > 1)
    return [film for film in merged if film.n_scans > 1]


def _without_copies(scans: Sequence[Prediction]) -> list[Prediction]:
    scans = sorted(scans, key=lambda one: (one.kind == "processed", one.scan))
    widths = [one.measures["width_nm"] for one in scans]
    groups = duplicates.find([cast(NDArray, one.fingerprint) for one in scans], widths)
    copies = {place for group in groups for place in group[1:]}
    return [one for place, one in enumerate(scans) if place not in copies]


def _merge(scans: Sequence[Prediction], facts: Mapping[str, Any]) -> Prediction:
    """Return the prediction of a film from those of its scans."""
    reasons = tuple(f"{printable(os.path.basename(one.scan))}: {reason}" for one in scans for reason in one.reasons)
    target = Target.from_config(facts["target"])
    frame = pd.DataFrame([one.scores for one in scans], columns=target.score_columns)
    frame = frame.assign(film="film", sample=[one.scan for one in scans], y_pred_value=NAN)
    frame["y_pred"] = [one.y_pred for one in scans]
    film = FilmScore(target, facts["film_score"]).by_film(frame, facts["head"])
    y_index = np.searchsorted(target.classes, film["y_pred"].to_numpy(float))
    (answer,) = _calibrate(y_index, film[target.score_columns].to_numpy(float), facts)
    return replace(
        scans[0],
        **answer,
        scan="",
        n_scans=len(scans),
        spread=float(np.std([one.value for one in scans], ddof=1)) if len(scans) > 1 else NAN,
        out_of_distribution=bool(reasons),
        reasons=reasons,
        sha256="",
        trained_on=next((one.trained_on for one in scans if one.trained_on), ""),
        neighbours=(),
        distance=NAN,
        measures={},
    )


def row(prediction: Prediction, target: Target) -> dict[str, Any]:
    """Return the row of a Prediction in the table, empty where nothing is known; set and reasons are joined.

    Classes are named by `Target.key`. Without order there are no values and intervals.
    """
    near, constant = [one["sample"] for one in prediction.neighbours], prediction.constant
    made = {
        "scan": prediction.scan,
        "error": prediction.error,
        "out_of_distribution": "yes" if prediction.out_of_distribution else "no",
        "reasons": "; ".join(prediction.reasons),
        "y_pred": "" if prediction.y_pred is None else target.key(prediction.y_pred),
        **{f"p_{target.key(one)}": prediction.probabilities.get(one) for one in target.classes},
        "set": " ".join(map(target.key, prediction.prediction_set)),
        "value": prediction.value,
        "low": prediction.low,
        "high": prediction.high,
        "constant_set": " ".join(map(target.key, constant.prediction_set)),
        "constant_set_covered_pct": 100 * constant.set_covered,
        "constant_low": constant.low,
        "constant_high": constant.high,
        "constant_interval_covered_pct": 100 * constant.interval_covered,
        "distance": prediction.distance,
        "threshold": prediction.threshold,
        **{
            f"neighbour_{rank}": near[rank - 1] if rank <= len(near) else ""
            for rank in range(1, novelty.NEIGHBOURS + 1)
        },
        **{name: prediction.measures.get(name) for name in (*MEASURES, *measure.MEASURES)},
        "sha256": prediction.sha256,
        "trained_on": prediction.trained_on,
        "film": prediction.film,
        "n_scans": prediction.n_scans,
        "spread": prediction.spread,
        "caution": " ".join(prediction.cautions),
    }
    return {name: value for name, value in made.items() if target.ordered or name not in OF_ORDER}


def table(rows: Sequence[Mapping[str, Any]], target: Target) -> pd.DataFrame:
    """Make the table of rows, in their order; whole numbers stay whole, infinite limits are empty."""
    frame = pd.DataFrame(rows, columns=list(row(Prediction(""), target)))
    for name, digits in (DIGITS | {"value|low|high|constant_low|constant_high|spread": target.decimals + 1}).items():
        for column in frame.columns[frame.columns.str.fullmatch(name)]:
            frame[column] = pd.to_numeric(frame[column]).round(digits)
    for name in measure.MEASURES:
        frame[name] = [float(f"{value:.4g}") for value in pd.to_numeric(frame[name]).astype(float)]
    for name in ("lines", "pixels", "n_scans"):
        frame[name] = pd.array(pd.to_numeric(frame[name]), dtype="Int64")
    return frame.replace([np.inf, -np.inf], np.nan)


def read_model(path: str | Path) -> Model:
    """Read a final model, model.safetensors (with PyTorch) or model.onnx (with onnxruntime); UserError as of `read`."""
    if Path(path).suffix == ".onnx":
        from micrograph.prediction import onnx_model

        return onnx_model.read(path)
    from micrograph.prediction import storage

    return storage.read(path)


def _read_model(model: str | Path | Model) -> Model:
    return read_model(model) if isinstance(model, str | Path) else model


def _preprocessing(model: Model) -> conversion.Preprocessing:
    return conversion.Preprocessing(**model.facts["preprocessing"])


def _film(path: str | Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return film, film_key and kind of a scan, by its row of a sheet or else by its name."""
    path = printable(path)
    name = film_names.parse(os.path.basename(path))
    if "film" not in row:
        return {"film": name.film, "film_key": film_names.film_key(path), "kind": name.kind}
    return {"film": row["film"], "film_key": ("", row["film"]), "kind": row.get("kind", name.kind)}


def _convert(
    path: str | Path, preprocessing: conversion.Preprocessing, row: Mapping[str, Any]
) -> conversion.ConvertedScan | Prediction:
    """Return the ConvertedScan of a file with a row of a sheet, or a Prediction with the error, whatever it was."""
    name = printable(path)
    if "levelling" in row:
        preprocessing = replace(preprocessing, levelling=row["levelling"])
    units = {name: row[name] for name in ("width_nm", "z_unit") if name in row}
    try:
        return conversion.convert_scan(path, preprocessing, **units)
    except BlankScanError as error:
        reasons = ("its height range is zero",)
        return Prediction(name, error=_message(error), out_of_distribution=True, reasons=reasons)
    except UserError as error:
        return Prediction(name, error=_message(error))
    except Exception as error:  # one bad file must not stop the others
        return Prediction(name, error=f"{name}: {type(error).__name__}: {_message(error)}")


def _message(error: Exception) -> str:
    """Return the message of an error on one line, printable."""
    return printable(" ".join(str(error).split()))


def _predict(
    scans: Sequence[conversion.ConvertedScan], model: Model, device: str, films: Sequence[Mapping[str, Any]]
) -> list[Prediction]:
    facts: Any = model.facts
    micrographs = np.stack([one.micrograph for one in scans])
    attributions = model.attribute(rendering.resize(micrographs, facts["pixels"]), device)
    distances = novelty.distances(model.embed(micrographs, device), model.embeddings)
    return [
        Prediction(
            scan.scan, sha256=scan.sha256, trained_on=_trained_on(scan.sha256, facts["films"]),
            measures=scan.measures | _topography(scan), channel=scan.channel, micrograph=scan.micrograph,
            fingerprint=duplicates.fingerprint(scan.micrograph),
            pixel_size_nm=scan.pixel_size_nm, simulated=facts["data"] == "simulated films",
            cautions=tuple(model_card.cautions(facts)), constant=_constant(facts),
            **film, **answer, **attributed, **_compare_to_study(scan, row, model),
        )
        for scan, film, answer, attributed, row in zip(
            scans, films, _decode(attributions["outputs"], facts), _attribution_maps(attributions), distances,
            strict=True,
        )
    ]  # fmt: skip


def _topography(scan: conversion.ConvertedScan) -> dict[str, float]:
    """Return the topography measures of a scan; none of an image, or without a width."""
    heights = scan.levelled
    if heights is None or not heights.width_nm:
        return {}
    down, across = heights.tall_nm / heights.lines, heights.width_nm / heights.pixels
    return measure.measure_map(heights.height_nm, (down, across))


def _trained_on(sha256: str, films: Mapping[str, Sequence]) -> str:
    """Return the sample of the study whose file has this checksum, else ""."""
    known = dict(zip(films.get("source_sha256", ()), films["sample"], strict=False))
    return str(known.get(sha256, ""))


def _decode(outputs: NDArray[np.float32], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Class, calibrated probabilities, set and value of every row of the outputs (n, n_outputs)."""
    index = range(len(Target.from_config(facts["target"]).classes))
    y_index, _, scores = decode(facts["head"], outputs, index)
    return _calibrate(y_index, scores, facts)


def _calibrate(y_index: NDArray, scores: NDArray[np.float64], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Class, calibrated probabilities, set and value of every row of probabilities (n, n_classes)."""
    target, fitted = Target.from_config(facts["target"]), facts["calibration"]
    classes, probabilities = target.classes, uncertainty.scale(scores, fitted["temperature"])
    inside = uncertainty.prediction_sets(probabilities, _limit(fitted["set_limit"]))
    values, reach = uncertainty.expected_value(probabilities, classes), _limit(fitted["reach"])
    return [
        {
            "target": target,
            "y_pred": classes[int(y_index[row])],
            "probabilities": dict(zip(classes, probabilities[row].tolist(), strict=True)),
            "scores": tuple(scores[row].tolist()),
            "prediction_set": tuple(one for one, member in zip(classes, inside[row], strict=True) if member),
            **(_interval(float(values[row]), reach, facts["films"]["y_true_value"], target) if target.ordered else {}),
            "coverage": fitted["coverage"],
        }
        for row in range(len(probabilities))
    ]


def _interval(value: float, reach: float, grown: Sequence[float], target: Target) -> dict[str, Any]:
    """Return a value and the interval of this reach about it, which ends at the values that films were grown at.

    No film was grown beyond them, so that nothing is known there and the coverage of such films stays the same.
    """
    low, high = value - reach, value + reach
    if not np.isfinite(reach):
        return {"value": value, "low": low, "high": high}
    ends = [
        f"{end:g} {target.unit}".strip()
        for end, is_beyond in ((min(grown), low < min(grown)), (max(grown), high > max(grown)))
        if is_beyond
    ]
    why = f"it ends at {' and '.join(ends)}: no film of the study was grown beyond" if ends else ""
    low, high = np.clip([low, high], min(grown), max(grown)).tolist()
    return {"value": value, "low": low, "high": high, "interval_end": why}


def _constant(facts: Mapping[str, Any]) -> Constant:
    """Return the constant set and interval of a model."""
    constant, checked = facts["constant"], facts["checked"]
    low, high = constant["interval"] or (NAN, NAN)
    covered, within = (checked.get(f"constant_{name}_by_day", [NAN])[0] for name in ("covered", "within"))
    return Constant(tuple(constant["classes"]), low, high, covered, within)


def _attribution_maps(attributions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Both maps of every image's predicted class, with their flags."""
    cam = next(name for name in maps.WEIGHTED if name in attributions)
    side, patch, stride = (int(attributions[name]) for name in ("side", "patch", "stride"))
    return [
        {
            "cam": attributions[cam][row, index],
            "occlusion": np.float32(maps.windows_to_pixels(attributions["occlusion"][row, index], side, patch, stride)),
            "cam_flag": str(attributions["cam_flag"][row]),
            "occlusion_flag": str(attributions["occlusion_flag"][row]),
        }
        for row, index in enumerate(attributions["target"])
    ]


def _compare_to_study(scan: conversion.ConvertedScan, distances: NDArray[np.float64], model: Model) -> dict[str, Any]:
    """Whether a scan is out of distribution, and the nearest samples; distances: (n,)."""
    facts, samples = model.facts["novelty"], model.facts["films"]
    distance, limit = novelty.distance_to_study(distances), _limit(facts["threshold"])
    reasons = (
        *scan.warnings,
        *novelty.unusual_measures(scan.measures, facts["ranges"]),
    )
    if distance > limit:
        reasons += (f"its texture is far from the study's (distance {distance:.3g}, limit {limit:.3g})",)
    neighbours = tuple(
        {name: values[index] for name, values in samples.items() if name != "source_sha256"}
        | {"distance": float(distances[index])}
        for index in novelty.nearest(distances)
    )
    return {
        "out_of_distribution": bool(reasons),
        "reasons": reasons,
        "neighbours": neighbours,
        "distance": distance,
        "threshold": limit,
    }


def _limit(value: float | None) -> float:
    """Read a limit of the model's file, where None is infinite."""
    return float("inf") if value is None else float(value)
