"""The MLP on features: all folds and settings of a fit trained together, and its models, choices and predictions.

Models of one shape, learning rate, batch and number of steps an epoch make a bundle, under published also of one
number of validation rows; each is what it would be alone.
What is stored of a model is numbers and settings: it answers without torch.
"""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import torch
from torch import nn

from micrograph import io, target
from micrograph.errors import UserError, lookup
from micrograph.networks import heads, training
from micrograph.networks.device import device_of
from micrograph.networks.heads import Degrees
from micrograph.splits import model_selection, prediction_table, protocols, splitters

TOGETHER = {"cpu": 32, "cuda": 256}  # models in a bundle; more gain nothing and take memory
EVERY = 50  # epochs between lines in the log

# The paper's: dropout, batch, l1, l2, in this order.
PUBLISHED = ([0, 0.2, 0.35, 0.5], [16, 32, 100], [600, 400, 300, 200], [150, 100, 50])


@dataclass(frozen=True)
class MLP:
    """A fitted MLP: scheme and classes (Celsius), the settings that made it, its numbers by name (float32).

    Numbers: mean and std of the features (0 and 1 where they are taken raw), weight1 .. bias3, and for regression
    centre and spread in Celsius.
    """

    scheme: str
    classes: list
    settings: dict
    numbers: dict

    def outputs(self, values):
        """(n, outputs), as schemes.decode wants them, of features (n, width)."""
        part = {name: array.astype(float) for name, array in self.numbers.items()}
        hidden = (np.asarray(values, dtype=float) - part["mean"]) / part["std"]
        for layer in "12":
            hidden = np.maximum(hidden @ part[f"weight{layer}"] + part[f"bias{layer}"], 0)
        found = hidden @ part["weight3"] + part["bias3"]
        ends = {
            "nnrank": lambda: 0.5 * (1 + np.tanh(found / 2)),
            "regression": lambda: part["centre"] + part["spread"] * found,
        }
        return ends.get(self.scheme, lambda: found)()

    def answer(self, values):
        """(predicted_celsius, value_celsius, scores) of features (n, width), NaN where there are no finite outputs; see
        schemes.decode."""
        with np.errstate(invalid="ignore", over="ignore"):
            outputs = self.outputs(values)
        sound = np.isfinite(outputs).all(axis=1)
        found = target.decode(self.scheme, np.where(sound[:, None], outputs, 0), self.classes)
        return tuple(np.where(sound.reshape(-1, *[1] * (part.ndim - 1)), part, np.nan) for part in found)

    def learned(self):
        """Whether there are weights: none are where the loss was never a number."""
        return all(np.isfinite(array).all() for array in self.numbers.values())


def points(settings, search):
    """The settings searched, a list of dicts: learning_rate, batch, dropout, widths; the first of equals is taken.

    settings: training.mlp of the scheme. default: the configured point, then its neighbours in dropout and in a
    learning rate of a quarter; published: the paper's 144 in its order, at the configured learning rate.
    """
    return lookup(search, {"default": _neighbours, "published": _all}, "search")(settings)


def _neighbours(settings):
    rate, dropouts = settings["learning_rate"], [settings["dropout"], 0.2, 0.5]
    fixed = {"batch": settings["batch"], "widths": list(settings["widths"])}
    return [
        {"learning_rate": rate, "dropout": dropout, **fixed}
        for rate, dropout in product([rate, rate / 4], dict.fromkeys(dropouts))
    ]


def _all(settings):
    rate = settings["learning_rate"]
    return [
        {"learning_rate": rate, "dropout": dropout, "batch": batch, "widths": [first, second]}
        for dropout, batch, first, second in product(*PUBLISHED)
    ]


