"""Fine-tuning: a pre-trained backbone, with a head in its classifier's place, learns the growth temperature of films.

Whatever stands around the one training loop (training.fit) for one fold: which rows an epoch shows (policies), how
pictures are turned (pictures), what the protocol validates and keeps, the settings that are tried, and the outputs of
every row in the end.
"""

import json
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import torch

from micrograph import target
from micrograph.errors import UserError, lookup
from micrograph.networks import backbones, depthwise_conv, heads, replace_head, training, transforms
from micrograph.networks.device import deterministic, device_of, kind_of
from micrograph.networks.pretraining import load_backbone, normalisation
from micrograph.splits import model_selection, policies, prediction_table, protocols

SHOWN = 64  # pictures that pass a network at once where nothing is learned
SETTLED = 2  # passes over the training pictures that settle running statistics
CURVE = ["point", "epoch", "train_loss", "validation_loss", "validation_accuracy", "kept"]


@dataclass(frozen=True)
class Way:
    """What a protocol does while a network learns: the weights it keeps, how it validates, what fills turned corners.

    turned: whether validation pictures are turned and mirrored as the training pictures are.
    """

    keep: str
    validate_in: str
    turned: bool
    corners: str


# What each dress shows: published as the paper's code does it, which turns validation pictures, too.
PICTURES = {
    "strict": {"turned": False, "corners": "mirrored"},
    "published": {"turned": True, "corners": "black"},
}


def way_of(protocol):
    """The Way of a protocol, by its name."""
    read = protocols.parse(protocol)
    return Way(**read.way, **PICTURES[read.dress])


RATES, BATCHES, DROPOUTS = [1e-2, 5e-3, 1e-3, 5e-4, 1e-4, 1e-5, 5e-6], [24, 32, 100], [0.2, 0.35, 0.5, 0.65, 0.75]

# The paper's grids, in its loop order. It tells none for corn, which is ours and takes nnrank's, and none for tuned,
# whose settings it only states: those stay as configured.
GRIDS = {
    "nominal": {"learning_rate": RATES, "batch": BATCHES},
    "nnrank": {"learning_rate": RATES, "batch": BATCHES, "dropout": DROPOUTS},
    "corn": {"learning_rate": RATES, "batch": BATCHES, "dropout": DROPOUTS},
    "regression": {"learning_rate": RATES, "batch": BATCHES},
    "tuned": {},
}
SEARCHES = {"default": lambda head: {}, "published": lambda head: lookup(head, GRIDS, "head")}


def points(head, settings, search="default"):
    """The settings that are tried for a head, a list of {learning_rate, batch, dropout}.

    default: those in `settings` alone; published: the paper's grid, in its loop order.
    """
    lookup(head, GRIDS, "head")
    grid = lookup(search, SEARCHES, "search")(head)
    own = {name: settings[name] for name in ("learning_rate", "batch", "dropout")}
    return [{**own, **dict(zip(grid, chosen, strict=True))} for chosen in product(*grid.values())]


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning on one fold gives.

    network: of the point chosen on the validation rows, in evaluation mode, on the processor; curve: a table with the
    columns of CURVE; points: the settings tried; outputs: one (n, outputs) float32 array a point, of every row; facts:
    what made the network, for its file.
    """

    network: torch.nn.Module
    curve: pd.DataFrame
    points: list
    outputs: list
    facts: dict

    def write(self, path, data=""):
        """Write the network as safetensors, whole or not at all; data: the name of the study's data."""
        replace_head.write(path, self.network, self.facts | {"data": data})


@dataclass(frozen=True)
class Album:
    """What one fold's networks are shown: all pictures (n, side, side) uint8 and their targets, on the training device,
    with mean and std of the weights; what the rows are of, and which of them train and which are validated."""

    shown: torch.Tensor
    targets: torch.Tensor
    mean: tuple
    std: tuple
    rows: prediction_table.Rows
    train: np.ndarray
    held: np.ndarray

    def batches(self, rows, size, rng=None, corners="mirrored"):
        """(inputs (1, B, 3, side, side), targets (1, B, ...), weights (1, B)) of these rows, in their order.

        A last batch of one joins the one before: the statistics of one picture are none.
        """
        for part in cut(rows, size):
            targets = self.targets[torch.from_numpy(part).to(self.targets.device)]
            inputs = transforms.to_input(self.shown, part, self.mean, self.std, rng, corners)
            yield inputs[None], targets[None], torch.ones((1, len(part)), device=inputs.device)


def cut(rows, size):
    """Rows in batches of `size`, the last one smaller, or greater by one."""
    rows = np.asarray(rows)
    starts = range(size, len(rows) - (size > 1), size)
    return np.split(rows, list(starts))


