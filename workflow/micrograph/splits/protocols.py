"""Protocols by name: how samples are split, which leaks there are, and what is varied.

A name is a base, switches that are added to it or removed from it, and variations:

    strict   published   strict+pca_on_all   published-ungrouped   strict.repeat1.seed2   published.shuffled_films2

Switches are the leaks of the paper's procedure and further errors, which its code record (Zenodo 10534837) has and its
text does not mention. `strict` has none, `published` (the paper as its text reads) the leaks, `as_run` (the paper as
its notebooks ran) the errors, too. A stage of the workflow sees a protocol only as far as its switches affect that
stage (`as_seen_by`), so that two protocols which differ later share its files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from micrograph.errors import UserError, lookup

# Name of a leak, in the order of protocols' names: what it does.
LEAKS = {
    "features_from_one_fold": "fine-tuned features of all folds come from the network of the last fold",
    "pca_on_all": "principal components are fitted on all samples, those to be tested included",
    "scaler_on_validation": "features are scaled by their values on training and validation samples",
    "selection_on_reported_split": "settings are selected on the samples whose accuracy is reported",
    "validation_in_train_mode": "the validation loss is computed with dropout and batch statistics as in training",
    "last_checkpoint": "a network keeps its last weights, not its best",
    "ungrouped": "samples of one growth day may be on both sides of a split",
}

# The same for the errors of the notebooks.
NOTEBOOK_ERRORS = {
    "aug1_wrong_scan": "the crops of aug1 show the scan of another sample",
    "aug1_one_crop": "all crops of a sample under aug1 are one and the same",
    "aug2_range": "AutoAugment's images enter the network of the features in 0..255, micrographs in 0..1",
    "one_component_fewer": "one principal component fewer is kept than reaches the share of variance",
    "features_not_normalised": "fine-tuned features come from images without the normalisation of training",
    "target_not_scaled": "networks learn values in their own unit, not standardised ones",
    "nnrank_loss_summed": "the loss of nnrank is a sum over the minibatch, not a mean",
}
SWITCHES = LEAKS | NOTEBOOK_ERRORS
# Policy and head of the networks that an error affects; None: any.
AFFECTED_NETWORKS: dict[str, tuple[str | None, str | None]] = {
    "aug1_wrong_scan": ("aug1", None),
    "aug1_one_crop": ("aug1", None),
    "aug2_range": ("aug2", "tuned"),
    "features_not_normalised": (None, "tuned"),
    "target_not_scaled": (None, "regression"),
    "nnrank_loss_summed": (None, "nnrank"),
}


class _Base(NamedTuple):
    switches: Mapping[str, str]
    estimators: str  # strict or published: variants of models, grids and images
    reported_split: str


PROTOCOLS = {
    "strict": _Base({}, "strict", "test"),
    "published": _Base(LEAKS, "published", "validation"),
    "as_run": _Base(SWITCHES, "published", "validation"),
    "by_operator": _Base({}, "strict", "test"),
    "by_date": _Base({}, "strict", "test"),
    "later_days": _Base({}, "strict", "test"),
}
PRIMARY = ("strict", "by_date")  # what may split the samples of the protocol strict
# The leaks that affect a stage or one before it.
STAGES = {
    "splits": {"ungrouped"},
    "components": {"ungrouped", "pca_on_all", "one_component_fewer"},
    "networks": {"ungrouped", "validation_in_train_mode", "last_checkpoint"},
    "tuned": {"ungrouped", "validation_in_train_mode", "last_checkpoint", "features_from_one_fold"},
}
# The leaks that can change the predictions of a model on these features.
PREDICTION_LEAKS = {
    "image": STAGES["networks"] | {"selection_on_reported_split"},
    "tuned": STAGES["tuned"] | {"selection_on_reported_split", "scaler_on_validation"},
    "components": STAGES["components"] | {"selection_on_reported_split", "scaler_on_validation"},
}
# The leaks in how networks are trained and used.
NETWORK_LEAKS = STAGES["tuned"] - STAGES["splits"]
VARIATIONS = ("repeat", "seed", "shuffled_films", "shuffled_batches", "share")
UNSEEDED = ("splits", "components")  # stages that the seed of training does not affect
WHOLE = 100  # percent

# Regular expression of a name, for wildcards too.
PATTERN = rf"(?:{'|'.join(PROTOCOLS)})(?:[+-](?:{'|'.join(SWITCHES)}))*(?:\.(?:{'|'.join(VARIATIONS)})\d+)*"


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Parameters
    ----------
    base : str
        Of `PROTOCOLS`.
    leaks : frozenset of str
        Its switches, of `LEAKS` and `NOTEBOOK_ERRORS`.
    repeat : int, default 0
        Repeat of the cross-validation, each with new splits.
    seed : int, default 0
        Seed of networks and of models that draw random numbers, on the same splits.
    shuffled : {"films", "batches"} or None, default None
        Units between which the labels are permuted.
    permutation : int, default 0
        Number of the permutation, from 1.
    share : int, default 100
        Percentage of each fold's training batches that is kept; 0: none, for networks that learned the target before.
    """

    base: str
    leaks: frozenset[str]
    repeat: int = 0
    seed: int = 0
    shuffled: str | None = None
    permutation: int = 0
    share: int = WHOLE

    @property
    def estimators(self) -> str:
        """Variant of models, grids and images: ``strict`` or ``published``."""
        return PROTOCOLS[self.base].estimators

    @property
    def reported_split(self) -> str:
        """The split whose accuracy the protocol reports: ``test`` or ``validation``."""
        return PROTOCOLS[self.base].reported_split

    @property
    def selection_split(self) -> str:
        """The split on which a fold compares the points of its grid.

        With the leak ``selection_on_reported_split`` it is the reported one. published without it also compares on
        validation samples, but on those of the other folds (:func:`micrograph.splits.model_selection.select`).
        """
        return self.reported_split if "selection_on_reported_split" in self.leaks else "validation"

    @property
    def training_options(self) -> dict[str, Any]:
        """How networks are validated in training, which weights are kept, and when training stops.

        ``validate_in``, ``keep`` and ``tolerance``, as of `networks.training.FitOptions`: the authors' loop stops when
        more epochs than the patience have passed since the best, one later than strict.
        """
        return {
            "validate_in": "train" if "validation_in_train_mode" in self.leaks else "eval",
            "keep": "last" if "last_checkpoint" in self.leaks else "best",
            "tolerance": int(self.estimators == "published"),
        }

    def loss_reduction(self, scheme: str) -> str:
        """How a network of a scheme takes its loss over a minibatch, as of `networks.training.FitOptions`."""
        return "sum" if scheme == "nnrank" and "nnrank_loss_summed" in self.leaks else "mean"

    @property
    def draws_as_many_as_trained(self) -> bool:
        """Whether a network's weighted sampler (aug3) draws as many samples an epoch as are in training.

        As in the notebooks; strict draws as many of every class as the largest has.
        """
        return self.estimators == "published"

    @property
    def rotates_validation(self) -> bool:
        """Whether the images of early stopping are rotated and flipped as those of training, as in the notebooks."""
        return self.estimators == "published"

    @property
    def sampling(self) -> tuple[str, str]:
        """How rotated images are sampled: between pixels and outside, as of `networks.transforms.Sampling`."""
        return ("nearest", "zeros") if self.estimators == "published" else ("bilinear", "reflection")

    @property
    def ranks_all(self) -> bool:
        """Whether nnrank predicts the lowest class where no output is above 0.5; otherwise nothing, which is wrong."""
        return self.estimators == "strict"

    @property
    def name(self) -> str:
        """The one name of the protocol; `parse` reads it."""
        own = _own_leaks(self.base)
        variations = [
            ("repeat", self.repeat, self.repeat > 0),
            ("seed", self.seed, self.seed > 0),
            (f"shuffled_{self.shuffled}", self.permutation, self.shuffled is not None),
            ("share", self.share, self.share != WHOLE),
        ]
        return (
            self.base
            + "".join(f"{'-' if one in own else '+'}{one}" for one in SWITCHES if one in own ^ self.leaks)
            + "".join(f".{kind}{number}" for kind, number, present in variations if present)
        )


