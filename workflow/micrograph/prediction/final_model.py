"""The production model: the CNN trained on all films by the settings that the strict protocol chose, and all that a new
scan's answer rests on: calibration, coverage, the look and the measures of the study's films.

No film is left to test this network on. What is known of it comes from a rehearsal: networks trained in the same way on
all films but those of one fold's days.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata

import numpy as np
import pandas as pd

from micrograph import __version__, target
from micrograph.errors import UserError
from micrograph.evaluation import bootstrap, metrics, uncertainty
from micrograph.networks import finetune, pretraining, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.prediction import calibration, novelty
from micrograph.prediction.embedding import embed
from micrograph.prediction.storage import Production
from micrograph.rng import random_stream
from micrograph.scans import conversion, rendering
from micrograph.scans.height_map import read_gwy
from micrograph.splits.fit_spec import NetworkSpec

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
    scans.conversion.Preprocessing; attribution: {patch, stride, baseline, precision, memory_mb}; coverage: of sets and
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


@dataclass(frozen=True, eq=False)
class Study:
    """What the study knows. films: the table of samples (conversion.SAMPLES); copies: the policy's pictures (sample,
    copy, micrograph); levelled: the shards' tables of levelled scans (conversion.LEVELLED), for their relief; splits,
    choices, curves, predictions: of the strict CNN, who was tested when, what each fold chose, how it learnt (the
    tables of all chunks) and what it said; weights: path of the weights that it starts from, None for scratch.
    rehearsal_weights: where these weights have learnt from the study's films (pretraining `films`), a path for each
    fold, in the order of folds, of weights that learnt from the fold's training films alone, without their
    temperatures: its validation and its test films are held out (splits.rows_seen of strict). Empty where the weights
    have seen no film: then they serve the rehearsal, too."""

    films: pd.DataFrame
    copies: pd.DataFrame
    levelled: list
    splits: pd.DataFrame
    choices: pd.DataFrame
    curves: list
    predictions: pd.DataFrame
    weights: str | None = None
    rehearsal_weights: list = field(default_factory=list)


def train(recipe, study, device="auto"):
    """Train the production model and measure what its answers rest on. Returns storage.Production.

    recipe: Recipe; study: Study; device: auto, cpu or cuda. Raises UserError for a scheme without probabilities, and where
    the tables are not of one study.
    """
    if recipe.scheme not in SCHEMES:
        raise UserError(
            f"final_model.scheme {recipe.scheme} gives no probabilities; choose one of: {', '.join(SCHEMES)}."
        )
    settings = settled(recipe, study)
    images = transforms.read_images(study.copies["micrograph"], recipe.training["pixels"])
    rehearsed = rehearse(recipe, study, settings, images, device)
    tuned = _trained(recipe, study, study.films.assign(split="train"), settings, images, device, "all")
    start = _start(recipe, study)
    said = tuned.metadata | {"preprocessing": recipe.preprocessing, "attribution": recipe.attribution}
    seen = embed(start, said, _micrographs(study.films), device)
    small = np.stack([transforms.resize(one[None], SMALL)[0] for one in _micrographs(study.films)])
    known = uncertainty.answers(rehearsed, recipe.classes)
    facts = said | {
        "data": recipe.data, "seed": recipe.seed, "versions": _versions(),
        "recipe_sha256": hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest(),
        "calibration": asdict(calibration.fit(known, recipe.coverage)),
        "checked": calibration.checked(known, recipe.coverage, recipe.resamples, random_stream(recipe.seed, "checked")),
        "rehearsed": _scores(rehearsed, recipe), "strict": _scores(study.predictions, recipe),
        **_beside_majority(rehearsed, study, recipe),
        "novelty": _novelty(recipe, study, seen),
        "films": {name: study.films[name].tolist() for name in FILM},
    }  # fmt: skip
    return Production(tuned.network, start, _plain(facts), seen, small)


def settled(recipe, study):
    """The settings that the production network is trained by: a point's, and `epochs`, its passes."""
    point = chosen(study.choices)
    grid = finetune.param_grid(recipe.scheme, TrainingSettings.from_dict(recipe.training), recipe.search)
    tried = [finetune.hyperparameters(settings) for settings in grid]
    if point not in tried:
        raise UserError(
            f"the strict folds chose {point}, which the settings do not hold; train the strict networks anew."
        )
    place = tried.index(point)
    return replace(grid[place], epochs=passes(study.curves, place))