def fit_study(
    names, copies, scores, table, *, protocol, policy, scheme, classes, search, settings, rng, device="auto", threads=1
):  # fmt: skip
    """Choose, train and score the MLP on every fold; returns a waist.Study whose models are Perceptrons.

    names, copies: (n,), the sample and copy of every row; scores: K arrays (n, k_i), fold i's features of all n; table:
    the splits (splits.deal); protocol: its name; policy: aug1 ... aug4; scheme: of schemes.py; classes:
    growth temperatures in Celsius; search: default or published; settings: training.mlp of the scheme, with epochs and
    patience; rng: numpy Generator; device: auto, cpu or cuda; threads: of the processor, which change no result.

    strict: features standardised on the training rows; validated without dropout, the best weights kept. published:
    features raw, validated with dropout, the last weights kept, as the paper. Which point a fold takes and uses:
    choosing.py. Predictions of a point that is used and was chosen elsewhere come from the model trained there too. A
    model whose loss was never a number answers NaN; UserError where a fold would use one.
    """
    folds = prediction_table.make_folds(names, copies, table, protocol=protocol, policy=policy, rng=rng)
    if len(scores) != len(folds):
        raise UserError(
            f"the features hold {len(scores)} folds, the splits {len(folds)}: make both with one splits.folds."
        )
    grid = points(settings, search)
    data = [_prepared(values, fold, protocol) for values, fold in zip(scores, folds, strict=True)]
    how = {"device": device_of(device), "threads": threads, **protocols.parse(protocol).way}
    how |= {name: settings[name] for name in ("epochs", "patience")}
    made = _train(data, grid, scheme, list(classes), how)
    chosen = _chosen(data, made, len(grid), protocol)
    used = model_selection.refit_choice(chosen, protocol)
    fitted = {one.fold.number: made[one.fold.number, point] for one, point in zip(data, used, strict=True)}
    for fold, model in fitted.items():
        if not model.learned():
            key = f"training.mlp.{scheme}.learning_rate"
            raise UserError(f"MLP {scheme} of fold {fold}: the loss is no longer a number; lower {key}.")
    frames = []
    for one, choice in zip(data, chosen, strict=True):
        for part in splitters.PARTS:
            model = made[one.fold.number, choice.point] if part == "validation" else fitted[one.fold.number]
            answer = model.answer(one.raw[one.fold.parts[part]])
            frames.append(prediction_table.prediction_frame(one.fold, part, *answer, classes, one.raw.shape[1]))
    return prediction_table.Study(
        fitted, prediction_table.choices(chosen, used, grid), prediction_table.predictions(frames)
    )


@dataclass(frozen=True)
class Data:
    """One fold's features as they came, (n, k), and the mean and std (k,) that the network sees them by."""

    fold: prediction_table.Fold
    raw: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def seen(self):
        """(n, k) float32."""
        return ((self.raw - self.mean) / self.std).astype(np.float32)


def _prepared(values, fold, protocol):
    """The Data of one fold."""
    values = np.asarray(values, dtype=float)
    mean, std = np.zeros(values.shape[1]), np.ones(values.shape[1])
    if protocols.parse(protocol).dress == "strict":
        rows = np.unique(fold.training)
        mean, std = values[rows].mean(axis=0), values[rows].std(axis=0)
    return Data(fold, values, mean, np.where(std > 0, std, 1.0))


def _chosen(data, made, count, protocol):
    """The Choice of every fold among its models, one for each of `count` grid points."""
    held = [one.fold.parts[protocols.parse(protocol).chooser] for one in data]
    predicted = [
        np.stack([made[one.fold.number, point].answer(one.raw[rows])[0] for point in range(count)])
        for one, rows in zip(data, held, strict=True)
    ]
    truths = [one.fold.rows.labels[rows] for one, rows in zip(data, held, strict=True)]
    return model_selection.select(predicted, truths, protocol)