def fine_tune(
    table, fold, images, samples, copies, *, backbone, weights, head, policy, protocol, classes, settings, rng,
    pretraining="imagenet", search="default", device="auto",
):  # fmt: skip
    """Fine-tune a network on one fold, at every point of the search. Returns Tuned.

    table: the splits; images: (n, side, side) uint8, array or tensor (pictures.read); samples, copies: (n,), what each
    shows; weights: path of the backbone's weights, or None for scratch; head: nominal, nnrank, corn, regression or
    tuned; policy: aug1 ... aug4; protocol: its name; classes: in Celsius, rising; settings: {learning_rate,
    batch, dropout, epochs, patience, precision, batch_norm_momentum}; rng: numpy Generator; device: auto, cpu or cuda.

    strict: validated in evaluation mode on pictures as they are, the weights of the lowest validation loss are kept.
    published: validation pictures are turned too and validated in training mode, the last weights are kept. The network
    is that of the point that the shared rule (choosing) takes; a point that diverges beside others answers NaN.
    Raises UserError for names and settings that are not known, for rows and splits that do not fit, where memory runs out,
    and where the point that is taken diverged.
    """
    way, scheme, tried = way_of(protocol), heads.scheme_of(head), points(head, settings, search)
    mean, std = normalisation(backbone, pretraining, weights)
    rng, chance_of_rows = rng.spawn(2)
    album = open_album(table, fold, images, samples, copies, scheme=scheme, classes=classes, mean=mean, std=std,
                       policy=policy, protocol=protocol, rng=chance_of_rows, device=device)  # fmt: skip
    facts = {
        "backbone": backbone, "pretraining": pretraining, "head": head, "classes": [int(label) for label in classes],
        "policy": policy, "protocol": protocol, "fold": int(fold), "search": search, "mean": mean, "std": std,
        "pixels": album.shown.shape[-1],
    }  # fmt: skip
    held = f"fold {fold}" if len(album.held) else f"{len(album.train)} pictures"
    kind = kind_of(settings["precision"], album.shown.device)
    start = load_backbone(backbone, pretraining, weights, rng)
    curves, outputs, kept = [], [], None
    for number, (point, chance_of_point) in enumerate(zip(tried, rng.spawn(len(tried)), strict=True)):
        what = f"{head} network of {held}" + (f", point {number + 1} of {len(tried)}" if len(tried) > 1 else "")
        network = replace_head.replace_head(start, backbone, head, classes, point["dropout"], chance_of_point)
        rows = learn(network, album, head, classes, policy, settings | point, way, kind, chance_of_point, what)
        curves.append(pd.DataFrame(rows).assign(point=number).reindex(columns=CURVE))
        everything = (inputs[0] for inputs, *_ in album.batches(range(len(album.shown)), SHOWN))
        with training.explained(what, "training.pixels"):
            found = replace_head.forward(network, backbone, head, everything, kind)
        outputs.append(found if rows else np.full_like(found, np.nan))
        if len(tried) == 1 or best(outputs, album, scheme, classes, protocol) == number:
            kept = network.cpu(), settings | point, bool(rows)
            backbones.in_place(network, on=False)
    if not kept[2]:
        way_out = f"lower {_key(head)}.learning_rate" + " with models.param_grid default" * (len(tried) > 1)
        raise UserError(f"{head} network of {held}: the loss is no longer a number; {way_out}.")
    return Tuned(kept[0], pd.concat(curves, ignore_index=True), tried, outputs, facts | {"settings": kept[1]})


def train_fixed_epochs(table, images, samples, copies, *, policy, settings, **how):
    """Fine-tune one network for a given number of passes, with no film held out to stop it. Returns Tuned.

    table: sample, batch, growth_celsius, part: films of `train` are learnt from, others only answered; settings: as of
    fine_tune, with one point's learning_rate, batch and dropout, and `epochs`, the passes (patience counts for
    nothing); how: backbone, weights, head, classes, rng, pretraining, device, as of fine_tune.
    """
    table = table[["sample", "batch", "growth_celsius", "part"]].assign(fold=0)
    tuned = fine_tune(table, 0, images, samples, copies, policy=policy, protocol="strict", settings=settings, **how)
    return replace(tuned, facts=tuned.facts | {"protocol": "all", "fold": None})


def open_album(table, fold, images, samples, copies, *, scheme, classes, mean, std, policy, protocol, rng, device):
    """The Album of one fold; UserError where pictures, samples and splits are not of the same films."""
    rows, images = prediction_table.known_rows(samples, copies, table), torch.as_tensor(images)
    if images.ndim != 3 or images.dtype != torch.uint8 or len(images) != len(rows.samples):
        kind = f"{tuple(images.shape)} of {images.dtype}"
        raise UserError(f"pictures must be ({len(rows.samples)}, rows, cols) of 8 bits, not {kind}.")
    targets = torch.from_numpy(target.encode(scheme, rows.labels, classes))
    train, held = (prediction_table.part_rows(rows, table, fold, part) for part in ("train", "validation"))
    held = prediction_table.scored(rows, held, "validation", protocol, policy, rng)
    spot = device_of(device)
    with training.explained(f"pictures of fold {fold}", "training.pixels"):
        return Album(images.to(spot), targets.to(spot), mean, std, rows, train, held)