@cache
def parse(name: str) -> Protocol:
    """Read the name of a protocol.

    Parameters
    ----------
    name : str
        As ``strict+selection_on_reported_split.repeat1``.

    Returns
    -------
    Protocol

    Raises
    ------
    UserError
        If it is not the name of a protocol, or not its one name: a leak added that the base has, another order.
    """
    if not re.fullmatch(PATTERN, name):
        raise UserError(
            f"protocol '{name}' is not known: name one of {', '.join(PROTOCOLS)}, with +SWITCH or -SWITCH "
            f"of {', '.join(SWITCHES)}, and .{', .'.join(f'{kind}N' for kind in VARIATIONS)}."
        )
    stem, *variations = name.split(".")
    base, *changes = re.split(r"(?=[+-])", stem)
    protocol = Protocol(base, _own_leaks(base))
    for change in changes:
        sign, leak = change[0], change[1:]
        if (sign == "+") == (leak in protocol.leaks):
            verb, other = ("has", "-") if sign == "+" else ("has not", "+")
            raise UserError(
                f"protocol '{name}': {base} {verb} the leak {leak}; write {base}{other}{leak}, or leave it out."
            )
        protocol = replace(protocol, leaks=protocol.leaks ^ {leak})
    for variation in variations:
        kind = variation.rstrip("0123456789")
        protocol = _vary(protocol, kind, int(variation.removeprefix(kind)), name)
    if protocol.name != name:
        raise UserError(
            f"protocol '{name}' is written {protocol.name}: leaks and variations have one order, and one place."
        )
    return protocol


