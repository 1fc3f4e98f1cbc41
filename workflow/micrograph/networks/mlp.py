"""The MLP on fine-tuned features: all folds and grid points of a fit trained together.

Models of one shape, learning rate, batch size and number of steps an epoch are trained as one bundle (under published
also of one number of validation rows), five times as fast as one by one; each is what it would be alone. A stored model
is arrays and settings: it predicts without torch.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
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
from micrograph.splits import model_selection, prediction_table, protocols, splitters

BUNDLE_SIZE = {"cpu": 32, "cuda": 256}  # models; more gain nothing and take memory
LOG_EVERY = 50  # epochs
RANDOM_BLOCK = 1 << 14  # random numbers drawn at a time for each model's dropout

# The paper's: dropout, batch size, units of the first and of the second hidden layer, in this order.
PUBLISHED = ([0, 0.2, 0.35, 0.5], [16, 32, 100], [600, 400, 300, 200], [150, 100, 50])


@dataclass(frozen=True)
class MLP:
    """A fitted MLP.

    Parameters
    ----------
    scheme : str
        Row of `target.SCHEMES`.
    classes : list of int
        In the target's unit, ascending.
    settings : dict
        Grid point that it was trained at.
    parameters : dict of str to ndarray, float32
        mean and std of the features (0 and 1 where they are raw), weight1 .. bias3, and for regression centre and
        spread of the labels.
    """

    scheme: str
    classes: list[int]
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

    def predict(self, features: ArrayLike) -> target.Prediction:
        """Predict from features (n, n_features): y_pred, value and scores of `target.decode_finite`."""
        with np.errstate(invalid="ignore", over="ignore"):
            outputs = self.outputs(features)
        return target.decode_finite(self.scheme, outputs, self.classes)

    def is_finite(self) -> bool:
        """Return whether there are weights: none are where the loss was never finite."""
        return all(np.isfinite(array).all() for array in self.parameters.values())


def param_grid(settings: Mapping[str, Any], search: str) -> list[dict[str, Any]]:
    """Return the settings that are tried; the first of equals is chosen.

    Parameters
    ----------
    settings : mapping
        Of the scheme, as configured: learning_rate, batch, dropout, widths.
    search : {"default", "published"}
        The configured point with its neighbours in dropout and at a quarter of the learning rate, or the paper's 144
        points in its order, at the configured learning rate.

    Returns
    -------
    list of dict
        learning_rate, dropout, batch, widths.

    Raises
    ------
    UserError
        If the search is unknown.
    """
    return lookup(search, {"default": _neighbours, "published": _published}, "search")(settings)


def _neighbours(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    rate, dropouts = settings["learning_rate"], [settings["dropout"], 0.2, 0.5]
    fixed = {"batch": settings["batch"], "widths": list(settings["widths"])}
    return [
        {"learning_rate": rate, "dropout": dropout, **fixed}
        for rate, dropout in product([rate, rate / 4], dict.fromkeys(dropouts))
    ]


def _published(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    rate = settings["learning_rate"]
    return [
        {"learning_rate": rate, "dropout": dropout, "batch": batch, "widths": [first, second]}
        for dropout, batch, first, second in product(*PUBLISHED)
    ]


def fit_folds(
    features: FeatureSet,
    table: Any,
    *,
    protocol: str,
    policy: str,
    scheme: str,
    classes: Sequence[int],
    search: str,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    device: str = "auto",
) -> prediction_table.FitResult:
    """Choose, train and predict with the MLP on every fold.

    Parameters
    ----------
    features : FeatureSet
        One array of values a fold.
    table : DataFrame
        Splits (`splitters.split`).
    protocol : str
        strict: features standardised on the training rows, validation without dropout, the best weights kept.
        published: features raw, validation with dropout, the last weights kept, as in the paper. `model_selection` says
        which point a fold takes and uses.
    policy : str
        Augmentation policy, aug1 to aug4.
    scheme : str
        Row of `target.SCHEMES`.
    classes : sequence of int
        In the target's unit, ascending.
    search : {"default", "published"}
        As of `param_grid`.
    settings : mapping
        As of `param_grid`, with epochs and patience.
    rng : Generator
        Source of the rows of each fold and of its models' seeds.
    device : {"auto", "cpu", "cuda"}
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
    values = features.values
    folds = prediction_table.make_folds(
        features.sample, features.augmentation, table, protocol=protocol, policy=policy, rng=rng
    )
    if len(values) != len(folds):
        raise UserError(
            f"the features hold {len(values)} folds, the splits {len(folds)}: make both with one splits.folds."
        )
    grid = param_grid(settings, search)
    data = [_prepare(raw, fold, protocol) for raw, fold in zip(values, folds, strict=True)]
    options = {
        "epochs": settings["epochs"],
        "patience": settings["patience"],
        **protocols.parse(protocol).training_options,
    }
    made = _train(data, grid, scheme, list(classes), resolve_device(device), options)
    chosen = _choose(data, made, len(grid), protocol)
    used = model_selection.refit_choice(chosen, protocol)
    fitted = {one.fold.fold: made[one.fold.fold, point] for one, point in zip(data, used, strict=True)}
    for fold, model in fitted.items():
        if not model.is_finite():
            key = f"training.mlp.{scheme}.learning_rate"
            raise UserError(f"MLP {scheme} of fold {fold}: the loss is not finite; lower {key}.")
    frames = []
    for one, choice in zip(data, chosen, strict=True):
        for part in splitters.SPLITS:
            model = made[one.fold.fold, choice.point] if part == "validation" else fitted[one.fold.fold]
            predicted = model.predict(one.raw[one.fold.score_index[part]])
            frames.append(prediction_table.prediction_frame(one.fold, part, *predicted, classes, one.raw.shape[1]))
    return prediction_table.FitResult(
        fitted, prediction_table.search_table(chosen, used, grid), prediction_table.concatenate(frames)
    )