def rehearse(recipe, study, settings, images, device="auto"):
    """What networks trained as the production network is say of the films they did not learn from.

    One network for each strict fold, which learns from all films but the fold's test films, with no film to choose its
    moment by: the strict networks, which have one, say nothing of how sure the production network is. It starts from
    weights that have not seen the fold's test films (Study.rehearsal_weights). Returns the predictions of the test
    films, in the waist's columns. Raises UserError where there are not as many such weights as folds.
    """
    starts = _starts(recipe, study)
    names, copies = study.copies["sample"].to_numpy(str), study.copies["augmentation"].to_numpy(int)
    frames = []
    for fold, table in study.splits.groupby("fold"):
        tested = table["split"].eq("test")
        shown = table.assign(split=np.where(tested, "test", "train"))
        tuned = _trained(recipe, replace(study, weights=starts[fold]), shown, settings, images, device, fold)
        films = table[tested].sort_values("sample")
        place = {name: row for row, name in enumerate(names) if copies[row] == 0}
        rows = [place[name] for name in films["sample"]]
        predicted, value, marks = target.decode(recipe.scheme, tuned.outputs[0][rows], recipe.classes)
        frame = films[["fold", "split", "sample", "batch"]].assign(
            augmentation=0, y_true=films["growth_celsius"], y_pred=predicted, y_pred_value=value
        )
        frame[[f"score_{celsius}" for celsius in recipe.classes]] = marks
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).sort_values("sample", ignore_index=True)


def _starts(recipe, study):
    """{fold: path of the weights that its rehearsal starts from, or None}."""
    folds, paths = sorted(study.splits["fold"].unique()), study.rehearsal_weights
    trained = pretraining.get(recipe.pretraining).origin == "self_supervised"
    if len(paths) != (len(folds) if trained or paths else 0):
        raise UserError(
            f"final_model.pretraining {recipe.pretraining}: there are {len(paths)} rehearsal weights for {len(folds)} "
            "folds; give each fold those that have not seen its test films."
        )
    return dict(zip(folds, paths or [study.weights] * len(folds), strict=True))


def chosen(choices):
    """The settings that most strict folds chose; of equals those with the best mean validation accuracy of their folds,
    then those of the first fold. choices: a table of waist.choices. Returns {learning_rate, batch, dropout}."""
    best = choices.groupby("chosen", sort=False)["validation_accuracy"].agg(["size", "mean"]).round(9)
    most = best.sort_values(["size", "mean"], ascending=False, kind="stable").index[0]
    return json.loads(most)


def passes(curves, point):
    """How many passes over the films: the median over folds of what the kept network of this point had, halves up.

    curves: tables of finetune.gathered. Raises UserError where no fold has kept a network of that point.
    """
    kept = [table.loc[(table["point"] == point) & table["kept"].eq(1), "epoch"].to_numpy() for table in curves]
    kept = np.concatenate(kept)
    if not len(kept):
        raise UserError("the learning curves keep no network of the chosen settings; train the strict networks anew.")
    return int(np.floor(np.median(kept + 1) + 0.5))


def _trained(recipe, study, table, settings, images, device, which):
    """The Tuned network of the films of `train`; `which` of the networks it is: a fold, or all."""
    spec = NetworkSpec("strict", recipe.pretraining, recipe.policy, recipe.scheme)
    rng, fold_rng = random_stream(recipe.seed, "train_production", which).spawn(2)
    table = table[["sample", "batch", "growth_celsius", "split"]].assign(fold=0)
    fold = finetune.select_fold(study.copies["sample"], study.copies["augmentation"], table, 0, spec, fold_rng)
    return finetune.train_fixed_epochs(
        fold, images, spec, settings, recipe.classes, recipe.backbone, study.weights, rng, device
    )


def _start(recipe, study):
    """The network as it was before it learnt."""
    chance = random_stream(recipe.seed, "train_production", "start")  # for scratch, whose random weights are drawn anew
    return pretraining.load_backbone(recipe.backbone, recipe.pretraining, study.weights, chance)


def _micrographs(films):
    """The micrographs of the films, one after another."""
    return (rendering.read_png(path) for path in films["micrograph"])


def _novelty(recipe, study, seen):
    """Limits of measures and looks: {block, neighbours, quantile, threshold, flagged, ranges}."""
    films = study.films
    relief, batches = _reliefs(films, study.levelled), films["batch"].to_numpy(str)
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
    return np.array([conversion.height_range_nm(read_gwy(path).height_nm) if path else np.nan for path in wanted])


def _scores(predictions, recipe):
    """{metric: [value, low, high]} of the test predictions, with the numbers of films and batches."""
    tested = predictions[predictions["split"] == "test"]
    ends = bootstrap.intervals(tested, METRICS, recipe.classes, recipe.resamples, random_stream(recipe.seed, "card"))
    found = {name: [metrics.score(tested, name, recipe.classes), *ends[name]] for name in METRICS}
    return found | {"films": len(tested), "batches": tested["batch"].nunique()}


def _beside_majority(rehearsed, study, recipe):
    """majority: the accuracy of always answering the class commonest among the films that a rehearsed network learnt
    from; above_majority: [value, low, high], how far above it the rehearsed accuracy is, redrawn by the same days."""
    learnt = study.splits[study.splits["split"] != "test"]
    learnt = learnt.assign(split="train", y_true=learnt["growth_celsius"])
    named = metrics.majority_class_baseline(pd.concat([learnt, rehearsed], ignore_index=True))
    named = named[named["split"] == "test"]
    given = "accuracy", recipe.classes
    ends = bootstrap.paired_bootstrap(rehearsed, named, *given, recipe.resamples, random_stream(recipe.seed, "card"))
    right, common = (metrics.score(frame, *given) for frame in (rehearsed, named))
    return {"majority": common, "above_majority": [right - common, *ends]}


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
