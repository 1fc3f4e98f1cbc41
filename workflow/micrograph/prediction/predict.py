"""Predict the growth condition of new scans with the final model."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from micrograph import log, target
from micrograph.attribution import attribute, maps
from micrograph.errors import UserError, printable
from micrograph.evaluation import uncertainty
from micrograph.networks import transforms
from micrograph.prediction import novelty, storage
from micrograph.prediction.embedding import embed
from micrograph.scans import conversion, sample_sheet
from micrograph.scans.height_map import BlankScanError

MEASURES = ("width_nm", "lines", "pixels")


def row(said, classes):
    """A dict, one cell a column, of a Prediction; empty where nothing is known.

    classes: of the model, in Celsius. set: classes parted by spaces; reasons: sentences parted by semicolons.
    """
    near = [one["sample"] for one in said.neighbours]
    return {
        "scan": said.scan,
        "fault": said.fault,
        "unlike": "yes" if said.unlike else "no",
        "reasons": "; ".join(said.reasons),
        "y_pred": said.y_pred,
        **{f"p_{celsius}": said.probabilities.get(celsius) for celsius in classes},
        "set": " ".join(map(str, said.prediction_set)),
        "temperature_celsius": said.temperature_celsius,
        "low_celsius": said.low_celsius,
        "high_celsius": said.high_celsius,
        "distance": said.distance,
        "threshold": said.threshold,
        **{f"neighbour_{place}": near[place - 1] if place <= len(near) else "" for place in _places()},
        **{name: said.measures.get(name) for name in MEASURES},
        "sha256": said.sha256,
    }


def table(rows, classes):
    """The rows as a data frame, in their order; whole numbers stay whole, limits without end are empty."""
    frame = pd.DataFrame(rows, columns=columns(classes))
    for name in ("y_pred", "lines", "pixels"):
        frame[name] = pd.array(pd.to_numeric(frame[name]), dtype="Int64")
    return frame.replace([np.inf, -np.inf], np.nan)


def columns(classes):
    """The names of the columns, in order."""
    chances = [f"p_{celsius}" for celsius in classes]
    near = [f"neighbour_{place}" for place in _places()]
    return [
        *("scan", "fault", "unlike", "reasons", "y_pred", *chances, "set"),
        *("temperature_celsius", "low_celsius", "high_celsius", "distance", "threshold", *near, *MEASURES, "sha256"),
    ]


def _places():
    return range(1, novelty.NEIGHBOURS + 1)


AT_ONCE = 16  # scans that are in memory together
NOTHING = float("nan")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is said of one scan.

    scan: its path, printable (folders.printable); sha256: of its file. fault: why nothing could be said, in a sentence,
    else ""; all that follows is then empty, but for `unlike` and `reasons` of a blank scan. Temperatures are growth
    temperatures in degrees Celsius.

    unlike: whether the scan is unlike the study's films, for `reasons` (sentences): what is said of it then rests on
    nothing. y_pred: the class; probabilities: {class: calibrated probability}; prediction_set: classes,
    aimed at holding the true one for the share `coverage` of films of new days; temperature_celsius: the mean of the
    probabilities; low_celsius, high_celsius: an interval aimed at holding the true temperature as often, infinite where
    the study has too few days to aim by. See calibration.py for what that rests on. neighbours: of the five films of
    the study that look most alike, nearest first, dicts of sample, batch, growth_celsius, growth_seconds, substrate,
    pressure_torr and distance; distance: how far the fifth lies, threshold: from where that is strange.
    measures: {width_nm, lines, pixels, scan_pixel_nm, relief_nm}, NaN where unknown; channel: of the heights, or
    "picture". micrograph: (pixels, pixels) uint8, pixel_nm: nm a pixel of it. cam (h, w), occlusion (side, side):
    float32 maps of what speaks for the class (above 0) and against it, raw; cam_flag, occlusion_flag: "" where they can
    be drawn. simulated: whether the model was trained on simulated films.
    """

    scan: str
    fault: str = ""
    sha256: str = ""
    unlike: bool = False
    reasons: tuple = ()
    y_pred: int | None = None
    probabilities: dict = field(default_factory=dict)
    prediction_set: tuple = ()
    temperature_celsius: float = NOTHING
    low_celsius: float = NOTHING
    high_celsius: float = NOTHING
    coverage: float = NOTHING
    neighbours: tuple = ()
    distance: float = NOTHING
    threshold: float = NOTHING
    measures: dict = field(default_factory=dict)
    channel: str = ""
    micrograph: np.ndarray | None = None
    pixel_nm: float = NOTHING
    cam: np.ndarray | None = None
    occlusion: np.ndarray | None = None
    cam_flag: str = ""
    occlusion_flag: str = ""
    simulated: bool = False


def predict(path, model, width_nm=None, device="auto"):
    """The Prediction of one scan.

    path: a scan of any readable format; model: path of results/final_model/model.safetensors, or what storage.read gives
    of it, which saves a second a scan; width_nm: the width of a finished picture (PNG, TIFF) that does not say its own;
    device: auto, cpu or cuda. Raises UserError, one sentence, for a file that is no scan and a model that is none.

    >>> found = micrograph.predict("film.spm", "results/final_model/model.safetensors")
    >>> found.temperature_celsius, found.prediction_set, found.reasons
    """
    model = _model(model)
    seen = conversion.convert_scan(path, _preprocessing(model), width_nm)
    return _said([seen], model, device)[0]


