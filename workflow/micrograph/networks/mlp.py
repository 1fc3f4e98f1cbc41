"""The MLP on fine-tuned features: all folds and grid points of a fit trained together.

Models of one shape, learning rate, batch size and number of steps per epoch are trained as one bundle (under published
also of one number of validation rows), five times as fast as one by one; each is what it would be alone. A stored model
is arrays and settings: it predicts without torch.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from micrograph import target
from micrograph.errors import UserError, lookup
from micrograph.io import FeatureSet
from micrograph.networks import checkpoints, heads, training
from micrograph.networks.device import resolve_device
from micrograph.networks.heads import LabelScaling
from micrograph.networks.training import FitLog, FitOptions
from micrograph.splits import prediction_table, protocols
from micrograph.splits.fit_spec import FitTask
from micrograph.target import Prediction, Target, decode_finite

BUNDLE_SIZE = {"cpu": 32, "cuda": 256}  # models; more gain nothing and take memory
LOG_EVERY = 50  # epochs
RANDOM_BLOCK = 1 << 14  # random numbers drawn at a time for each model's dropout

# The paper's: dropout, batch size, units of the hidden layers, in this order.
HIDDEN_LAYER_SIZES = [list(sizes) for sizes in product([600, 400, 300, 200], [150, 100, 50])]
PAPER = ([0, 0.2, 0.35, 0.5], [16, 32, 100], HIDDEN_LAYER_SIZES)


@dataclass(frozen=True)
class MLP:
    """A fitted MLP.

    Parameters
    ----------
    scheme : str
        Row of `target.SCHEMES`.
    target : dict
        Settings of the target (`Target.settings`).
    settings : dict
        Grid point that it was trained at.
    parameters : dict of str to ndarray, float32
        mean and std of the features (0 and 1 where they are raw), weight1 .. bias3, and for regression centre and
        spread of the labels.
    """

    scheme: str
    target: dict[str, Any]
    settings: dict[str, Any]
    parameters: dict[str, NDArray[np.float32]]

    def outputs(self, features: ArrayLike) -> NDArray[np.float64]:
        """Compute the outputs (n, n_outputs), as `target` describes them, of features (n, n_features)."""
        part = {name: array.astype(float) for name, array in self.parameters.items()}
        hidden = (np.asarray(features, dtype=float) - part["mean"]) / part["std"]
        for layer in "12":
            hidden = np.maximum(hidden @ part[f"weight{layer}"] + part[f"bias{layer}"], 0)
        last = hidden @ part["weight3"] + part["bias3"]
        if self.scheme == "nnrank":
            return 0.5 * (1 + np.tanh(last / 2))
        return part["centre"] + part["spread"] * last if self.scheme == "regression" else last

    def predict(self, features: ArrayLike, ranks_all: bool = True) -> Prediction:
        """Predict from features (n, n_features): y_pred, value and scores of `target.decode_finite`."""
        with np.errstate(invalid="ignore", over="ignore"):
            outputs = self.outputs(features)
        return decode_finite(self.scheme, outputs, Target.from_config(self.target), ranks_all)

    def is_finite(self) -> bool:
        """Return whether there are weights: none are where the loss was never finite."""
        return all(np.isfinite(array).all() for array in self.parameters.values())


def param_grid(settings: Mapping[str, Any], search: str) -> list[dict[str, Any]]:
    """Return the settings that are tried; the first of equals is chosen.

    Parameters
    ----------
    settings : mapping
        Of the scheme, as configured: learning_rate, batch_size, dropout, hidden_layer_sizes.
    search : {"default", "published", "as_run"}
        The configured point with its neighbours in dropout and at a quarter of the learning rate; the paper's 144
        points in its order, at the configured learning rate; the configured point alone.

    Returns
    -------
    list of dict
        learning_rate, dropout, batch_size, hidden_layer_sizes.

    Raises
    ------
    UserError
        If the search is unknown.
    """
    rate, sizes = settings["learning_rate"], list(settings["hidden_layer_sizes"])
    dropouts = list(dict.fromkeys([settings["dropout"], 0.2, 0.5]))
    own = [settings["batch_size"]], [sizes]
    grids = {
        "default": ([rate, rate / 4], dropouts, *own),
        "published": ([rate], *PAPER),
        "as_run": ([rate], [settings["dropout"]], *own),
    }
    names = ("learning_rate", "dropout", "batch_size", "hidden_layer_sizes")
    return [dict(zip(names, point, strict=True)) for point in product(*lookup(search, grids, "search"))]


def fit_folds(
    features: FeatureSet,
    table: pd.DataFrame,
    task: FitTask,
    epochs: int,
    patience: int,
    rng: np.random.Generator,
    device: str = "auto",
) -> prediction_table.FitResult:
    """Choose, train and predict with the MLP on every fold.

    Parameters
    ----------
    features : FeatureSet
        One array of values per fold.
    table : DataFrame
        Splits (`splitters.split`).
    task : FitTask
        Its grid is of `param_grid`. strict: features standardised on the training rows, validation without dropout,
        the best weights kept. published: features raw, validation with dropout, the last weights kept, as in the
        paper. `model_selection` says which point a fold takes and uses.
    epochs, patience : int
        As of `training.FitOptions`.
    rng : Generator
        Source of the rows of each fold and of its models' seeds.
    device : {"auto", "cpu", "cuda", "mps"}
        Device to train on.

    Returns
    -------
    prediction_table.FitResult
        With an `MLP` a fold. A model whose loss was never finite predicts NaN.

    Raises
    ------
    UserError
        If a name is unknown, features and splits do not fit, or a fold would use a model whose loss was never finite.
    """
    spec = task.spec
    folds = prediction_table.make_folds(
        features.sample, features.augmentation, table, protocol=spec.protocol, policy=spec.policy, rng=rng
    )
    if len(features.values) != len(folds):
        raise UserError(
            f"the features hold {len(features.values)} folds, the splits {len(folds)}: make both with one splits.folds."
        )
    data = [_prepare(values, fold, spec.protocol) for values, fold in zip(features.values, folds, strict=True)]
    made = _train(data, task, epochs, patience, resolve_device(device))
    ranks_all = protocols.parse(spec.protocol).ranks_all

    def predict(fold: prediction_table.FoldData, point: int, split: str) -> target.Prediction:
        return made[fold.fold, point].predict(data[fold.fold].raw[fold.score_index[split]], ranks_all)

    n_features = [one.raw.shape[1] for one in data]
    refitted, *tables = prediction_table.select_and_predict(task, folds, predict, n_features)
    models = {fold: made[fold, point] for fold, point in enumerate(refitted)}
    for fold, model in models.items():
        if not model.is_finite():
            key = f"training.mlp.{spec.scheme}.learning_rate"
            raise UserError(f"MLP {spec.scheme} of fold {fold}: the loss is not finite; lower {key}.")
    return prediction_table.FitResult(models, *tables)


@dataclass(frozen=True)
class _FoldFeatures:
    """One fold's raw features (n, n_features), and the mean and std (n_features,) that standardise them."""

    fold: prediction_table.FoldData
    raw: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def standardised(self) -> NDArray[np.float32]:
        return ((self.raw - self.mean) / self.std).astype(np.float32)


