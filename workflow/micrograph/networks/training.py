"""The one training loop: fine-tuned networks, MLPs by the dozen, networks that learn without labels.

It knows bundles (bundles.py), batches and a loss, and nothing of pictures or temperatures.
"""

import ctypes
from contextlib import contextmanager, nullcontext
from functools import cache

import numpy as np
import torch

from micrograph.errors import UserError, lookup
from micrograph.networks.device import deterministic, seeded

NAMES = ("train_loss", "validation_loss", "validation_accuracy")
CROWDED = 0.75  # a bundle is narrowed when fewer than this share of its models still learn
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
FULL = ("allocate memory", "not enough memory", "out of memory")  # what PyTorch says then


class Diverged(UserError):
    """The loss is no longer a number."""


def fit(bundle, batches, validation, loss, *, learning_rate, epochs, patience, rng, keep="best", validate_in="eval",
        score=None, what="training", key="training", lower=(), names=NAMES, precision=torch.float32, threads=1,
        every=1):  # fmt: skip
    """Train all models of a bundle together and put the kept weights of each back into it. Returns the curve.

    batches(epoch), validation(): iterables of (inputs (M, B, ...), targets (M, B, ...), weights (M, B)) on the
    training device, for the models that bundle.here names; validation None: nothing is validated, the last weights
    are kept. loss(outputs, targets, weights): (M,), a mean over the batch (heads.loss); score: the same shape, for
    the curve alone (heads.accuracy). Adam, fused.
    A model stops when its validation loss has not fallen for `patience` epochs; after `epochs` all do. keep: best,
    the weights of its lowest validation loss; last, those it stopped with, as the paper.
    validate_in: eval, or train, the paper's way: dropout and batch statistics as in training, and the running
    statistics take the validation batches in.
    rng: numpy Generator, for dropout; precision: a torch dtype, bfloat16 computes in it with float32 weights; threads:
    of the processor; what: names the fit in the log, a line every `every` epochs; key: its settings in config.yaml;
    lower: the settings that save memory (else `key`.batch); names: what the log calls losses and score.

    The curve is a list of dicts: model, epoch (from 0), train_loss, validation_loss, validation_accuracy, kept (1 for
    the epoch whose weights are kept, else 0). A model whose loss stops being a number stops there; Diverged is raised
    when all did and none has kept weights, UserError where memory runs out.
    """
    mode = lookup(validate_in, {"eval": bundle.eval, "train": bundle.train}, "validation mode")
    watch = Watch(bundle.models, patience, "last" if validation is None else keep)
    optimiser = Adam(bundle.parameters(), learning_rate)
    keep_memory()
    curve = []
    with deterministic(threads), seeded(rng), explained(what, *(lower or [f"{key}.batch"])):
        for epoch in range(epochs):
            bundle.train()
            passed = _pass(bundle, batches(epoch), loss, None, precision, optimiser)[:1]
            mode()
            if validation is not None:
                with torch.no_grad():
                    passed += _pass(bundle, validation(), loss, score, precision)
            passed, seen = [_spread(values, bundle) for values in passed], watch.learning
            bundle.keep(watch.see(epoch, *passed[:2], final=epoch == epochs - 1))
            curve += _rows(epoch, passed, seen)
            if epoch % every == 0 or not watch.learning.any():
                print(_line(what, epoch, epochs, zip(names, passed, strict=False), watch), flush=True)
            if not watch.learning.any():
                break
            _narrow(bundle, optimiser, watch.learning[bundle.here])
        _judged(watch, what, key)
        bundle.restore()
    return [{**row, "kept": int(row["epoch"] == watch.kept[row["model"]])} for row in curve]


class Adam:
    """Adam with PyTorch's usual constants, by the kernel of torch.optim.Adam(fused=True): the same numbers.

    torch.optim imports PyTorch's compiler, which takes a second, and more time over a small network than its kernel.
    """

    def __init__(self, parameters, learning_rate):
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self.means, self.squares = ([torch.zeros_like(part) for part in self.parameters] for _ in range(2))
        self.steps = [torch.zeros((), device=part.device) for part in self.parameters]

    def zero_grad(self):
        """Forget the gradients."""
        for part in self.parameters:
            part.grad = None

    @torch.no_grad()
    def step(self):
        """Change every parameter that has a gradient."""
        states = zip(self.parameters, self.means, self.squares, self.steps, strict=True)
        held = [(part, part.grad, *state) for part, *state in states if part.grad is not None]
        parameters, gradients, means, squares, steps = map(list, zip(*held, strict=True))
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            parameters, gradients, means, squares, [], steps, amsgrad=False, maximize=False, weight_decay=0.0,
            lr=self.learning_rate, beta1=0.9, beta2=0.999, eps=1e-8,
        )  # fmt: skip

    def narrow(self, rows):
        """Go on with some of the models whose parameters are stacked. rows: their places, a tensor."""
        for states in (self.means, self.squares):
            states[:] = [state[rows.to(state.device)] for state in states]