def learn(network, album, head, classes, policy, settings, way, kind, rng, what):
    """Train one network, in place, in one way at one point; the rows of its curve, none where it diverged.

    Where the album holds no film out, nothing is validated, the last weights are kept and running statistics settled.
    """
    chance_of_rows, chance_of_turns, chance_of_checks, chance_of_drops = rng.spawn(4)
    scheme, device = heads.scheme_of(head), album.shown.device
    labels, copied = album.rows.labels[album.train], album.rows.copies[album.train]
    heads.measure(network, labels)
    replace_head.follow(network, settings["batch_norm_momentum"])
    depthwise_conv.quicken(network.to(device, memory_format=torch.channels_last))
    backbones.in_place(network)

    def epoch(number):
        drawn = album.train[policies.epoch_rows(policy, labels, copied, chance_of_rows)]
        return album.batches(drawn, settings["batch"], chance_of_turns, way.corners)

    def validation():
        if way.turned:
            return album.batches(album.held, settings["batch"], chance_of_checks, way.corners)
        return album.batches(album.held, SHOWN)

    try:
        curve = training.fit(
            training.Single(network), epoch, validation if len(album.held) else None, heads.loss(scheme),
            rng=chance_of_drops,
            learning_rate=settings["learning_rate"], epochs=settings["epochs"], patience=settings["patience"],
            keep=way.keep, validate_in=way.validate_in, score=heads.accuracy(scheme, classes), what=what,
            key=_key(head), lower=(f"{_key(head)}.batch_size", "training.pixels"), precision=kind,
        )  # fmt: skip
    except training.Diverged as fault:
        print(fault, flush=True)
        return []
    if not len(album.held):
        drawn = np.concatenate([policies.epoch_rows(policy, labels, copied, chance_of_rows) for _ in range(SETTLED)])
        settle(network, album.batches(album.train[drawn], SHOWN, chance_of_turns, way.corners), kind)
    return curve


def _key(head):
    """The key of config.yaml that holds the settings of a head."""
    return f"training.{'feature_extractor' if head == 'tuned' else head}"


def settle(network, batches, kind=torch.float32):
    """Make the running statistics of all batch normalisation, in place, the means over these batches.

    Else they follow the last few steps, whatever these happened to show: no validation has picked a good moment, and a
    network trained to the end answers much too surely. (Y. Wu, J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021.)
    """
    layers = [part for part in network.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    before = [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad(), deterministic():
        for inputs, *_ in batches:
            with torch.autocast(inputs.device.type, kind, enabled=kind is not torch.float32):
                network(inputs[0])
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    network.eval()


def best(outputs, album, scheme, classes, protocol):
    """The place of the point that the shared rule takes, by the classes predicted for the validation rows."""
    predicted = []
    for values in outputs:
        values = values[album.held]
        sound = np.isfinite(values).all(axis=1)
        predicted.append(np.where(sound, target.decode(scheme, np.nan_to_num(values), classes)[0], np.nan))
    return model_selection.choose(np.stack(predicted), album.rows.labels[album.held], protocol).point


def gathered(samples, copies, tuned):
    """(curves, arrays) of one chunk of folds: the table of curves.tsv, and what answers.npz holds.

    tuned: {fold: Tuned}. arrays: samples, copies, points (JSON) and outputs_{fold}_{point} (n, outputs).
    """
    curves = [one.curve.assign(fold=fold)[["fold", *CURVE]] for fold, one in tuned.items()]
    first = next(iter(tuned.values()))
    arrays = {
        "samples": np.asarray(samples, str),
        "copies": np.asarray(copies, int),
        "points": json.dumps(first.points),
    }
    for fold, one in tuned.items():
        arrays |= {f"outputs_{fold}_{point}": values for point, values in enumerate(one.outputs)}
    return pd.concat(curves, ignore_index=True), arrays


def run(fits, at_once):
    """{name: what its fit gave}, in the order of `fits`; the same whatever `at_once` is.

    fits: {name: function without arguments}, such as functools.partial of functions of this package; at_once: how many
    run at a time; with 1 they run here, one after another. What a process prints goes where this one's output goes.
    An exception of a fit is raised here, when the fits that run beside it have ended.
    """
    if min(at_once, len(fits)) <= 1:
        return {name: fit() for name, fit in fits.items()}
    from joblib import Parallel, delayed

    # loky starts fresh processes (CUDA does not survive a fork) and does not run the calling script in them again.
    results = Parallel(n_jobs=min(at_once, len(fits)), backend="loky")(delayed(fit)() for fit in fits.values())
    return dict(zip(fits, results, strict=True))
