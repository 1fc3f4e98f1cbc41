"""The training loop of fine-tuned networks, of MLPs trained together, and of pre-training without labels.

It takes a bundle of models (`Bundle`), batches and a loss, and does not depend on images or the target.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from micrograph.errors import UserError, lookup
from micrograph.networks.device import deterministic, seeded

METRICS = ("train_loss", "validation_loss", "validation_accuracy")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
OUT_OF_MEMORY = ("allocate memory", "not enough memory", "out of memory")  # in PyTorch's messages

Batch = tuple[Tensor, Tensor, Tensor]  # inputs (n_networks, batch, ...), targets, weights (n_networks, batch)
Function = Callable[[Tensor, Tensor, Tensor], Tensor]  # outputs, targets, weights to (n_networks,)


class Diverged(UserError):
    """The loss is not finite."""


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is fine-tuned.

    Parameters
    ----------
    learning_rate : float
        Of Adam.
    batch_size : int
        Images of a step.
    dropout : float
        Probability in 0..1.
    epochs : int
        At most.
    patience : int
        Epochs without a lower validation loss after which training stops.
    precision : {"fp32", "bf16"}
        Of the backbone's arithmetic; weights are float32.
    batch_norm_momentum : float
        Weight of each step in the running statistics of batch normalisation.
    pixels : int
        Side of the images.
    """

    learning_rate: float
    batch_size: int
    dropout: float
    epochs: int
    patience: int
    precision: str
    batch_norm_momentum: float
    pixels: int

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "TrainingSettings":
        """Take the settings of these names from a mapping with more."""
        return cls(**{name: settings[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class FitOptions:
    """Options of `fit`.

    Parameters
    ----------
    learning_rate : float
        Of Adam.
    epochs : int
        At most.
    patience : int
        Epochs without a lower validation loss after which a model stops.
    keep : {"best", "last"}
        Weights that a model ends with: those of its lowest validation loss, or those it stopped with, as in the paper.
    validate_in : {"eval", "train"}
        Mode of validation. train is the paper's: dropout and batch statistics as in training, and the running
        statistics include the validation batches.
    tolerance : int, default 0
        Epochs that a model trains beyond its patience; 1 in the paper's code.
    reduction : {"mean", "sum"}
        Of the loss over a minibatch that a step minimises; training curves have means.
    precision : dtype, default float32
        Of the computations; bfloat16 keeps float32 weights.
    threads : int, default 1
        Of the processor.
    """

    learning_rate: float
    epochs: int
    patience: int
    keep: str = "best"
    validate_in: str = "eval"
    tolerance: int = 0
    reduction: str = "mean"
    precision: torch.dtype = torch.float32
    threads: int = 1


@dataclass(frozen=True)
class FitLog:
    """What the log and the errors of `fit` say.

    Parameters
    ----------
    name : str
        Of the fit.
    key : str
        Of its settings in the config.
    memory_keys : tuple of str
        Keys of the config that save memory; ``KEY.batch_size`` where empty.
    metrics : tuple of str
        Names of the training loss, the validation loss and the score.
    every : int, default 1
        Epochs between lines.
    """

    name: str = "training"
    key: str = "training"
    memory_keys: tuple[str, ...] = ()
    metrics: tuple[str, ...] = METRICS
    every: int = 1


class Bundle(Protocol):
    """Models of one architecture that are trained together.

    Attributes
    ----------
    n_models : int
        Their number.
    """

    n_models: int

    def __call__(self, inputs: Tensor) -> Tensor:
        """Compute the outputs of all models, (n_models, batch, n_outputs)."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the parameters to train."""

    def train(self) -> Any:
        """Switch to training mode."""

    def eval(self) -> Any:
        """Switch to evaluation mode."""

    def save_weights(self, which: NDArray[np.bool_]) -> None:
        """Remember the present weights of some models; which: (n_models,)."""

    def restore_weights(self) -> None:
        """Load the weights saved last into all models, and switch to evaluation mode."""


def fit(
    bundle: Bundle,
    batches: Callable[[int], Iterable[Batch]],
    validation: Callable[[], Iterable[Batch]] | None,
    loss: Function,
    options: FitOptions,
    rng: np.random.Generator,
    score: Function | None = None,
    log: FitLog = FitLog(),  # noqa: B008
) -> list[dict[str, Any]]:
    """Train all models of a bundle together; it ends with the kept weights of each.

    Parameters
    ----------
    bundle : Bundle
        Changed.
    batches : callable
        Epoch (from 0) to the batches (inputs, targets, weights), on the training device.
    validation : callable or None
        Gives the batches of validation. None: nothing is validated, and the last weights are kept.
    loss : callable
        (outputs, targets, weights) to the mean over the batch, one a network, as `heads` describes it.
    options : FitOptions
        How long, and which weights are kept.
    rng : Generator
        Seeds dropout.
    score : callable, optional
        As `loss`, for the training curve alone.
    log : FitLog
        Words of the log.

    Returns
    -------
    list of dict
        The training curves: model, epoch, train_loss, validation_loss, validation_accuracy, kept (1 for the epoch whose
        weights are kept, else 0).

    Raises
    ------
    Diverged
        If the loss of every model became infinite or NaN, and none has kept weights. A single one stops.
    UserError
        If there is not enough memory.
    """
    mode = lookup(options.validate_in, {"eval": bundle.eval, "train": bundle.train}, "validation mode")
    patience = options.patience + options.tolerance
    stopping = EarlyStopping(bundle.n_models, patience, "last" if validation is None else options.keep)
    optimiser = torch.optim.Adam(bundle.parameters(), options.learning_rate, fused=True)
    _keep_freed_memory()
    curve = []
    memory_keys = log.memory_keys or (f"{log.key}.batch_size",)
    with deterministic(options.threads), seeded(rng), explain_out_of_memory(log.name, *memory_keys):
        for epoch in range(options.epochs):
            bundle.train()
            metrics = _run_epoch(bundle, batches(epoch), loss, None, options, optimiser)[:1]
            mode()
            if validation is not None:
                with torch.no_grad():
                    metrics += _run_epoch(bundle, validation(), loss, score, options)
            held = None if validation is None else metrics[1]
            curve += _curve_rows(epoch, metrics, stopping.training)
            bundle.save_weights(stopping.update(epoch, metrics[0], held, final=epoch == options.epochs - 1))
            if epoch % log.every == 0 or not stopping.training.any():
                print(_line(log, epoch, options.epochs, metrics, stopping), flush=True)
            if not stopping.training.any():
                break
        _report_divergence(stopping, log)
        bundle.restore_weights()
    return [{**row, "kept": int(row["epoch"] == stopping.kept[row["model"]])} for row in curve]


@cache
def _keep_freed_memory() -> None:
    """Let this process reuse the memory that a step frees, where the C library can (glibc).

    Otherwise large arrays are given back at once, and the system clears every page again: a tenth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(option, 1 << 30)


class EarlyStopping:
    """Which models still train, and the epoch whose weights each keeps.

    Parameters
    ----------
    models : int
        Number of models.
    patience : int
        Epochs without a lower loss after which a model stops.
    keep : {"best", "last"}
        Weights that a model ends with.

    Attributes
    ----------
    training, diverged : ndarray of bool, shape (models,)
        Models that still train; models whose loss was not finite.
    kept : ndarray of int, shape (models,)
        Epoch whose weights are kept; -1: none.
    """

    def __init__(self, models: int, patience: int, keep: str) -> None:
        self.patience = patience
        self._keeps_best = lookup(keep, {"best": True, "last": False}, "rule of the kept weights")
        self._lowest = np.full(models, np.inf)
        self._best, self.kept = np.full(models, -1), np.full(models, -1)
        self.training, self.diverged = np.ones(models, bool), np.zeros(models, bool)

    def update(
        self,
        epoch: int,
        train_loss: NDArray[np.float64],
        validation_loss: NDArray[np.float64] | None = None,
        final: bool = False,
    ) -> NDArray[np.bool_]:
        """Take in the losses of an epoch.

        Parameters
        ----------
        epoch : int
            From 0.
        train_loss, validation_loss : ndarray of shape (models,)
            Without a validation loss every epoch is better than the one before.
        final : bool
            No model trains after this epoch.

        Returns
        -------
        ndarray of bool, shape (models,)
            Models whose present weights are to be saved.
        """
        finite = np.isfinite(train_loss if validation_loss is None else train_loss + validation_loss)
        self.diverged |= self.training & ~finite
        sound = self.training & finite
        better = sound
        if validation_loss is not None:
            better = sound & (np.nan_to_num(validation_loss, nan=np.inf) < self._lowest)
            self._lowest[better] = validation_loss[better]
        self._best[better] = epoch
        stopping = sound & ((epoch - self._best >= self.patience) | final)
        self.training = sound & ~stopping
        chosen = better if self._keeps_best else stopping
        self.kept[chosen] = epoch
        return chosen


def _run_epoch(
    bundle: Bundle,
    batches: Iterable[Batch],
    loss: Function,
    score: Function | None,
    options: FitOptions,
    optimiser: torch.optim.Optimizer | None = None,
) -> list[NDArray[np.float64]]:
    """Pass over the batches, with a step after each where there is an optimiser: [loss, score], each (n_models,)."""
    sums: list[Any] = [0.0, 0.0]  # tensors after the first batch
    count: Any = 0.0
    for inputs, targets, weights in batches:
        with _autocast(inputs, options.precision):
            outputs = bundle(inputs)
        losses, rows = loss(outputs.float(), targets, weights), weights.sum(1)
        if optimiser is not None:
            optimiser.zero_grad()
            (losses * rows if options.reduction == "sum" else losses).sum().backward()
            optimiser.step()
        sums[0], count = sums[0] + losses.detach() * rows, count + rows
        if score is not None:
            sums[1] = sums[1] + score(outputs, targets, weights) * rows
    missing = np.full(len(count), np.nan)
    return [(part / count).double().cpu().numpy() if torch.is_tensor(part) else missing for part in sums]


def _autocast(inputs: Tensor, precision: torch.dtype) -> AbstractContextManager[Any]:
    """Compute in `precision` in the block."""
    return nullcontext() if precision is torch.float32 else torch.autocast(inputs.device.type, dtype=precision)


def _curve_rows(epoch: int, metrics: list[NDArray[np.float64]], trained: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return the curve's rows of the models that trained in this epoch."""
    columns = dict(zip(METRICS, metrics, strict=False))
    missing = np.full(len(trained), np.nan)
    return [
        {"model": int(model), "epoch": epoch} | {name: float(columns.get(name, missing)[model]) for name in METRICS}
        for model in np.flatnonzero(trained)
    ]


def _report_divergence(stopping: EarlyStopping, log: FitLog) -> None:
    """Print how many models diverged; Diverged where all did and none has kept weights."""
    if not stopping.diverged.any():
        return
    saved = stopping.kept >= 0
    if stopping.diverged.all() and not saved.any():
        raise Diverged(f"{log.name}: the loss is not finite; lower {log.key}.learning_rate.")
    lost, kept = stopping.diverged.sum(), (stopping.diverged & saved).sum()
    print(
        f"{log.name}: the loss is not finite in {lost} of {len(saved)} models; {kept} of these keep the weights of an "
        f"earlier epoch (lower {log.key}.learning_rate).",
        flush=True,
    )


def _line(log: FitLog, epoch: int, epochs: int, metrics: list[NDArray[np.float64]], stopping: EarlyStopping) -> str:
    """Return the log's line of an epoch; of several models, their medians."""
    shown = [
        f"{name.replace('_', ' ')} {np.nanmedian(values):.4g}"
        for name, values in zip(log.metrics, metrics, strict=False)
        if not np.isnan(values).all()
    ]
    active = f"{stopping.training.sum()} of {len(stopping.training)} models still train"
    return ", ".join([f"{log.name}: epoch {epoch + 1} of {epochs}", *shown, *[active] * (len(stopping.training) > 1)])


@contextmanager
def explain_out_of_memory(name: str, *keys: str) -> Iterator[None]:
    """Raise a UserError that names the settings to lower, where memory runs out in the block.

    Parameters
    ----------
    name : str
        What is computed.
    *keys : str
        Keys of the config.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        full = isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)
        if not full:
            raise
        raise UserError(f"{name}: not enough memory; lower {' or '.join(keys)}.") from None


class SingleNetwork:
    """A bundle of one network; its weights and buffers (running statistics) are saved and restored.

    Parameters
    ----------
    module : Module
        The network.
    """

    n_models = 1

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._saved: dict[str, Tensor] | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (1, batch, ...) to (1, batch, n_outputs)."""
        return self.module(inputs[0])[None]

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that are not frozen."""
        return [part for part in self.module.parameters() if part.requires_grad]

    def train(self) -> None:
        """Switch to training mode."""
        self.module.train()

    def eval(self) -> None:
        """Switch to evaluation mode."""
        self.module.eval()

    def save_weights(self, which: NDArray[np.bool_]) -> None:
        """Remember the present weights where ``which[0]`` is set."""
        if which[0]:
            self._saved = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    def restore_weights(self) -> None:
        """Load the weights saved last, if there are any, and switch to evaluation mode."""
        if self._saved is not None:
            self.module.load_state_dict(self._saved)
            self._saved = None
        self.eval()
