"""The production model: the CNN trained on all films by the settings that the strict protocol chose, and all that a new
scan's answer rests on: calibration, coverage, the look and the measures of the study's films.

No film is left to test this network on. What is known of it comes from the networks of the strict folds, which learnt
by the same settings from fewer films.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib import metadata

import numpy as np

from micrograph import __version__, job
from micrograph.faults import Fault
from micrograph.networks import domains, finetune, pictures
from micrograph.prediction import calibration, novelty
from micrograph.prediction.looks import looks
from micrograph.prediction.storage import Production
from micrograph.results import scores
from micrograph.scans import images
from micrograph.scans.heightmap import read_gwy

SMALL = 96  # pixels of a side of the films' pictures that the model carries, for its neighbours
FILM = ("sample", "batch", "growth_celsius", "growth_seconds", "substrate", "pressure_torr")
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mae_celsius")
PACKAGES = ("numpy", "torch", "torchvision", "timm")
SCHEMES = ("nominal", "nnrank", "corn")  # those with probabilities


@dataclass(frozen=True)
class Recipe:
    """What a production model is made by.

    classes: Celsius, rising; backbone, pretraining, policy, scheme, search: as of finetune.fine_tune; training: the
    settings of the head (finetune.fine_tune) and `pixels`, the side of the pictures it sees; preprocessing: of
    scans.conversion.Settings; attribution: {patch, stride, baseline, precision, memory_mb}; coverage: of sets and
    intervals; novelty_quantile: of the study's own distances; resamples: of every 95 % interval; data: "simulated
    films" or "real films"; seed: of the study.
    """

    classes: list
    backbone: str
    pretraining: str
    policy: str
    scheme: str
    search: str
    training: dict
    preprocessing: dict
    attribution: dict
    coverage: float
    novelty_quantile: float
    resamples: int
    data: str
    seed: int


def make(recipe, films, copies, levelled, choices, curves, predictions, weights=None, device="auto"):
    """Train the production model and measure what it rests on. Returns storage.Production.

    films: the table of samples (conversion.SAMPLES); copies: the policy's pictures (sample, copy, micrograph);
    levelled: the shards' tables of levelled scans (conversion.LEVELLED), for their relief; choices, curves,
    predictions: what the strict CNN chose, how it learnt (the tables of all chunks) and what it said; weights: path of
    the weights it starts from, None for scratch. Raises Fault for a scheme without probabilities, and where the tables
    are not of one study.
    """
    if recipe.scheme not in SCHEMES:
        raise Fault(f"production.scheme {recipe.scheme} gives no probabilities; choose one of: {', '.join(SCHEMES)}.")
    point = chosen(choices)
    epochs = passes(curves, finetune.points(recipe.scheme, recipe.training, recipe.search).index(point))
    chance = job.rng(recipe.seed, "train_production")
    tuned = _trained(recipe, films, copies, point | {"epochs": epochs}, weights, chance, device)
    start = domains.start(recipe.backbone, recipe.pretraining, weights, _first_weights(chance))
    known = calibration.answers(predictions, recipe.classes)
    said = tuned.facts | {"preprocessing": recipe.preprocessing, "attribution": recipe.attribution}
    seen = looks(start, said, _micrographs(films), device)
    facts = said | {
        "data": recipe.data, "seed": recipe.seed, "versions": _versions(),
        "recipe_sha256": hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest(),
        "calibration": asdict(calibration.fit(known, recipe.coverage)),
        "checked": calibration.checked(known, recipe.coverage, recipe.resamples, job.rng(recipe.seed, "checked")),
        "scores": _scores(predictions, recipe),
        "novelty": _novelty(recipe, films, levelled, seen),
        "films": {name: films[name].tolist() for name in FILM},
    }  # fmt: skip
    small = np.stack([pictures.shrink(one[None], SMALL)[0] for one in _micrographs(films)])
    return Production(tuned.network, start, _plain(facts), seen, small)


def chosen(choices):
    """The settings that most strict folds chose; of equals those with the best mean validation accuracy of their folds,
    then those of the first fold. choices: a table of waist.choices. Returns {learning_rate, batch, dropout}."""
    best = choices.groupby("chosen", sort=False)["validation_accuracy"].agg(["size", "mean"]).round(9)
    most = best.sort_values(["size", "mean"], ascending=False, kind="stable").index[0]
    return json.loads(most)


def passes(curves, point):
    """How many passes over the films: the median over folds of what the kept network of this point had, halves up.

    curves: tables of finetune.gathered. Raises Fault where no fold has kept a network of that point.
    """
    kept = [table.loc[(table["point"] == point) & table["kept"].eq(1), "epoch"].to_numpy() for table in curves]
    kept = np.concatenate(kept)
    if not len(kept):
        raise Fault("the learning curves keep no network of the chosen settings; train the strict networks anew.")
    return int(np.floor(np.median(kept + 1) + 0.5))


def _trained(recipe, films, copies, settings, weights, chance, device):
    """The Tuned network of all films."""
    return finetune.train_on_all(
        films, pictures.read(copies["micrograph"], recipe.training["pixels"]), copies["sample"], copies["copy"],
        policy=recipe.policy, settings=recipe.training | settings, backbone=recipe.backbone, weights=weights,
        pretraining=recipe.pretraining, head=recipe.scheme, classes=recipe.classes, rng=chance, device=device,
    )  # fmt: skip


def _first_weights(chance):
    """An rng that is not the training's, for the random weights of scratch."""
    return chance.spawn(1)[0]


