"""Fine-tuning: a pre-trained backbone with a head learns the target from micrographs.

One fold around the training loop (`training.fit`): which rows an epoch shows (policies), how images are augmented
(`transforms`), what the protocol validates and keeps, the hyperparameters that are tried, and the outputs of every row.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from micrograph import target
from micrograph.errors import UserError, lookup
from micrograph.networks import backbones, checkpoints, depthwise_conv, heads, replace_head, training, transforms
from micrograph.networks.backbones import Colour
from micrograph.networks.checkpoints import NetworkMetadata
from micrograph.networks.device import deterministic, resolve_device, resolve_dtype
from micrograph.networks.features import IDENTITY
from micrograph.networks.pretraining import load_backbone, normalisation
from micrograph.networks.training import FitLog, FitOptions, TrainingSettings
from micrograph.splits import model_selection, policies, prediction_table, protocols
from micrograph.splits.fit_spec import ON_TARGET, NetworkSpec

INFERENCE_BATCH = 64  # images of a forward pass where nothing is learned
SETTLING_EPOCHS = 2  # passes over the training images that running statistics are averaged over
CURVE = ["point", "epoch", "train_loss", "validation_loss", "validation_accuracy", "kept"]

RATES, BATCH_SIZES = [1e-2, 5e-3, 1e-3, 5e-4, 1e-4, 1e-5, 5e-6], [24, 32, 100]
DROPOUTS = [0.2, 0.35, 0.5, 0.65, 0.75]
# The paper's grids, in its loop order. It has none for corn, which takes nnrank's, and none for tuned, whose settings
# it only states: those stay as configured.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "nominal": {"learning_rate": RATES, "batch_size": BATCH_SIZES},
    "nnrank": {"learning_rate": RATES, "batch_size": BATCH_SIZES, "dropout": DROPOUTS},
    "corn": {"learning_rate": RATES, "batch_size": BATCH_SIZES, "dropout": DROPOUTS},
    "regression": {"learning_rate": RATES, "batch_size": BATCH_SIZES},
    "tuned": {},
}
SEARCHES = {
    "default": lambda head: {},
    "published": lambda head: lookup(head, GRIDS, "head"),
    "as_run": lambda head: {},
}
CONFIG_KEYS = {head: f"training.{head}" for head in GRIDS} | {"tuned": "training.feature_extractor"}

T = TypeVar("T")


def param_grid(head: str, settings: TrainingSettings, search: str = "default") -> list[TrainingSettings]:
    """Return the settings that are tried for a head.

    Parameters
    ----------
    head : str
        Row of `heads.HEADS`.
    settings : TrainingSettings
        As configured.
    search : {"default", "published", "as_run"}
        The paper's grid in its loop order under published, else the configured settings alone.

    Returns
    -------
    list of TrainingSettings

    Raises
    ------
    UserError
        If the head or the search is unknown.
    """
    lookup(head, GRIDS, "head")
    grid = lookup(search, SEARCHES, "search")(head)
    return [replace(settings, **dict(zip(grid, point, strict=True))) for point in product(*grid.values())]


def hyperparameters(settings: TrainingSettings) -> dict[str, Any]:
    """Return what a grid varies.

    Parameters
    ----------
    settings : TrainingSettings
        A point of the grid.

    Returns
    -------
    dict
    """
    return {name: getattr(settings, name) for name in ("learning_rate", "batch_size", "dropout")}


@dataclass(frozen=True)
class TuningTask:
    """What networks are fine-tuned for, whatever the fold.

    Parameters
    ----------
    spec : NetworkSpec
        strict: validated in evaluation mode on images that are not rotated, and the weights of the lowest validation
        loss are kept. published: validation images are rotated and validated in training mode, and the last weights are
        kept.
    backbone : str
        Name of the backbone.
    grid : sequence of TrainingSettings
        From `param_grid`. `model_selection` chooses the point; one that diverges beside others has NaN outputs.
    target : Target
    """

    spec: NetworkSpec
    backbone: str
    grid: Sequence[TrainingSettings]
    target: target.Target

    @property
    def classes(self) -> tuple[float, ...]:
        """Classes of the target, ascending."""
        return self.target.classes

    @property
    def scheme(self) -> str:
        """The scheme that the head is trained by."""
        return heads.get(self.spec.head).scheme

    def best_point(self, outputs: Sequence[NDArray[np.float32]], fold: prediction_table.FoldData) -> int:
        """Return the point that `model_selection` chooses by the classes predicted for the validation rows."""
        held = fold.score_index["validation"]
        ranks_all = protocols.parse(self.spec.protocol).ranks_all
        y_pred = [target.decode_finite(self.scheme, values[held], self.target, ranks_all)[0] for values in outputs]
        return model_selection.choose(np.stack(y_pred), fold.samples.y[held], self.spec.protocol).point


@dataclass(frozen=True)
class FineTuned:
    """The result of fine-tuning on one fold.

    Parameters
    ----------
    network : Module
        Of the point that was chosen on the validation rows; in evaluation mode, on the processor.
    curve : DataFrame
        Training curves, with the columns of `CURVE`.
    grid : list of TrainingSettings
        The points tried.
    outputs : list of ndarray of shape (n, n_outputs), float32
        Of every row, one array a point; NaN where the point diverged.
    metadata : NetworkMetadata
        What made the network.
    class_outputs : ndarray of shape (n, n_classes), float32, optional
        Of every row, of the kept network, where `outputs` are fine-tuned features.
    """

    network: nn.Module
    curve: pd.DataFrame
    grid: list[TrainingSettings]
    outputs: list[NDArray[np.float32]]
    metadata: NetworkMetadata
    class_outputs: NDArray[np.float32] | None = None

    def write(self, path: str | Path, data: str = "", search: str = "default") -> None:
        """Write the network as safetensors.

        Parameters
        ----------
        path : path
            File to write.
        data : str
            Name of the study's data.
        search : {"default", "published"}
            What the grid was.
        """
        checkpoints.write(path, self.network.state_dict(), {**self.metadata, "data": data, "search": search})


@dataclass(frozen=True)
class Images:
    """The images of a fold's networks on the training device.

    Parameters
    ----------
    images : Tensor of shape (n, side, side), uint8
        All images.
    targets : Tensor of shape (n,) or (n, n_outputs)
        Encoded labels.
    mean, std : tuple of 3 floats
        Normalisation that the weights expect.
    dtype : dtype, default float32
        Of the backbone's computations.
    """

    images: Tensor
    targets: Tensor
    mean: Colour
    std: Colour
    dtype: torch.dtype = torch.float32

    def batches(
        self,
        rows: ArrayLike,
        batch_size: int,
        rng: np.random.Generator | None = None,
        sampling: transforms.Sampling = transforms.SMOOTH,
    ) -> Iterator[training.Batch]:
        """Yield batches of some rows, in their order.

        Parameters
        ----------
        rows : array-like of int
            Indices, which may repeat. A last batch of one joins the one before: one image has no batch statistics.
        batch_size : int
            Images of a batch.
        rng : Generator, optional
            Rotate and flip the images at random.
        sampling : Sampling
            Of rotated images.

        Yields
        ------
        inputs : Tensor of shape (1, batch, 3, side, side)
        targets : Tensor of shape (1, batch, ...)
        weights : Tensor of shape (1, batch)
            Ones.
        """
        for part in split_batches(rows, batch_size):
            targets = self.targets[torch.from_numpy(part).to(self.targets.device)]
            inputs = transforms.to_input(self.images, part, self.mean, self.std, rng, sampling)
            yield inputs[None], targets[None], torch.ones((1, len(part)), device=inputs.device)


def split_batches(rows: ArrayLike, batch_size: int) -> list[NDArray[np.int64]]:
    """Split rows into batches, the last one smaller, or greater by one."""
    rows = np.asarray(rows)
    return np.split(rows, list(range(batch_size, len(rows) - (batch_size > 1), batch_size)))


def select_fold(
    images: pd.DataFrame, table: pd.DataFrame, fold: int, spec: NetworkSpec, rng: np.random.Generator
) -> prediction_table.FoldData:
    """Select the rows of one fold.

    Parameters
    ----------
    images : DataFrame
        Sample and augmentation of every image.
    table : DataFrame
        Splits (`splitters.split`).
    fold : int
        Number of the fold.
    spec : NetworkSpec
        Protocol and policy.
    rng : Generator
        Draws the rows of validation, where the policy augments them.

    Returns
    -------
    FoldData
        Its training rows are all of the part, repeated as the splits say; the policy draws from them epoch by epoch.
        Of the parts, only validation.

    Raises
    ------
    UserError
        If images and splits are not of the same samples, or protocol or policy are unknown.
    """
    rows = prediction_table.match_samples(images["sample"], images["augmentation"], table)
    train, held = (prediction_table.rows_in_split(rows, table, fold, part) for part in ("train", "validation"))
    train = prediction_table.repeated(rows, train, table, fold)
    held = prediction_table.scored_rows(rows, held, "validation", spec.protocol, spec.policy, rng)
    return prediction_table.FoldData(fold, rows, {"validation": held}, train, seed=0)


def fine_tune(
    fold: prediction_table.FoldData,
    images: Tensor | NDArray[np.uint8],
    task: TuningTask,
    weights: str | Path | None,
    rng: np.random.Generator,
    device: str = "auto",
) -> FineTuned:
    """Fine-tune a network on one fold, at every point of a grid.

    Parameters
    ----------
    fold : FoldData
        From `select_fold`. Without training rows the network stays as it was pre-trained on the target.
    images : Tensor or ndarray of shape (n, side, side), uint8
        Image of every row (`transforms.read_images`).
    task : TuningTask
        Head, backbone, grid and classes.
    weights : path or None
        File of the backbone's weights; None for scratch.
    rng : Generator
        Source of all random numbers.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to train on.

    Returns
    -------
    FineTuned

    Raises
    ------
    UserError
        If a name or setting is unknown, images and rows do not fit, memory runs out, or the chosen point diverged; or
        if there is nothing to train on and the network has not learned the target before.
    """
    spec, grid = task.spec, task.grid
    has_head, untrained = spec.pretraining in ON_TARGET and spec.head == "nominal", not len(fold.train_index)
    if untrained and not has_head:
        raise UserError(f"fold {fold.fold}: no sample to train the {spec.head} network of {spec.pretraining} on.")
    data = _load(fold, images, task, weights, device)
    name = f"{spec.head} network of "
    name += f"fold {fold.fold}" if len(fold.score_index["validation"]) else f"{len(fold.train_index)} images"
    start = load_backbone(task.backbone, spec.pretraining, weights, rng)
    curves, outputs = [], []
    kept: tuple[nn.Module, TrainingSettings, bool] | None = None
    for point, (settings, point_rng) in enumerate(zip(grid, rng.spawn(len(grid)), strict=True)):
        point_name = name + (f", point {point + 1} of {len(grid)}" if len(grid) > 1 else "")
        network = replace_head.replace_head(start, task.backbone, spec.head, task.classes, settings.dropout, point_rng)
        if has_head:
            replace_head.continue_head(network, start, task.backbone)
        network.to(data.images.device)
        curve = [] if untrained else _train(network, data, fold, task, settings, point_rng, point_name)
        converged = untrained or bool(curve)
        curves.append(pd.DataFrame(curve).assign(point=point).reindex(columns=CURVE))
        batches = _inputs(data, fold.samples.augmentation, spec)
        with training.explain_out_of_memory(point_name, "training.pixels"):
            values = replace_head.forward(network, task.backbone, spec.head, batches, data.dtype)
        outputs.append(values if converged else np.full_like(values, np.nan))
        if len(grid) == 1 or task.best_point(outputs, fold) == point:
            kept = network.cpu(), settings, converged
            classified = values
            backbones.set_inplace(network, False)
    assert kept is not None  # of one point or more, one is the best
    network, settings, converged = kept
    if not converged:
        remedy = f"lower {CONFIG_KEYS[spec.head]}.learning_rate" + " with models.param_grid default" * (len(grid) > 1)
        raise UserError(f"{name}: the loss is not finite; {remedy}.")
    metadata: NetworkMetadata = {
        "backbone": task.backbone, "pretraining": spec.pretraining, "head": spec.head,
        "target": task.target.settings, "classes": list(task.classes), "policy": spec.policy, "protocol": spec.protocol,
        "fold": int(fold.fold), "search": "default", "mean": data.mean, "std": data.std,
        "pixels": data.images.shape[-1], "settings": asdict(settings),
    }  # fmt: skip
    head = replace_head.split_head(network, task.backbone)[1]
    class_outputs = heads.class_outputs(cast(nn.Sequential, head), classified) if spec.head == "tuned" else None
    return FineTuned(network, pd.concat(curves, ignore_index=True), list(grid), outputs, metadata, class_outputs)


def _inputs(data: Images, augmentation: NDArray[np.int64], spec: NetworkSpec) -> Iterator[Tensor]:
    """Yield all images, in order, as the trained network gets them.

    With the error ``features_not_normalised`` those of fine-tuned features are in 0..1; with ``aug2_range`` the
    augmented ones are 255 times as large.
    """
    errors = protocols.parse(spec.protocol).leaks & protocols.errors_affecting(spec.policy, spec.head)
    mean, std = IDENTITY if "features_not_normalised" in errors else (data.mean, data.std)
    for part in split_batches(range(len(data.images)), INFERENCE_BATCH):
        inputs = transforms.to_input(data.images, part, mean, std)
        if "aug2_range" in errors:
            large = augmentation[part] > 0
            small, narrow = ((red / 255, green / 255, blue / 255) for red, green, blue in (mean, std))
            place = torch.from_numpy(large).to(inputs.device)
            inputs[place] = transforms.to_input(data.images, part[large], small, narrow)
        yield inputs


def train_fixed_epochs(
    fold: prediction_table.FoldData,
    images: Tensor | NDArray[np.uint8],
    task: TuningTask,
    weights: str | Path | None,
    rng: np.random.Generator,
    device: str = "auto",
) -> FineTuned:
    """Fine-tune one network for a given number of epochs, with no sample held out.

    Parameters
    ----------
    fold : FoldData
        From `select_fold`, with no sample in validation.
    images, weights, rng, device
        As of `fine_tune`.
    task : TuningTask
        Strict, with one point: its `epochs` are all trained, its patience is not used.

    Returns
    -------
    FineTuned
        Metadata name the protocol ``all`` and no fold.
    """
    tuned = fine_tune(fold, images, task, weights, rng, device)
    return replace(tuned, metadata={**tuned.metadata, "protocol": "all", "fold": None})


def _load(
    fold: prediction_table.FoldData,
    images: Tensor | NDArray[np.uint8],
    task: TuningTask,
    weights: str | Path | None,
    device: str,
) -> Images:
    """Put images and encoded labels on the training device; UserError where they do not fit."""
    y, images = fold.samples.y, torch.as_tensor(images)
    mean, std = normalisation(task.backbone, task.spec.pretraining, weights)
    if images.ndim != 3 or images.dtype != torch.uint8 or len(images) != len(y):
        kind = f"{tuple(images.shape)} {images.dtype}"
        raise UserError(f"images must be ({len(y)}, rows, cols) uint8, not {kind}.")
    targets = torch.from_numpy(target.encode(task.scheme, y, task.target, fold.samples.value))
    torch_device = resolve_device(device)
    dtype = resolve_dtype(task.grid[0].precision, torch_device)
    with training.explain_out_of_memory(f"images of fold {fold.fold}", "training.pixels"):
        return Images(images.to(torch_device), targets.to(torch_device), mean, std, dtype)


def _train(
    network: nn.Module,
    data: Images,
    fold: prediction_table.FoldData,
    task: TuningTask,
    settings: TrainingSettings,
    rng: np.random.Generator,
    name: str,
) -> list[dict[str, Any]]:
    """Train one network, in place, at one point; the rows of its curve, none where it diverged.

    Where no sample is held out, nothing is validated, the last weights are kept and running statistics are recomputed.
    """
    row_rng, rotation_rng, validation_rng, dropout_rng = rng.spawn(4)
    spec, protocol = task.spec, protocols.parse(task.spec.protocol)
    sampling = transforms.Sampling(*protocol.sampling)
    train, held = fold.train_index, fold.score_index["validation"]
    labels, augmentation = fold.samples.y[train], fold.samples.augmentation[train]
    draw = partial(policies.epoch_index, spec.policy, spec.protocol, labels, augmentation, row_rng)
    if "target_not_scaled" not in protocol.leaks:
        heads.fit_label_scaling(network, fold.samples.value[train])
    for layer in _batchnorm(network):
        layer.momentum = settings.batch_norm_momentum
    depthwise_conv.accelerate(network.to(data.images.device).to(memory_format=torch.channels_last))
    backbones.set_inplace(network)

    def batches(epoch: int) -> Iterator[training.Batch]:
        return data.batches(train[draw()], settings.batch_size, rotation_rng, sampling)

    def validation() -> Iterator[training.Batch]:
        if protocol.rotates_validation:
            return data.batches(held, settings.batch_size, validation_rng, sampling)
        return data.batches(held, INFERENCE_BATCH)

    options = FitOptions(
        settings.learning_rate, settings.epochs, settings.patience, precision=data.dtype,
        reduction=protocol.loss_reduction(spec.head), **protocol.training_options,
    )  # fmt: skip
    key = CONFIG_KEYS[spec.head]
    log = FitLog(name, key, (f"{key}.batch_size", "training.pixels"))
    try:
        curve = training.fit(
            training.SingleNetwork(network), batches, validation if len(held) else None, heads.get(spec.head).loss,
            options, dropout_rng, heads.accuracy(task.scheme, task.target), log,
        )  # fmt: skip
    except training.Diverged as error:
        print(error, flush=True)
        return []
    if not len(held):
        rows = np.concatenate([draw() for _ in range(SETTLING_EPOCHS)])
        shown = data.batches(train[rows], INFERENCE_BATCH, rotation_rng, sampling)
        recompute_batchnorm_statistics(network, (inputs[0] for inputs, *_ in shown), data.dtype)
    return curve


def recompute_batchnorm_statistics(
    network: nn.Module, batches: Iterable[Tensor], dtype: torch.dtype = torch.float32
) -> None:
    """Make the running statistics of all batch normalisation the means over some batches.

    Parameters
    ----------
    network : Module
        Changed; in evaluation mode afterwards.
    batches : iterable of Tensor of shape (batch, 3, rows, cols)
        Images as the network takes them.
    dtype : dtype, default float32
        Of the computations.

    Notes
    -----
    Without validation no good epoch is selected, and the running statistics follow the last few steps: the network is
    then overconfident.

    References
    ----------
    Y. Wu, J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
    """
    layers = _batchnorm(network)
    before = [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    with torch.no_grad(), deterministic():
        for images in batches:
            with torch.autocast(images.device.type, dtype, enabled=dtype is not torch.float32):
                network(images)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum
    network.eval()


def _batchnorm(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def collect_outputs(images: pd.DataFrame, tuned: Mapping[int, FineTuned]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Collect training curves and outputs of a chunk of folds.

    Parameters
    ----------
    images : DataFrame
        Sample and augmentation of every image.
    tuned : mapping of int to FineTuned
        By fold.

    Returns
    -------
    curves : DataFrame
        fold, and the columns of `CURVE`.
    arrays : dict
        samples, augmentation, param_grid (JSON) and outputs_{fold}_{point} (n, n_outputs): see `cnn_predictions`;
        of fine-tuned features also class_outputs_{fold} (n, n_classes).
    """
    curves = [one.curve.assign(fold=fold)[["fold", *CURVE]] for fold, one in tuned.items()]
    grid = next(iter(tuned.values())).grid
    arrays = {
        "samples": images["sample"].to_numpy(str),
        "augmentation": images["augmentation"].to_numpy(int),
        "param_grid": json.dumps([hyperparameters(settings) for settings in grid]),
    }
    for fold, one in tuned.items():
        arrays |= {f"outputs_{fold}_{point}": values for point, values in enumerate(one.outputs)}
        arrays |= {} if one.class_outputs is None else {f"class_outputs_{fold}": one.class_outputs}
    return pd.concat(curves, ignore_index=True), arrays


def run_parallel(fits: Mapping[int, Callable[[], T]], n_jobs: int) -> dict[int, T]:
    """Run functions in processes of their own, or one after another.

    Parameters
    ----------
    fits : mapping of int to callable
        Functions without arguments that can be pickled, such as partials.
    n_jobs : int
        Functions at a time; 1 runs them in this process. The results are the same.

    Returns
    -------
    dict
        Their results, in the order of `fits`.

    Notes
    -----
    Output goes where that of this process goes. The exception of a function is raised once the others have ended.
    """
    from joblib import Parallel, delayed

    # loky starts fresh processes (CUDA does not survive a fork) and does not run the calling script in them again.
    results = Parallel(n_jobs=min(n_jobs, len(fits)), backend="loky")(delayed(fit)() for fit in fits.values())
    return dict(zip(fits, results, strict=True))
