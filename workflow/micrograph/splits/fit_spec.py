"""Names of fits and of networks, and the paths of their files: made and parsed in this module alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from micrograph.errors import UserError
from micrograph.splits import protocols
from micrograph.target import Target

# The fold, counted from the last, whose network gives the fine-tuned features of all folds with the leak
# `features_from_one_fold`: in the notebooks fold 9 of ten, of MicroNet fold 7.
FOLD_FROM_LAST = {"micronet": 3}
# Features that need no network, and so no pre-training and no policy of their own.
WITHOUT_NETWORK = ("metadata", "physical")
# Pre-trainings that learned the target itself: their networks predict it before they are fine-tuned.
ON_TARGET = ("simulated",)
Spec = TypeVar("Spec", "FitSpec", "NetworkSpec")
EVERY_FOLD = "all"  # the chunk of all folds, where their number is known from the splits alone


@dataclass(frozen=True)
class FitSpec:
    """One fit: a model, under one scheme, on one kind of features, by one protocol; all its folds.

    Parameters
    ----------
    protocol : str
        Name of a protocol (:mod:`micrograph.splits.protocols`), with its leaks and variations.
    pretraining : str
        What the network was pre-trained on; ``none`` for features without a network.
    policy : str
        Augmentation policy, ``aug1`` to ``aug4``.
    features : str
        ``image``, ``tuned`` (fine-tuned features), ``{block}_cev{percent}``, ``metadata`` or ``physical``.
    scheme : str
        ``nominal``, ``nnrank``, ``corn``, ``regression`` or ``ordinal``.
    model : str
        Name of a model.
    """

    protocol: str
    pretraining: str
    policy: str
    features: str
    scheme: str
    model: str

    def __str__(self) -> str:
        return "/".join(vars(self).values())

    @classmethod
    def from_path(cls, path: str | Path) -> FitSpec:
        """Read the spec off the path of a table of predictions or of a grid search.

        Parameters
        ----------
        path : str or Path
            As `predictions_path` or `search_path`; folders above do not matter.

        Returns
        -------
        FitSpec

        Raises
        ------
        UserError
            If the path has too few parts.
        """
        path = Path(path)
        return _last_parts(cls, path.with_name(path.stem.removesuffix("_search")))

    @property
    def predictions_path(self) -> str:
        """The table of predictions."""
        return f"results/predictions/{self}.tsv"

    @property
    def search_path(self) -> str:
        """The table of what the grid search chose in every fold."""
        return f"results/models/{self}_search.tsv"

    @property
    def models_path(self) -> str:
        """The fitted models of all folds."""
        return f"results/models/{self}.{'safetensors' if self.model == 'MLP' else 'skops'}"

    @property
    def splits_path(self) -> str:
        """The folds; protocols that differ in later stages share them."""
        return splits_path(self.protocol)

    @property
    def features_path(self) -> str:
        """The features that the model is fitted on; not of a model on images."""
        if self.features in WITHOUT_NETWORK:
            return f"results/features/{self.features}.npz"
        if self.features == "tuned":
            protocol = protocols.as_seen_by("tuned", self.protocol, self.policy, "tuned")
            return f"results/features/{protocol}/{self.pretraining}/{self.policy}/tuned.npz"
        protocol = protocols.as_seen_by("components", self.protocol)
        return f"results/pca/{protocol}/{self.pretraining}/{self.features}.npz"

    @property
    def on_components(self) -> bool:
        """Whether the features are principal components of a block."""
        return "_cev" in self.features

    @property
    def network(self) -> NetworkSpec | None:
        """The fine-tuned network behind the fit, if there is one."""
        if self.features not in ("image", "tuned"):
            return None
        head = self.scheme if self.features == "image" else "tuned"
        protocol = protocols.as_seen_by("networks", self.protocol, self.policy, head)
        return NetworkSpec(protocol, self.pretraining, self.policy, head)

    def columns(self) -> dict[str, str]:
        """Return the columns by which tables name the fit."""
        return asdict(self)


KEYS = tuple(field.name for field in fields(FitSpec))


@dataclass(frozen=True)
class FitTask:
    """What a model is fitted for.

    Parameters
    ----------
    spec : FitSpec
    target : Target
    grid : sequence of dict
        Parameter settings that are tried; of equal ones the first is taken.
    """

    spec: FitSpec
    target: Target
    grid: Sequence[dict[str, Any]]

    @property
    def classes(self) -> tuple[float, ...]:
        """Classes of the target, ascending."""
        return self.target.classes


@dataclass(frozen=True)
class NetworkSpec:
    """The networks of all folds with one head: protocol as networks see it, pretraining, policy, head."""

    protocol: str
    pretraining: str
    policy: str
    head: str

    @classmethod
    def from_path(cls, path: str | Path) -> NetworkSpec:
        """Read the spec off the path of a file in `folder`; folders above do not matter.

        Raises
        ------
        UserError
            If the path has too few parts.
        """
        return _last_parts(cls, Path(path).parent)

    @property
    def folder(self) -> str:
        """Where the networks, their outputs and their training curves lie."""
        return f"results/networks/{self.protocol}/{self.pretraining}/{self.policy}/{self.head}"

    def outputs_path(self, chunk: str) -> str:
        """Return the path of the outputs of the networks of a chunk of folds."""
        return f"{self.folder}/outputs{chunk}.npz"

    def curves_path(self, chunk: str) -> str:
        """Return the path of the training curves of a chunk of folds."""
        return f"{self.folder}/curves{chunk}.tsv"

    def chunks(self, folds: int, folds_per_job: int, one_fold: bool = False) -> list[str]:
        """Name the chunks of folds that are trained by one job each, those alone whose networks are used.

        Parameters
        ----------
        folds : int
            Number of folds.
        folds_per_job : int
            Folds that one job trains.
        one_fold : bool
            Whether fine-tuned features of all folds come from the network of one (`feature_fold`).

        Returns
        -------
        list of str
            ``["0-1", "2-3", "4"]`` for 5 folds by 2.
        """
        protocol = protocols.parse(self.protocol)
        if protocol.base == "by_operator":  # as many folds as there are operators to leave out
            return [EVERY_FOLD]
        every = chunks(folds, folds_per_job)
        if self.head != "tuned" or not one_fold:
            return every
        one = feature_fold(self.pretraining, folds)
        if protocol.estimators == "published":  # that fold alone; strict+features_from_one_fold has strict's networks
            return [str(one)]
        return [chunk for chunk in every if one in folds_of(chunk)]


def _last_parts(kind: type[Spec], path: Path) -> Spec:
    """Return the spec whose fields are the last parts of a path; UserError where they are too few."""
    names = [field.name for field in fields(kind)]
    parts = path.parts[-len(names) :]
    if len(parts) < len(names):
        raise UserError(f"{path}: the path has too few parts to name a fit or a network. Give .../{'/'.join(names)}.")
    return kind(*parts)


def feature_fold(pretraining: str, folds: int) -> int:
    """Return the fold whose network gives the features of all folds with the leak `features_from_one_fold`."""
    return max(folds - FOLD_FROM_LAST.get(pretraining, 1), 0)


def splits_path(protocol: str) -> str:
    """Path of the folds of a protocol."""
    return f"results/splits/{protocols.as_seen_by('splits', protocol)}.tsv"


def components_of_tuned(fit: FitSpec) -> str:
    """Path of the principal components of the fine-tuned features of a fit's protocol, pre-training and policy."""
    protocol = protocols.as_seen_by("tuned", fit.protocol)
    return f"results/pca/{protocol}/{fit.pretraining}/{fit.policy}_tuned.npz"