def _train(data, grid, scheme, classes, how):
    """{(fold, point): Perceptron} of all folds and points. how: settings of the loop, and the device."""
    groups = defaultdict(list)
    for one in data:
        for point, chosen in enumerate(grid):
            steps = -(-len(one.fold.training) // chosen["batch"])
            # In training mode validation draws dropout too, for every row of its batch: a padded one would draw more.
            held = len(one.fold.parts["validation"]) if how["validate_in"] == "train" else 0
            shape = (one.raw.shape[1], steps, held, chosen["learning_rate"], chosen["batch"], *chosen["widths"])
            groups[shape].append((one, point))
    size, made = TOGETHER[how["device"].type], {}
    parts = [group[start : start + size] for group in groups.values() for start in range(0, len(group), size)]
    for number, members in enumerate(parts, start=1):
        what = f"MLP {scheme}, bundle {number} of {len(parts)}"
        found = _together(members, grid, scheme, classes, what=what, **how)
        for (one, point), numbers in zip(members, found, strict=True):
            numbers |= {"mean": one.mean.astype(np.float32), "std": one.std.astype(np.float32)}
            model = made[one.fold.number, point] = MLP(scheme, classes, grid[point], numbers)
            if not model.learned():
                told = json.dumps(grid[point])
                print(f"MLP {scheme} of fold {one.fold.number}, {told}: the loss is no longer a number.", flush=True)
    return made


def _together(members, grid, scheme, classes, *, device, **how):
    """Train one bundle: its models' numbers, one dict each. members: (Data, point) of each model, all of one shape."""
    data, chosen = [one for one, _ in members], [grid[point] for _, point in members]
    seeds = [np.random.default_rng([one.fold.seed, point]) for one, point in members]
    weights, orders = zip(*(rng.spawn(2) for rng in seeds), strict=True)
    dropouts = [point["dropout"] for point in chosen]
    width, first = data[0].raw.shape[1], chosen[0]
    bundle = Stacked(scheme, width, first["widths"], classes, dropouts, weights).to(device)
    bundle.measure([one.fold.rows.labels[one.fold.training] for one in data])
    feed = Feed(data, scheme, classes, first["batch"], orders, bundle, device)
    rate, loss = first["learning_rate"], heads.loss(scheme)
    key = f"training.mlp.{scheme}"
    try:
        training.fit(
            bundle, feed.batches, feed.validation, loss, learning_rate=rate, rng=seeds[0], key=key, every=EVERY, **how
        )
    except training.Diverged:
        bundle.restore()
    return bundle.numbers()


class Feed:
    """Batches of a bundle's models: each has its own fold, its own order of rows, and rows of weight 0 at the end."""

    def __init__(self, data, scheme, classes, batch, orders, bundle, device):
        """data: a Data a model; orders: a numpy Generator a model; bundle: whose `here` says which models are held."""
        folds = {one.fold.number: one for one in data}
        place = {number: row for row, number in enumerate(folds)}
        self.fold = np.array([place[one.fold.number] for one in data])
        self.values = torch.from_numpy(np.stack([one.seen() for one in folds.values()])).to(device)
        labels = data[0].fold.rows.labels
        self.targets = torch.from_numpy(target.encode(scheme, labels, classes)).to(device)
        self.training = [one.fold.training for one in data]
        self.held = [one.fold.parts["validation"] for one in data]
        self.widths = [max(map(len, parts)) for parts in (self.training, self.held)]  # the same when some have stopped
        self.batch, self.orders, self.bundle, self.device = batch, orders, bundle, device

    def batches(self, epoch):
        """The training rows of the models held, shuffled, batch by batch."""
        rows = [self.orders[model].permutation(self.training[model]) for model in self.bundle.here]
        width = -(-self.widths[0] // self.batch) * self.batch
        yield from self._taken(rows, width, self.batch)

    def validation(self):
        """All validation rows of the models held, as one batch."""
        rows = [self.held[model] for model in self.bundle.here]
        yield from self._taken(rows, self.widths[1], self.widths[1])

    def _taken(self, rows, width, batch):
        counts = np.array([len(few) for few in rows])
        index = torch.from_numpy(np.stack([np.resize(few, width) for few in rows])).to(self.device)
        weights = torch.from_numpy((np.arange(width) < counts[:, None]).astype(np.float32)).to(self.device)
        fold = torch.from_numpy(self.fold[self.bundle.here])[:, None].to(self.device)
        for start in range(0, width, batch):
            here = index[:, start : start + batch]
            yield self.values[fold, here], self.targets[here], weights[:, start : start + batch]


def write_models(path, models):
    """Write fold -> Perceptron as one .safetensors, settings inside; the same models give the same bytes."""
    from safetensors.numpy import save

    told = {str(fold): {k: v for k, v in asdict(model).items() if k != "numbers"} for fold, model in models.items()}
    numbers = {f"{fold}.{name}": array for fold, model in models.items() for name, array in model.numbers.items()}
    stored = save(numbers, metadata={"micrograph": json.dumps(told)})
    with io.atomic_write(path) as partial:
        partial.write_bytes(stored)


def read_models(path):
    """Read what write_models wrote: fold -> Perceptron. Raises UserError for another file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as opened:
            told = json.loads((opened.metadata() or {}).get("micrograph", "{}"))
            stored = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); fit the MLP anew.") from None
    if not told or not all(isinstance(one, dict) and "scheme" in one for one in told.values()):
        raise UserError(f"{path}: holds no MLPs of this pipeline; name a file that its fit wrote.")
    numbers = defaultdict(dict)
    for name, array in stored.items():
        fold, _, which = name.partition(".")
        numbers[fold][which] = array
    return {int(fold): MLP(**one, numbers=numbers[fold]) for fold, one in told.items()}


DRAWN = 1 << 14  # random numbers drawn ahead for each model


class Stacked(nn.Module):
    """A bundle of M multilayer perceptrons: Linear(in, l1) ReLU Linear(l1, l2) ReLU Dropout Linear(l2, outputs).

    Weights are (M, in, out), biases (M, 1, out). Each model has a dropout and random numbers of its own: trained in a
    bundle or alone it becomes the same model, up to the rounding of sums. nnrank ends in a sigmoid, regression in
    degrees Celsius (`measure` takes the training labels).
    """

    def __init__(self, scheme, width_in, widths, classes, dropouts, rngs):
        """scheme: of schemes.py; widths: (l1, l2); dropouts: (M,) in 0..1; rngs: M numpy Generators, weights first."""
        super().__init__()
        self.models, self.scheme = len(rngs), scheme
        self.here = np.arange(self.models)
        sides = [width_in, *widths, target.output_width(scheme, classes)]
        for layer, (fan, out) in enumerate(zip(sides[:-1], sides[1:], strict=True), start=1):
            for name, rows in (("weight", fan), ("bias", 1)):
                values = np.stack([_uniform(rng, (rows, out), fan**-0.5) for rng in rngs])
                self.register_parameter(f"{name}{layer}", nn.Parameter(torch.from_numpy(values)))
        self.masks = Masks(dropouts, rngs)
        if scheme == "regression":
            self.degrees = Degrees((self.models, 1, 1))
        self._kept = {name: torch.full_like(part, torch.nan) for name, part in self.state_dict().items()}

    def network(self, inputs):
        """(M, B, in) to (M, B, outputs)."""
        return self(inputs)

    def forward(self, inputs):
        hidden = torch.relu(torch.baddbmm(self.bias1, inputs, self.weight1))
        hidden = torch.relu(torch.baddbmm(self.bias2, hidden, self.weight2))
        if self.training:
            hidden = self.masks(hidden)
        return self._ended(torch.baddbmm(self.bias3, hidden, self.weight3))

    def _ended(self, outputs):
        if self.scheme == "nnrank":
            return torch.sigmoid(outputs)
        return self.degrees(outputs) if self.scheme == "regression" else outputs

    def measure(self, labels):
        """Take in the training labels in Celsius, one array a model: before training for regression, else unused."""
        if self.scheme == "regression":
            self.degrees.measure(labels)
            self._kept |= {f"degrees.{name}": part.clone() for name, part in self.degrees.named_buffers()}

    def keep(self, which):
        """Remember the present weights of the models with these numbers. which: (models,) bool."""
        if not which.any():
            return
        rows = torch.from_numpy(np.flatnonzero(which[self.here]))
        places = torch.from_numpy(self.here[which[self.here]])
        for name, part in self.state_dict().items():
            kept = self._kept[name]
            kept[places.to(kept.device)] = part[rows.to(part.device)].to(kept.device)

    @torch.no_grad()
    def narrow(self, which):
        """Go on with some of the models held. which: (M,) bool; the parameters stay the same objects."""
        rows = torch.from_numpy(np.flatnonzero(which))
        self.here = self.here[which]
        self.masks.narrow(which)
        self._hold(lambda name, part: part[rows.to(part.device)])

    @torch.no_grad()
    def restore(self):
        """Hold all models again, each with the weights kept last, NaN where none ever were; evaluation mode."""
        self.here = np.arange(self.models)
        self._hold(lambda name, part: self._kept[name].to(part.device))
        self.eval()

    def numbers(self):
        """What each model held is made of: a dict of numpy arrays each, weights (in, out), all else flat."""
        parts = {name.rpartition(".")[2]: part.cpu().numpy() for name, part in self.state_dict().items()}
        flat = {
            name: part if name.startswith("weight") else part.reshape(len(part), -1) for name, part in parts.items()
        }
        return [{name: part[model].copy() for name, part in flat.items()} for model in range(len(self.here))]

    def _hold(self, chosen):
        for name, part in [*self.named_parameters(), *self.named_buffers()]:
            part.grad = None
            part.data = chosen(name, part.detach()).clone()


class Masks:
    """Dropout with a probability and a stream of random numbers for each of M models."""

    def __init__(self, dropouts, rngs):
        """dropouts: (M,) probabilities; rngs: M numpy Generators, or none where nothing is ever dropped."""
        self.kept = 1 - np.asarray(dropouts, dtype=np.float32)
        self.rngs, self.used = list(rngs), 0
        self.drawn = np.empty((len(self.rngs), 0), np.float32)

    def __call__(self, hidden):
        """(M, B, width): each value kept with its model's probability and divided by it, else 0."""
        if (self.kept == 1).all():
            return hidden
        count = hidden[0].numel()
        if self.used + count > self.drawn.shape[1]:
            ahead = max(count, DRAWN)
            self.drawn, self.used = np.stack([rng.random(ahead, dtype=np.float32) for rng in self.rngs]), 0
        drawn = self.drawn[:, self.used : self.used + count]
        self.used += count
        kept = self.kept[:, None]
        factors = np.where(drawn < kept, 1 / np.maximum(kept, 1e-6), 0).astype(np.float32)
        return hidden * torch.from_numpy(factors).to(hidden.device).reshape(hidden.shape)

    def narrow(self, which):
        """Go on with some of the models. which: (M,) bool."""
        self.kept, self.drawn = self.kept[which], self.drawn[which]
        self.rngs = [rng for rng, stays in zip(self.rngs, which, strict=True) if stays]


def _uniform(rng, shape, bound):
    """Uniform in -bound..bound, float32: PyTorch's own first weights and biases of a linear layer."""
    return (2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(bound)