@dataclass(frozen=True)
class _FoldFeatures:
    """One fold's raw features (n, n_features), and the mean and std (n_features,) that standardise them."""

    fold: prediction_table.FoldData
    raw: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def standardised(self) -> NDArray[np.float32]:
        return ((self.raw - self.mean) / self.std).astype(np.float32)


Models = dict[tuple[int, int], MLP]  # by fold and grid point
Member = tuple[_FoldFeatures, int]  # a model of a bundle: its fold and its grid point


def _prepare(values: ArrayLike, fold: prediction_table.FoldData, protocol: str) -> _FoldFeatures:
    values = np.asarray(values, dtype=float)
    mean, std = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if protocols.parse(protocol).estimators == "strict":
        rows = np.unique(fold.train_index)
        mean, std = values[rows].mean(axis=0), values[rows].std(axis=0)
    return _FoldFeatures(fold, values, mean, np.where(std > 0, std, 1.0))


def _choose(data: list[_FoldFeatures], made: Models, count: int, protocol: str) -> list[model_selection.Choice]:
    """Choose among the models of every fold, one for each of `count` grid points."""
    held = [one.fold.score_index[protocols.parse(protocol).selection_split] for one in data]
    y_pred = [
        np.stack([made[one.fold.fold, point].predict(one.raw[rows])[0] for point in range(count)])
        for one, rows in zip(data, held, strict=True)
    ]
    y_true = [one.fold.samples.y[rows] for one, rows in zip(data, held, strict=True)]
    return model_selection.select(y_pred, y_true, protocol)