def chunks(folds: int, folds_per_job: int) -> list[str]:
    """Divide folds into chunks, as names: 5 folds by 2 are ``["0-1", "2-3", "4"]``."""
    starts = range(0, folds, folds_per_job)
    spans = [(start, min(start + folds_per_job, folds) - 1) for start in starts]
    return [str(first) if first == last else f"{first}-{last}" for first, last in spans]


def folds_of(chunk: str, folds: int = 0) -> list[int]:
    """List the folds of a chunk: ``"2-4"`` gives ``[2, 3, 4]``; :data:`EVERY_FOLD` all ``folds``."""
    if chunk == EVERY_FOLD:
        return list(range(folds))
    first, _, last = chunk.partition("-")
    return list(range(int(first), int(last or first) + 1))


def fold_of(seen: str) -> int:
    """Fold whose samples a pre-training sees: ``"fold3"`` gives 3; ``"all"``, which sees every sample, counts as 0."""
    return 0 if seen == "all" else int(seen.removeprefix("fold"))


def vary(spec: FitSpec, repeat: int, seed: int) -> FitSpec:
    """Return the fit in one repeat of the cross-validation with one seed, ``strict.repeat1.seed2``; 0 is the first."""
    return replace(spec, protocol=replace(protocols.parse(spec.protocol), repeat=repeat, seed=seed).name)