def predict_scans(paths, model, device="auto"):
    """Yield the Prediction of every scan, in order; of a file that cannot be read, one with its `fault`.

    paths: iterable; model, device: as of `predict`. AT_ONCE scans at a time: memory does not grow with their number,
    and what is said of one does not depend on the others but for rounding.
    """
    model = _model(model)
    see, waiting, sound = partial(_converted, preprocessing=_preprocessing(model)), [], []
    paths = list(paths)
    for number, path in enumerate(log.progress(paths, "scans seen"), start=1):
        waiting.append(see(path))
        sound += [one for one in waiting[-1:] if isinstance(one, conversion.ConvertedScan)]
        if len(sound) == AT_ONCE or number == len(paths):
            said = iter(_said(sound, model, device) if sound else [])
            yield from (next(said) if isinstance(one, conversion.ConvertedScan) else one for one in waiting)
            waiting, sound = [], []


def predict_folder(place, model, device="auto"):
    """As `many`, of all files in a folder and its folders (hidden ones are passed over), or of one file."""
    return predict_scans(sample_sheet.list_scans(place), model, device)


def _model(model):
    return model if isinstance(model, storage.Production) else storage.read(model)


def _preprocessing(model):
    return conversion.Preprocessing(**model.facts["preprocessing"])


def _converted(path, preprocessing):
    """Return the ConvertedScan of a file, or the Prediction that says why there is none, whatever the error was."""
    name = printable(path)
    try:
        return conversion.convert_scan(path, preprocessing)
    except BlankScanError as error:
        return Prediction(name, fault=_sentence(error), unlike=True, reasons=("it shows no relief",))
    except UserError as error:
        return Prediction(name, fault=_sentence(error))
    except Exception as error:  # one bad file must not take the others with it
        return Prediction(name, fault=f"{name}: {type(error).__name__}: {_sentence(error)}")


def _sentence(error):
    """What an error says, on one line and printable."""
    return printable(" ".join(str(error).split()))


def _said(seen, model, device):
    """Return the Predictions of ConvertedScans."""
    facts = model.facts
    images = np.stack([one.micrograph for one in seen])
    shown = transforms.resize(images, facts["pixels"])
    settings = maps.AttributionSettings(**facts["attribution"])
    explained = attribute.attribute(model.network, facts, shown, facts["classes"], settings, device)
    apart = novelty.distances(embed(model.backbone, facts, images, device), model.looks)
    answers = _answers(explained["outputs"], facts)
    drawn = _maps(explained)
    return [
        Prediction(
            one.scan, sha256=one.sha256, measures=one.measures, channel=one.channel, micrograph=one.micrograph,
            pixel_nm=one.pixel_size_nm, simulated=facts["data"] == "simulated films",
            **answer, **attributed, **_alike(one, row, model),
        )
        for one, answer, attributed, row in zip(seen, answers, drawn, apart, strict=True)
    ]  # fmt: skip


def _answers(outputs, facts):
    """Class, calibrated probabilities, set and temperature of every row of the outputs (n, o): a list of dicts."""
    classes, fitted = facts["classes"], facts["calibration"]
    predicted, _, marks = target.decode(facts["head"], outputs, classes)
    chances = uncertainty.scale(marks, fitted["temperature"])
    inside = uncertainty.sets(chances, _limit(fitted["set_limit"]))
    celsius, reach = uncertainty.expected(chances, classes), _limit(fitted["reach_celsius"])
    return [
        {
            "y_pred": int(predicted[row]),
            "probabilities": dict(zip(classes, chances[row].tolist(), strict=True)),
            "prediction_set": tuple(name for name, there in zip(classes, inside[row], strict=True) if there),
            "temperature_celsius": float(celsius[row]),
            "low_celsius": float(celsius[row] - reach),
            "high_celsius": float(celsius[row] + reach),
            "coverage": fitted["coverage"],
        }
        for row in range(len(outputs))
    ]


def _maps(explained):
    """The two maps of every picture's own class, with their flags: a list of dicts."""
    name = next(name for name in maps.WEIGHTED if name in explained)
    side, patch, stride = (int(explained[word]) for word in ("side", "patch", "stride"))
    return [
        {
            "cam": explained[name][row, target],
            "occlusion": np.float32(maps.windows_to_pixels(explained["occlusion"][row, target], side, patch, stride)),
            "cam_flag": str(explained["cam_flag"][row]),
            "occlusion_flag": str(explained["occlusion_flag"][row]),
        }
        for row, target in enumerate(explained["target"])
    ]


def _alike(seen, row, model):
    """What makes a scan strange, and the films of the study that it is most like: a dict. row: (n,) distances."""
    facts, films = model.facts["novelty"], model.facts["films"]
    distance, limit = novelty.reach(row), _limit(facts["threshold"])
    reasons = [
        *seen.warnings,
        *novelty.strange_measures(seen.measures, facts["ranges"]),
        *novelty.strange_look(distance, limit),
    ]
    near = tuple(
        {name: values[place] for name, values in films.items()} | {"distance": float(row[place])}
        for place in novelty.nearest(row)
    )
    return {
        "unlike": bool(reasons),
        "reasons": tuple(reasons),
        "neighbours": near,
        "distance": distance,
        "threshold": limit,
    }


def _limit(value):
    """A limit of the model's file, where none is endless."""
    return float("inf") if value is None else float(value)