def _train(
    data: list[_FoldFeatures],
    grid: list[dict[str, Any]],
    scheme: str,
    classes: list[int],
    device: torch.device,
    options: dict[str, Any],
) -> Models:
    """Train the models of all folds and grid points, bundle by bundle."""
    groups = defaultdict(list)
    for one in data:
        for point, settings in enumerate(grid):
            steps = -(-len(one.fold.train_index) // settings["batch"])
            # In training mode validation draws dropout too, for every row of its batch: a padded one would draw more.
            held = len(one.fold.score_index["validation"]) if options["validate_in"] == "train" else 0
            shape = (one.raw.shape[1], steps, held, settings["learning_rate"], settings["batch"], *settings["widths"])
            groups[shape].append((one, point))
    size, made = BUNDLE_SIZE[device.type], {}
    bundles = [group[start : start + size] for group in groups.values() for start in range(0, len(group), size)]
    for number, members in enumerate(bundles, start=1):
        name = f"MLP {scheme}, bundle {number} of {len(bundles)}"
        trained = _train_bundle(members, grid, scheme, classes, device, name, options)
        for (one, point), parameters in zip(members, trained, strict=True):
            parameters |= {"mean": one.mean.astype(np.float32), "std": one.std.astype(np.float32)}
            model = made[one.fold.fold, point] = MLP(scheme, classes, grid[point], parameters)
            if not model.is_finite():
                text = json.dumps(grid[point])
                print(f"MLP {scheme} of fold {one.fold.fold}, {text}: the loss is not finite.", flush=True)
    return made


def _train_bundle(
    members: list[Member],
    grid: list[dict[str, Any]],
    scheme: str,
    classes: list[int],
    device: torch.device,
    name: str,
    options: dict[str, Any],
) -> list[dict[str, NDArray[np.float32]]]:
    """Train one bundle of models of one shape; return the parameters of each."""
    data, points = [one for one, _ in members], [grid[point] for _, point in members]
    rngs = [np.random.default_rng([one.fold.seed, point]) for one, point in members]
    weight_rngs, order_rngs = zip(*(rng.spawn(2) for rng in rngs), strict=True)
    dropouts = [point["dropout"] for point in points]
    n_features, first = data[0].raw.shape[1], points[0]
    bundle = StackedMLPs(scheme, n_features, first["widths"], classes, dropouts, weight_rngs).to(device)
    bundle.fit_label_scaling([one.fold.samples.y[one.fold.train_index] for one in data])
    feed = _Batches(data, scheme, classes, first["batch"], order_rngs, bundle, device)
    log = FitLog(name, f"training.mlp.{scheme}", every=LOG_EVERY)
    try:
        training.fit(
            bundle, feed.batches, feed.validation, heads.loss(scheme), FitOptions(first["learning_rate"], **options),
            rngs[0], log=log,
        )  # fmt: skip
    except training.Diverged:
        bundle.restore_weights()
    return bundle.parameters_by_model()


class _Batches:
    """Batches of a bundle's models: each has its own fold, its own order of rows, and rows of weight 0 at the end."""

    def __init__(
        self,
        data: list[_FoldFeatures],
        scheme: str,
        classes: list[int],
        batch_size: int,
        rngs: Sequence[np.random.Generator],
        bundle: "StackedMLPs",
        device: torch.device,
    ) -> None:
        """Prepare features and order of the rows of each model (data, rngs); bundle names the models held."""
        folds = {one.fold.fold: one for one in data}
        index = {number: row for row, number in enumerate(folds)}
        self.fold = np.array([index[one.fold.fold] for one in data])
        self.values = torch.from_numpy(np.stack([one.standardised() for one in folds.values()])).to(device)
        labels = data[0].fold.samples.y
        self.targets = torch.from_numpy(target.encode(scheme, labels, classes)).to(device)
        self.training = [one.fold.train_index for one in data]
        self.held = [one.fold.score_index["validation"] for one in data]
        self.widths = [max(map(len, rows)) for rows in (self.training, self.held)]  # the same when some have stopped
        self.batch_size, self.rngs, self.bundle, self.device = batch_size, rngs, bundle, device

    def batches(self, epoch: int) -> Iterator[training.Batch]:
        """Yield the training rows of the models held, in random order."""
        rows = [self.rngs[model].permutation(self.training[model]) for model in self.bundle.active.tolist()]
        width = -(-self.widths[0] // self.batch_size) * self.batch_size
        yield from self._batches(rows, width, self.batch_size)

    def validation(self) -> Iterator[training.Batch]:
        """Yield all validation rows of the models held, as one batch."""
        rows = [self.held[model] for model in self.bundle.active]
        yield from self._batches(rows, self.widths[1], self.widths[1])

    def _batches(self, rows: list[NDArray[np.int64]], width: int, batch_size: int) -> Iterator[training.Batch]:
        counts = np.array([len(own) for own in rows])
        index = torch.from_numpy(np.stack([np.resize(own, width) for own in rows])).to(self.device)
        weights = torch.from_numpy((np.arange(width) < counts[:, None]).astype(np.float32)).to(self.device)
        fold = torch.from_numpy(self.fold[self.bundle.active])[:, None].to(self.device)
        for start in range(0, width, batch_size):
            batch = index[:, start : start + batch_size]
            yield self.values[fold, batch], self.targets[batch], weights[:, start : start + batch_size]


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
    n_features : int
        Inputs of the first layer.
    widths : sequence of 2 ints
        Units of the hidden layers.
    classes : sequence of int
        In the target's unit, ascending.
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
        self,
        scheme: str,
        n_features: int,
        widths: Sequence[int],
        classes: Sequence[int],
        dropouts: Sequence[float],
        rngs: Sequence[np.random.Generator],
    ) -> None:
        super().__init__()
        self.models, self.scheme = len(rngs), scheme
        self.active = np.arange(self.models)
        sides = [n_features, *widths, target.output_width(scheme, classes)]
        for layer, (fan_in, fan_out) in enumerate(zip(sides[:-1], sides[1:], strict=True), start=1):
            for name, rows in (("weight", fan_in), ("bias", 1)):
                values = np.stack([_uniform(rng, (rows, fan_out), fan_in**-0.5) for rng in rngs])
                self.register_parameter(f"{name}{layer}", nn.Parameter(torch.from_numpy(values)))
        self.dropout = StackedDropout(dropouts, rngs)
        if scheme == "regression":
            self.degrees = LabelScaling((self.models, 1, 1))
        self._saved = {name: torch.full_like(part, torch.nan) for name, part in self.state_dict().items()}

    def network(self, inputs: Tensor) -> Tensor:
        """Map (models, batch, in) to (models, batch, outputs)."""
        return self(inputs)

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
        """Take mean and standard deviation of the training labels, one array a model; only regression uses them."""
        if self.scheme == "regression":
            self.degrees.fit(labels)
            self._saved |= {f"degrees.{name}": part.clone() for name, part in self.degrees.named_buffers()}

    def save_weights(self, which: NDArray[np.bool_]) -> None:
        """Remember the present weights of some models; which: (models,)."""
        if not which.any():
            return
        rows = torch.from_numpy(np.flatnonzero(which[self.active]))
        models = torch.from_numpy(self.active[which[self.active]])
        for name, part in self.state_dict().items():
            saved = self._saved[name]
            saved[models.to(saved.device)] = part[rows.to(part.device)].to(saved.device)

    @torch.no_grad()
    def narrow(self, which: NDArray[np.bool_]) -> None:
        """Hold some of the models held; which: (n_active,). The parameters stay the same objects."""
        rows = torch.from_numpy(np.flatnonzero(which))
        self.active = self.active[which]
        self.dropout.narrow(which)
        self._replace(lambda name, part: part[rows.to(part.device)])

    @torch.no_grad()
    def restore_weights(self) -> None:
        """Hold all models again with the weights saved last, NaN where none were; evaluation mode."""
        self.active = np.arange(self.models)
        self._replace(lambda name, part: self._saved[name].to(part.device))
        self.eval()

    def parameters_by_model(self) -> list[dict[str, NDArray[np.float32]]]:
        """Return the arrays of each model held: weights (in, out), all else flat."""
        parts = {name.rpartition(".")[2]: part.cpu().numpy() for name, part in self.state_dict().items()}
        flat = {
            name: part if name.startswith("weight") else part.reshape(len(part), -1) for name, part in parts.items()
        }
        return [{name: part[model].copy() for name, part in flat.items()} for model in range(len(self.active))]

    def _replace(self, tensor_of: Callable[[str, Tensor], Tensor]) -> None:
        for name, part in [*self.named_parameters(), *self.named_buffers()]:
            part.grad = None
            part.data = tensor_of(name, part.detach()).clone()


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

    def narrow(self, which: NDArray[np.bool_]) -> None:
        """Hold some of the models; which: (n_active,)."""
        self._kept, self._drawn = self._kept[which], self._drawn[which]
        self._rngs = [rng for rng, held in zip(self._rngs, which, strict=True) if held]


def _uniform(rng: np.random.Generator, shape: tuple[int, int], bound: float) -> NDArray[np.float32]:
    """Draw uniformly in -bound..bound: PyTorch's own first weights and biases of a linear layer."""
    return (2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(bound)