@cache
def keep_memory():
    """Let this process keep the memory that a step frees for the next one, where the C library can (glibc).

    Else large arrays are given back at once, and the system has to clear every page again: a tenth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(option, 1 << 30)


class Watch:
    """Which models still learn, and the epoch whose weights each keeps (-1: none)."""

    def __init__(self, models, patience, keep):
        self.patience = patience
        self.rule = lookup(keep, {"best": self._better, "last": self._ending}, "rule of the kept weights")
        self.least = np.full(models, np.inf)
        self.best, self.kept = np.full(models, -1), np.full(models, -1)
        self.learning = np.ones(models, bool)
        self.diverged, self.ending = np.zeros(models, bool), np.zeros(models, bool)

    def see(self, epoch, trained, held=None, final=False):
        """Take in an epoch's losses in training and, where there is one, in validation, each (models,).

        Returns (models,) bool: whose present weights are to be kept. final: nobody learns after this epoch.
        """
        sound = np.isfinite(trained if held is None else trained + held)
        self.diverged |= self.learning & ~sound
        going = self.learning & sound
        better = going if held is None else going & (np.nan_to_num(held, nan=np.inf) < self.least)
        self.best[better] = epoch
        if held is not None:
            self.least[better] = held[better]
        self.ending = going & ((epoch - self.best >= self.patience) | final)
        self.learning = going & ~self.ending
        chosen = self.rule(better)
        self.kept[chosen] = epoch
        return chosen

    def _better(self, better):
        return better

    def _ending(self, better):
        return self.ending


def _pass(bundle, batches, loss, score, precision, optimiser=None):
    """One pass over the batches, with a step after each where there is an optimiser: (loss, score), each (M,)."""
    sums, count = [0.0, 0.0], 0.0
    for inputs, targets, weights in batches:
        with _cast(inputs, precision):
            outputs = bundle.network(inputs)
        each = loss(outputs.float(), targets, weights)
        if optimiser is not None:
            optimiser.zero_grad()
            each.sum().backward()
            optimiser.step()
        rows = weights.sum(1)
        sums[0], count = sums[0] + each.detach() * rows, count + rows
        if score is not None:
            sums[1] = sums[1] + score(outputs, targets, weights) * rows
    nothing = np.full(len(count), np.nan)
    return [(part / count).double().cpu().numpy() if torch.is_tensor(part) else nothing for part in sums]


def _cast(inputs, precision):
    """Arithmetic in `precision` for the block."""
    return nullcontext() if precision is torch.float32 else torch.autocast(inputs.device.type, dtype=precision)


def _spread(values, bundle):
    """(models,) from the values of the models held; NaN for the others."""
    full = np.full(bundle.models, np.nan)
    full[bundle.here] = values
    return full


def _narrow(bundle, optimiser, learning):
    """Drop the models that have stopped, once they are many, from the bundle and from Adam's averages."""
    if learning.mean() >= CROWDED:
        return
    bundle.narrow(learning)
    optimiser.narrow(torch.from_numpy(np.flatnonzero(learning)))


def _rows(epoch, passed, seen):
    """The curve's rows of the models that learnt in this epoch."""
    columns = dict(zip(NAMES, passed, strict=False))
    nothing = np.full(len(seen), np.nan)
    return [
        {"model": int(model), "epoch": epoch, **{name: float(columns.get(name, nothing)[model]) for name in NAMES}}
        for model in np.flatnonzero(seen)
    ]


def _judged(watch, what, key):
    """Say what became of models whose loss stopped being a number; Diverged where that is all there is."""
    if not watch.diverged.any():
        return
    saved = watch.kept >= 0
    if watch.diverged.all() and not saved.any():
        raise Diverged(f"{what}: the loss is no longer a number; lower {key}.learning_rate.")
    lost, kept = watch.diverged.sum(), (watch.diverged & saved).sum()
    print(
        f"{what}: the loss stopped being a number in {lost} of {len(saved)} models; {kept} of these keep the weights "
        f"of an earlier epoch (lower {key}.learning_rate to have all).",
        flush=True,
    )


def _line(what, epoch, epochs, passed, watch):
    """The line of an epoch in the log; of several models, their medians."""
    shown = [
        f"{name.replace('_', ' ')} {np.nanmedian(values):.4g}" for name, values in passed if not np.isnan(values).all()
    ]
    many = f"{watch.learning.sum()} of {len(watch.learning)} models go on"
    return ", ".join([f"{what}: epoch {epoch + 1} of {epochs}", *shown, *[many] * (len(watch.learning) > 1)])


@contextmanager
def explained(what, *lower):
    """Where memory runs out in the block, a UserError that says which settings to lower."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        full = isinstance(error, MemoryError) or any(words in str(error) for words in FULL)
        if not full:
            raise
        raise UserError(f"{what}: not enough memory; lower {' or '.join(lower)}.") from None


class Single:
    """A bundle of one network. Weights and buffers (batch statistics) are kept and restored."""

    models = 1

    def __init__(self, module):
        self.module, self.here, self._kept = module, np.arange(1), None

    def network(self, inputs):
        """(1, B, ...) to (1, B, outputs)."""
        return self.module(inputs[0])[None]

    def parameters(self):
        """The parameters that are trained."""
        return [part for part in self.module.parameters() if part.requires_grad]

    def train(self):
        """Dropout and batch statistics as in training."""
        self.module.train()

    def eval(self):
        """No dropout, stored batch statistics."""
        self.module.eval()

    def keep(self, which):
        """Remember the present weights where which[0] is set."""
        if which[0]:
            self._kept = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}

    def narrow(self, which):
        """One network cannot be fewer."""

    def restore(self):
        """Put the weights that were kept last back, if there are any; evaluation mode."""
        if self._kept is not None:
            self.module.load_state_dict(self._kept)
            self._kept = None
        self.eval()