def _micrographs(films):
    """The micrographs of the films, one after another."""
    return (images.read_png(path) for path in films["micrograph"])


def _novelty(recipe, films, levelled, seen):
    """Limits of measures and looks: {block, neighbours, quantile, threshold, flagged, ranges}."""
    relief, batches = _reliefs(films, levelled), films["batch"].to_numpy(str)
    apart = novelty.apart(seen, batches)
    measured = {name: films[name].to_numpy(float) for name in ("width_nm", "lines", "pixels")}
    measured |= {"scan_pixel_nm": measured["width_nm"] / measured["pixels"], "relief_nm": relief}
    return {
        "block": novelty.BLOCK,
        "neighbours": novelty.NEIGHBOURS,
        "quantile": recipe.novelty_quantile,
        "threshold": novelty.threshold(apart, recipe.novelty_quantile),
        "flagged": novelty.flagged(apart, batches, recipe.novelty_quantile),
        "ranges": novelty.ranges(measured),
    }


def _reliefs(films, levelled):
    """(n,) relief in nm of every film's levelled heights, NaN of finished pictures."""
    paths = {row.sample: row.height for table in levelled for row in table.itertuples() if isinstance(row.height, str)}
    wanted = [paths.get(sample, "") for sample in films["sample"]]
    return np.array([novelty.relief_nm(read_gwy(path).height_nm) if path else np.nan for path in wanted])


def _scores(predictions, recipe):
    """{metric: [value, low, high]} of the strict test predictions, and of always answering the commonest class."""
    tested = predictions[predictions["part"] == "test"]
    ends = scores.intervals(tested, METRICS, recipe.classes, recipe.resamples, job.rng(recipe.seed, "card"))
    found = {name: [scores.score(tested, name, recipe.classes), *ends[name]] for name in METRICS}
    plain = scores.majority(predictions)
    majority = scores.score(plain[plain["part"] == "test"], "accuracy", recipe.classes)
    return found | {"majority_accuracy": majority, "films": len(tested), "batches": tested["batch"].nunique()}


def _versions():
    """The versions of what computes."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {"micrograph": __version__, "python": platform.python_version()} | packages


def _plain(value):
    """The same in what JSON can say: no numpy, and None for what is no finite number."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