def _vary(protocol: Protocol, kind: str, number: int, name: str) -> Protocol:
    """Return the protocol with one variation."""
    if kind == "share" and number >= WHOLE:
        raise UserError(f"protocol '{name}': share is 0 or counts from 1 to {WHOLE - 1}.")
    if kind != "share" and number < 1:
        raise UserError(f"protocol '{name}': {kind} counts from 1.")
    if kind == "repeat":
        return replace(protocol, repeat=number)
    if kind == "seed":
        return replace(protocol, seed=number)
    if kind == "share":
        return replace(protocol, share=number)
    return replace(protocol, shuffled=kind.removeprefix("shuffled_"), permutation=number)


def _own_leaks(base: str) -> frozenset[str]:
    """Leaks of a base without changes."""
    return frozenset(PROTOCOLS[base].switches)


def as_seen_by(stage: str, name: str, policy: str = "", head: str = "") -> str:
    """Name the protocol without the changes, and the seed, that affect neither a stage nor one before it.

    Parameters
    ----------
    stage : str
        Of `STAGES`.
    name : str
        Of the protocol.
    policy, head : str, optional
        Of the networks of the stage; without them no error of the notebooks affects it.

    Returns
    -------
    str
        published for an as_run whose errors affect nothing here.
    """
    affecting: Set[str] = lookup(stage, STAGES, "stage") | errors_affecting(policy, head)
    protocol = parse(name)
    own = _own_leaks(protocol.base)
    seed = 0 if stage in UNSEEDED else protocol.seed
    seen = replace(protocol, leaks=own ^ ((own ^ protocol.leaks) & affecting), seed=seed)
    if protocol.base == "as_run" and not seen.leaks & affecting & NOTEBOOK_ERRORS.keys():
        seen = replace(seen, base="published", leaks=seen.leaks - NOTEBOOK_ERRORS.keys())
    return seen.name


@cache
def errors_affecting(policy: str, head: str) -> frozenset[str]:
    """Return the errors of the notebooks that affect networks of a policy and a head, or what is computed with them."""
    given = (policy, head)
    return frozenset(
        error
        for error, needed in AFFECTED_NETWORKS.items()
        if policy and all(need in (None, one) for need, one in zip(needed, given, strict=True))
    )


@cache
def can_change_predictions(name: str, features: str, policy: str = "", scheme: str = "") -> bool:
    """Return whether a protocol's changes of its base can change the predictions of a model.

    Parameters
    ----------
    name : str
        Of the protocol.
    features : str
        ``image``, ``tuned``, or components such as ``block2_cev85``.
    policy, scheme : str, optional
        Of the model; without them no error of the notebooks affects it.

    Returns
    -------
    bool
        True of a base without changes.
    """
    kind = features if features in PREDICTION_LEAKS else "components"
    changed = changed_leaks(name)
    heads = {"image": (scheme,), "tuned": ("tuned", scheme)}.get(kind, ())
    affecting = frozenset().union(*(errors_affecting(policy, head) for head in heads))
    return not changed or bool(changed & (PREDICTION_LEAKS[kind] | affecting))


@cache
def changed_leaks(name: str) -> frozenset[str]:
    """Return the switches that either a protocol or its base has, not both."""
    protocol = parse(name)
    return _own_leaks(protocol.base) ^ protocol.leaks


def without_variations(name: str) -> str:
    """Name the protocol without its variations: ``strict+ungrouped.shuffled_films2`` gives ``strict+ungrouped``."""
    return replace(parse(name), repeat=0, seed=0, shuffled=None, permutation=0, share=WHOLE).name


def without_leaks(name: str) -> str:
    """Name the protocol with the switches of its base: ``strict+ungrouped.repeat1`` gives ``strict.repeat1``."""
    protocol = parse(name)
    return replace(protocol, leaks=_own_leaks(protocol.base)).name


def stream_name(name: str) -> str:
    """Name the protocol as random streams do, so that protocols that differ in switches alone draw the same numbers.

    ``strict+ungrouped.repeat1`` gives ``strict.repeat1``, ``as_run`` gives ``published``.
    """
    protocol = parse(name)
    base = "published" if protocol.base == "as_run" else protocol.base
    return replace(protocol, base=base, leaks=_own_leaks(base)).name


def split_stream_name(name: str) -> str:
    """Name the protocol whose random stream splits the samples: a share, or another seed, has the same folds."""
    return replace(parse(stream_name(name)), share=WHOLE, seed=0).name