Member = tuple[_FoldFeatures, int]  # a model of a bundle: its fold and its grid point


def _prepare(values: ArrayLike, fold: prediction_table.FoldData, protocol: str) -> _FoldFeatures:
    values = np.asarray(values, dtype=float)
    mean, std = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if protocols.parse(protocol).estimators == "strict":
        rows = np.unique(fold.scaler_rows(protocol))
        mean, std = values[rows].mean(axis=0), values[rows].std(axis=0)
    return _FoldFeatures(fold, values, mean, np.where(std > 0, std, 1.0))


def _train(
    data: list[_FoldFeatures], task: FitTask, epochs: int, patience: int, device: torch.device
) -> dict[tuple[int, int], MLP]:
    """Train the models of all folds and grid points, bundle by bundle; by fold and grid point."""
    protocol = protocols.parse(task.spec.protocol)
    options = {"epochs": epochs, "patience": patience, **protocol.training_options}
    options["reduction"] = protocol.loss_reduction(task.spec.scheme)
    groups = defaultdict(list)
    for one in data:
        # In training mode validation draws dropout too, for every row of its batch: a padded one would draw more.
        held = len(one.fold.score_index["validation"]) if options["validate_in"] == "train" else 0
        for point, settings in enumerate(task.grid):
            steps = -(-len(one.fold.train_index) // settings["batch_size"])
            sizes = (settings["batch_size"], *settings["hidden_layer_sizes"])
            groups[one.raw.shape[1], steps, held, settings["learning_rate"], *sizes].append((one, point))
    size, made = BUNDLE_SIZE[device.type], {}
    bundles = [group[start : start + size] for group in groups.values() for start in range(0, len(group), size)]
    for number, members in enumerate(bundles, start=1):
        name = f"MLP {task.spec.scheme}, bundle {number} of {len(bundles)}"
        for (one, point), model in zip(members, _train_bundle(members, task, device, name, options), strict=True):
            made[one.fold.fold, point] = model
            if not model.is_finite():
                text = f"MLP {task.spec.scheme} of fold {one.fold.fold}, {json.dumps(model.settings)}"
                print(f"{text}: the loss is not finite.", flush=True)
    return made


def _train_bundle(
    members: list[Member], task: FitTask, device: torch.device, name: str, options: dict[str, Any]
) -> list[MLP]:
    """Train one bundle of models of one shape."""
    scheme = task.spec.scheme
    data, points = [one for one, _ in members], [task.grid[point] for _, point in members]
    rngs = [np.random.default_rng([one.fold.seed, point]) for one, point in members]
    weight_rngs, order_rngs = zip(*(rng.spawn(2) for rng in rngs), strict=True)
    sizes = (data[0].raw.shape[1], *points[0]["hidden_layer_sizes"], target.output_width(scheme, task.target))
    bundle = StackedMLPs(scheme, sizes, [point["dropout"] for point in points], weight_rngs).to(device)
    if "target_not_scaled" not in protocols.parse(task.spec.protocol).leaks:
        bundle.fit_label_scaling([one.fold.samples.value[one.fold.train_index] for one in data])
    feed = _Batches(data, task, points[0]["batch_size"], order_rngs, device)
    log = FitLog(name, f"training.mlp.{scheme}", every=LOG_EVERY)
    fit_options = FitOptions(points[0]["learning_rate"], **options)
    try:
        training.fit(bundle, feed.batches, feed.validation, heads.get(scheme).loss, fit_options, rngs[0], log=log)
    except training.Diverged:
        bundle.restore_weights()
    scaling = [{"mean": one.mean.astype(np.float32), "std": one.std.astype(np.float32)} for one in data]
    trained = zip(points, bundle.parameters_by_model(), scaling, strict=True)
    return [MLP(scheme, task.target.settings, point, parameters | own) for point, parameters, own in trained]


class _Batches:
    """Batches of a bundle's models: each has its own fold, its own order of rows, and rows of weight 0 at the end."""

    def __init__(
        self,
        data: list[_FoldFeatures],
        task: FitTask,
        batch_size: int,
        rngs: Sequence[np.random.Generator],
        device: torch.device,
    ) -> None:
        """Prepare features and order of the rows of each model (data, rngs)."""
        folds = {one.fold.fold: one for one in data}
        index = {number: row for row, number in enumerate(folds)}
        self.fold = torch.tensor([index[one.fold.fold] for one in data])[:, None].to(device)
        self.values = torch.from_numpy(np.stack([one.standardised() for one in folds.values()])).to(device)
        targets = target.encode(task.spec.scheme, data[0].fold.samples.y, task.target, data[0].fold.samples.value)
        self.targets = torch.from_numpy(targets).to(device)
        self.training = [one.fold.train_index for one in data]
        self.held = [one.fold.score_index["validation"] for one in data]
        self.batch_size, self.rngs, self.device = batch_size, rngs, device

    def batches(self, epoch: int) -> Iterator[training.Batch]:
        """Yield the training rows of all models, in random order."""
        rows = [rng.permutation(own) for rng, own in zip(self.rngs, self.training, strict=True)]
        width = -(-max(map(len, rows)) // self.batch_size) * self.batch_size
        yield from self._batches(rows, width, self.batch_size)

    def validation(self) -> Iterator[training.Batch]:
        """Yield all validation rows of all models, as one batch."""
        width = max(map(len, self.held))
        yield from self._batches(self.held, width, width)

    def _batches(self, rows: list[NDArray[np.int64]], width: int, batch_size: int) -> Iterator[training.Batch]:
        counts = np.array([len(own) for own in rows])
        index = torch.from_numpy(np.stack([np.resize(own, width) for own in rows])).to(self.device)
        weights = torch.from_numpy((np.arange(width) < counts[:, None]).astype(np.float32)).to(self.device)
        for start in range(0, width, batch_size):
            batch = index[:, start : start + batch_size]
            yield self.values[self.fold, batch], self.targets[batch], weights[:, start : start + batch_size]


def write_models(path: str | Path, models: Mapping[int, MLP]) -> None:
    """Write MLPs as safetensors.

    Parameters
    ----------
    path : path
        File to write; the same models give the same bytes.
    models : mapping of int to MLP
        By fold.
    """
    metadata = {
        str(fold): {name: value for name, value in asdict(model).items() if name != "parameters"}
        for fold, model in models.items()
    }
    tensors = {
        f"{fold}.{name}": torch.from_numpy(array)
        for fold, model in models.items()
        for name, array in model.parameters.items()
    }
    checkpoints.write(path, tensors, metadata, sort_keys=False)


def read_models(path: str | Path) -> dict[int, MLP]:
    """Read MLPs.

    Parameters
    ----------
    path : path
        File from `write_models`.

    Returns
    -------
    dict of int to MLP
        By fold.

    Raises
    ------
    UserError
        If the file is another.
    """
    metadata, tensors = checkpoints.read_metadata(path), checkpoints.read(path)
    if not metadata or not all(isinstance(model, dict) and "scheme" in model for model in metadata.values()):
        raise UserError(f"{path}: holds no MLPs of this workflow; give a file that its fit wrote.")
    parameters: dict[str, dict[str, NDArray[np.float32]]] = defaultdict(dict)
    for name, tensor in tensors.items():
        fold, _, own = name.partition(".")
        parameters[fold][own] = tensor.numpy()
    return {int(fold): MLP(**model, parameters=parameters[fold]) for fold, model in metadata.items()}


class StackedMLPs(nn.Module):
    """A bundle (`training.Bundle`) of MLPs: Linear(in, l1) ReLU Linear(l1, l2) ReLU Dropout Linear(l2, outputs).

    Weights are (models, in, out), biases (models, 1, out). Each model has its own dropout and random numbers: trained
    in a bundle or alone it becomes the same model, up to the rounding of sums. nnrank ends in a sigmoid, regression in
    the target's unit.

    Parameters
    ----------
    scheme : str
        Row of `target.SCHEMES`.
    sizes : sequence of 4 ints
        Features, units of the two hidden layers, outputs.
    dropouts : sequence of float
        Probability of each model.
    rngs : sequence of Generator
        Source of each model's weights, then of its dropout.
    """

    weight1: nn.Parameter
    weight2: nn.Parameter
    weight3: nn.Parameter
    bias1: nn.Parameter
    bias2: nn.Parameter
    bias3: nn.Parameter

    def __init__(
        self, scheme: str, sizes: Sequence[int], dropouts: Sequence[float], rngs: Sequence[np.random.Generator]
    ) -> None:
        super().__init__()
        self.n_models, self.scheme = len(rngs), scheme
        for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
            for name, rows in (("weight", fan_in), ("bias", 1)):
                values = np.stack([_uniform(rng, (rows, fan_out), fan_in**-0.5) for rng in rngs])
                self.register_parameter(f"{name}{layer}", nn.Parameter(torch.from_numpy(values)))
        self.dropout = StackedDropout(dropouts, rngs)
        if scheme == "regression":
            self.degrees = LabelScaling((self.n_models, 1, 1))
        self._saved = {name: torch.full_like(part, torch.nan) for name, part in self.state_dict().items()}

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (models, batch, in) to (models, batch, outputs)."""
        hidden = torch.relu(torch.baddbmm(self.bias1, inputs, self.weight1))
        hidden = torch.relu(torch.baddbmm(self.bias2, hidden, self.weight2))
        if self.training:
            hidden = self.dropout(hidden)
        outputs = torch.baddbmm(self.bias3, hidden, self.weight3)
        if self.scheme == "nnrank":
            return torch.sigmoid(outputs)
        return self.degrees(outputs) if self.scheme == "regression" else outputs

    def fit_label_scaling(self, labels: Sequence[NDArray]) -> None:
        """Take mean and standard deviation of the training labels, one array per model; only regression uses them."""
        if self.scheme == "regression":
            self.degrees.fit(labels)
            self._saved |= {f"degrees.{name}": part.clone() for name, part in self.degrees.named_buffers()}

    def save_weights(self, which: NDArray[np.bool_]) -> None:
        """Remember the present weights of some models; which: (n_models,)."""
        rows = torch.from_numpy(np.flatnonzero(which))
        for name, part in self.state_dict().items():
            self._saved[name][rows] = part.cpu()[rows]

    def restore_weights(self) -> None:
        """Load the weights saved last, NaN where none were, and switch to evaluation mode."""
        self.load_state_dict(self._saved)
        self.eval()

    def parameters_by_model(self) -> list[dict[str, NDArray[np.float32]]]:
        """Return the arrays of each model: weights (in, out), all else flat."""
        parts = {name.rpartition(".")[2]: part.cpu().numpy() for name, part in self.state_dict().items()}
        flat = {
            name: part if name.startswith("weight") else part.reshape(len(part), -1) for name, part in parts.items()
        }
        return [{name: part[model].copy() for name, part in flat.items()} for model in range(self.n_models)]


class StackedDropout:
    """Dropout with a probability and a stream of random numbers for each model.

    Parameters
    ----------
    dropouts : sequence of float
        Probability of each model.
    rngs : sequence of Generator
        One a model, or none where nothing is dropped.
    """

    def __init__(self, dropouts: Sequence[float], rngs: Sequence[np.random.Generator]) -> None:
        self._kept = 1 - np.asarray(dropouts, dtype=np.float32)
        self._rngs, self._used = list(rngs), 0
        self._drawn = np.empty((len(self._rngs), 0), np.float32)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Keep each value (models, batch, units) with its model's probability and divide by it; 0 otherwise."""
        if (self._kept == 1).all():
            return hidden
        count = hidden[0].numel()
        if self._used + count > self._drawn.shape[1]:
            size = max(count, RANDOM_BLOCK)
            self._drawn, self._used = np.stack([rng.random(size, dtype=np.float32) for rng in self._rngs]), 0
        drawn = self._drawn[:, self._used : self._used + count]
        self._used += count
        kept = self._kept[:, None]
        factors = np.where(drawn < kept, 1 / np.maximum(kept, 1e-6), 0).astype(np.float32)
        return hidden * torch.from_numpy(factors).to(hidden.device).reshape(hidden.shape)


def _uniform(rng: np.random.Generator, shape: tuple[int, int], bound: float) -> NDArray[np.float32]:
    """Draw uniformly in -bound..bound: PyTorch's own first weights and biases of a linear layer."""
    return (2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(bound)
