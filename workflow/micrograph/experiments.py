"""Which fits the experiments of a config require, and which files they need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar, cast

from micrograph.errors import UserError
from micrograph.models import registry
from micrograph.splits import policies, protocols
from micrograph.splits.fit_spec import ON_TARGET, FitSpec, NetworkSpec, components_of_tuned, vary
from micrograph.target import SCHEMES as TARGET_SCHEMES
from micrograph.target import Target

if TYPE_CHECKING:
    import pandas as pd

POLICIES = tuple(policies.POLICIES)
AUGMENTING = tuple(name for name, policy in policies.POLICIES.items() if policy.makes_images)
SCHEMES = tuple(TARGET_SCHEMES)
BLOCKS = ("block2", "block3", "block4", "pool")
SAME_SPLITS = {"published": "as_run"}
SHARED = ("only", "base")  # keys of `experiments` that are no experiment
T = TypeVar("T")
PAPER_TABLES = ("table2", "fig3", "table3", "table4")
# Targets that the simulator knows, and between which values it grows films.
SIMULATED_TARGETS = {"growth_celsius": (850, 1050), "growth_seconds": (0, 7200), "growth_minutes": (0, 120)}
FINAL_MODEL = "final_model"  # in `experiments.only`: the final model, and the films with their maps in the report


class Unavailable(Exception):
    """What a table, figure or part of the report needs is not in the study; the message says what, in one sentence."""


@dataclass(frozen=True)
class Study:
    """A checked config, and the fits, networks and files that it requires.

    Parameters
    ----------
    config : dict
        The whole config, with defaults.
    sheet : callable
        Returns the sample sheet, also where the run itself will write it; for splits that the sheet decides.
    needed : frozenset of str, optional
        Paths that the tables and figures of the study read; without them every fit of every experiment is needed.
    """

    config: dict[str, Any]
    sheet: Callable[[], pd.DataFrame] | None = None
    needed: frozenset[str] | None = None

    def makes(self, name: str) -> bool:
        """Whether a table, a figure or `FINAL_MODEL` is to be made: by default everything, else `experiments.only`."""
        only = self.config["experiments"].get("only")
        return only is None or name in only

    def settings(self, experiment: str) -> dict[str, Any]:
        """Return the settings of an experiment; Unavailable if the config leaves it out."""
        if experiment not in self.tables:
            raise Unavailable(f"experiments.{experiment} is left out.")
        return self.tables[experiment]

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """The settings of each experiment that the config does not leave out, by its name."""
        return {name: table for name, table in self.config["experiments"].items() if table and name not in SHARED}

    # ---- fits

    def fits(self, experiment: str, **where: Iterable[str]) -> list[FitSpec]:
        """List the fits of an experiment, those alone whose fields are among the given values.

        Parameters
        ----------
        experiment : str
            Key of ``experiments`` in the config.
        **where : iterable of str
            Values that are kept, by field of :class:`FitSpec`: ``fits("table4", model=["GBC"])``.

        Returns
        -------
        list of FitSpec

        Raises
        ------
        Unavailable
            If there is none.
        """
        expand_: dict[str, Callable] = {"leakage": _leakage, "learning_curve": _learning_curve}
        expand_["transfer"] = lambda settings: _transfer(settings, self.target)
        expand_["baselines"] = lambda settings: _baselines(settings, self.target)
        fits = select(expand_.get(experiment, expand)(self.settings(experiment)), **where)
        if not fits:
            kind = ", ".join(f"{name} {' or '.join(values)}" for name, values in where.items())
            raise Unavailable(f"experiments.{experiment} has no fit{f' with {kind}' if kind else ''}.")
        return fits

    def fits_if_any(self, *experiments: str, **where: Iterable[str]) -> list[FitSpec]:
        """List the fits of several experiments; none of those that the config leaves out."""
        return [fit for name in experiments for fit in if_available(partial(self.fits, name, **where))]

    def repeated_if_any(self, experiment: str, **where: Iterable[str]) -> list[FitSpec]:
        """List the fits of an experiment in every repeat; none where the config leaves them out."""
        return if_available(lambda: self.repeated(experiment, **where))

    def repeated(self, experiment: str, **where: Iterable[str]) -> list[FitSpec]:
        """List the fits of an experiment in every repeat of its cross-validation and with every seed."""
        settings = self.settings(experiment)
        return repeated(self.fits(experiment, **where), settings["repeats"], settings.get("seeds", 1))

    def first(self, experiment: str, *names: str) -> dict[str, list[str]]:
        """Return the fields of the experiment's first fit, as keywords for :meth:`fits`."""
        return {name: [getattr(self.fits(experiment)[0], name)] for name in names}

    @property
    def explained(self) -> FitSpec:
        """The CNN that is explained, out of fold, and that the final model is trained as."""
        production = {name: self.config["final_model"][name] for name in ("pretraining", "policy", "scheme")}
        return FitSpec("strict", features="image", model="CNN", **production)

    @property
    def with_probabilities(self) -> list[FitSpec]:
        """The strict fits that give probabilities, or scores that can become some, the explained one among them."""
        compared = self.fits_if_any("table4", protocol=["strict"], scheme=["nominal", "nnrank", "corn"])
        return [*compared, self.explained]

    def untested(self) -> dict[str, str]:
        """Return the splits by operator or date that are requested and impossible: {protocol: why}."""
        from micrograph.splits import group_splits

        bases = self.tables.get("confounders", {}).get("protocols", [])
        if self.sheet is None or not bases:
            return {}
        sheet, folds = self.sheet(), self.config["splits"]["folds"]
        reasons = {base: group_splits.obstacle(sheet, base, folds, self.target) for base in bases}
        return {base: why for base, why in reasons.items() if why}

    @property
    def split_protocols(self) -> list[str]:
        """The protocols by which the study splits its samples, apart from operators and dates."""
        from micrograph.splits.group_splits import SPLITTERS

        fits = self.all_fits
        if self.needed is None or self.explained.predictions_path in self.needed or self.makes(FINAL_MODEL):
            fits.append(self.explained)
        names = dict.fromkeys(protocols.as_seen_by("splits", fit.protocol) for fit in fits)
        return [name for name in names if protocols.parse(name).base not in SPLITTERS]

    def check_splits(self) -> None:
        """Raise UserError if the samples of the sheet cannot be split as the study asks; it says what number can be."""
        from micrograph.splits import splitters

        folds, primary = self.config["splits"]["folds"], self.config["splits"]["primary"]
        sheet, names = cast("Callable[[], pd.DataFrame]", self.sheet)(), self.split_protocols
        obstacle = partial(splitters.obstacle, sheet, target=self.target, primary=primary)
        reasons = [reason for name in names if (reason := obstacle(name, folds))]
        if not reasons:
            return
        most = splitters.most_folds(sheet, names, folds, self.target, primary)
        fewest = f"Fewer folds do not help; {splitters.MIN_FOLDS} are the fewest."
        way_out = f"The largest number of folds that works is {most}." if most else fewest
        raise UserError(f"splits.folds is {folds}, splits.primary {primary}: {reasons[0]} {way_out}")

    def regrouped(self, protocol: str = "") -> list[FitSpec]:
        """List the fits of `confounders` whose splits are possible; under ``protocol`` where one is named."""
        untested = self.untested()
        fits = [fit for fit in self.fits_if_any("confounders") if fit.protocol not in untested]
        return [replace(fit, protocol=protocol) for fit in fits] if protocol else fits

    @property
    def all_fits(self) -> list[FitSpec]:
        """Every fit that any table or figure of the study requires."""
        tables = [fit for name in PAPER_TABLES for fit in self.repeated_if_any(name)]
        more = self.fits_if_any("baselines", "leakage", "learning_curve", "transfer")
        confounders = self.fits_if_any("confounders")
        fits = [*tables, *more, *confounders, *(replace(fit, protocol="strict") for fit in confounders)]
        if self.needed is None:
            return fits
        return [fit for fit in fits if self.needed & {fit.predictions_path, fit.search_path}]

    def shared_jobs(self, models: Iterable[str]) -> dict[str, list[FitSpec]]:
        """Group the fits of these models that share a job, those on features of one kind.

        Starting a job takes longer than most fits. With the paper's grids a fit takes minutes to hours, and each is a
        job of its own; so is a fit that no table or figure requires.

        Returns
        -------
        dict
            Name of the job -> its fits, each once.
        """
        if self.config["models"]["param_grid"] != "default":
            return {}
        groups: dict[tuple, dict] = {}
        for fit in select(self.all_fits, model=models):
            if fit.features != "image":
                kind = "components" if fit.on_components else fit.features
                groups.setdefault((fit.protocol, fit.pretraining, fit.policy, kind), {})[fit] = None
        return {re.sub(r"\W", "_", "_".join(key)): list(fits) for key, fits in groups.items()}

    def permuted(self) -> dict[tuple[str, ...], list[FitSpec]]:
        """Group the fits that are repeated on permuted labels, by (protocol, pretraining, policy, scheme)."""
        settings = self.tables.get("leakage")
        groups: dict[tuple, list] = {}
        if settings and any(settings["n_permutations"].values()):
            for fit in expand({**settings, "protocols": settings["permuted_labels"]}):
                if fit.on_components:
                    groups.setdefault((fit.protocol, fit.pretraining, fit.policy, fit.scheme), []).append(fit)
        return groups

    # ---- files

    def predictions(self, fits: Iterable[FitSpec]) -> list[str]:
        """List the prediction tables of fits, each once."""
        return list(dict.fromkeys(fit.predictions_path for fit in fits))

    def searches(self, fits: Iterable[FitSpec]) -> list[str]:
        """List the grid-search tables of fits, each once."""
        return list(dict.fromkeys(fit.search_path for fit in fits))

    def permutations(self) -> list[str]:
        """List the predictions on permuted labels."""
        return ["results/permutations/{}/{}/{}/{}.tsv".format(*key) for key in self.permuted()]

    def chunks(self, network: NetworkSpec, protocol: str) -> list[str]:
        """Name the chunks of folds whose networks a fit by ``protocol`` needs."""
        one_fold = "features_from_one_fold" in protocols.parse(protocol).leaks
        return network.chunks(self.config["splits"]["folds"], self.config["training"]["folds_per_job"], one_fold)

    def outputs(self, fit: FitSpec) -> list[str]:
        """List the outputs of the networks behind a fit."""
        network = cast(NetworkSpec, fit.network)
        return [network.outputs_path(chunk) for chunk in self.chunks(network, fit.protocol)]

    def curves(self, fits: Iterable[FitSpec]) -> list[str]:
        """List the training curves of the networks behind these fits, each once."""
        paths = [
            fit.network.curves_path(chunk)
            for fit in fits
            if fit.network
            for chunk in self.chunks(fit.network, fit.protocol)
        ]
        return list(dict.fromkeys(paths))

    def attributions(self, name: str) -> list[str]:
        """List one file of every fold beside the attribution maps, as ``fold{fold}.npz``."""
        fit = self.explained
        folder = f"results/attribution/{fit.protocol}/{fit.pretraining}/{fit.policy}/{fit.scheme}"
        return [f"{folder}/{name.format(fold=fold)}" for fold in range(self.config["splits"]["folds"])]

    def components(self, experiment: str) -> list[str]:
        """List the principal components behind the first fit of an experiment, for all its features."""
        fits = self.fits(experiment, **self.first(experiment, "protocol", "pretraining"))
        return list(dict.fromkeys(fit.features_path for fit in fits if fit.on_components))

    @property
    def components_shown(self) -> dict[str, str]:
        """The principal components that figures 8 and 9 show: {features: file}."""
        fit, settings = self.fits("table2")[0], self.settings("table2")
        shown = [name for name in self.config["figures"]["fig8_features"] if name in settings["blocks"]]
        if not shown:
            raise Unavailable("figures.fig8_features names none of experiments.table2.blocks.")
        return {
            name: components_of_tuned(fit)
            if name == "tuned"
            else replace(fit, features=f"{name}_cev{settings['explained_variance'][0]}").features_path
            for name in shown
        }

    def components_by_job(self) -> dict[tuple[str, str], list[str]]:
        """Group the principal components that are requested: (protocol, pretraining) -> names, as block2_cev85."""
        groups: dict[tuple, dict] = {}
        for fit in self.all_fits:
            if fit.on_components:
                key = (protocols.as_seen_by("components", fit.protocol), fit.pretraining)
                groups.setdefault(key, {})[fit.features] = None
        return {key: list(names) for key, names in groups.items()}

    # ---- settings of one stage: a change of another stage's reruns nothing

    def head_settings(self, head: str, pretraining: str) -> dict[str, Any]:
        """Return the training settings of one head."""
        names = ("pixels", "precision", "epochs", "patience", "batch_norm_momentum")
        training = self.config["training"]
        own = training["feature_extractor" if head == "tuned" else head]
        settings = {name: training[name] for name in names} | _stated(own)
        if isinstance(dropout := settings["dropout"], dict):
            domain = pretraining if dropout.get(pretraining) is not None else "imagenet"
            settings["dropout"] = dropout[domain]
        return settings

    @property
    def source_settings(self) -> dict[str, Any]:
        """The training settings of the pre-training on simulated films."""
        own = self.config["pretraining"]["simulated"]
        return self.head_settings("nominal", own["start"]) | {"epochs": own["epochs"]}

    def mlp_settings(self, scheme: str) -> dict[str, Any]:
        """Return the training settings of the MLP under one scheme."""
        mlp = self.config["training"]["mlp"]
        return {"epochs": mlp["epochs"], "patience": mlp["patience"], **_stated(mlp[scheme])}

    @property
    def fidelity(self) -> dict[str, Any]:
        """Return what the table of fidelity reads: settings that the paper states, too."""
        names = ("target", "heights", "micrographs", "splits", "networks", "models", "training")
        heads, schemes = ("nominal", "nnrank", "regression", "tuned"), ("nominal", "nnrank", "regression")
        return {
            "config": {name: self.config[name] for name in names},
            "heads": {head: self.head_settings(head, "imagenet") for head in heads},
            "mlp": {scheme: self.mlp_settings(scheme) for scheme in schemes},
        }

    # ---- what tables and figures say about the run

    @property
    def target(self) -> Target:
        """What is predicted."""
        return Target.from_config(self.config["target"])

    @property
    def data(self) -> str:
        """What the films are: simulated or real."""
        scans = self.config["scans"]
        return "simulated films" if scans["source"] == "simulated" else f"{scans['films']} films"

    @property
    def run_info(self) -> dict[str, Any]:
        """How the fits of a table were made."""
        training = self.config["training"]
        return {
            "data": self.data,
            "backbone": self.config["networks"]["backbone"],
            "search": self.config["models"]["param_grid"],
            "pixels": training["pixels"],
            "epochs": training["epochs"],
        }

    @property
    def paper_protocols(self) -> list[str]:
        """Strict and published, where any experiment requests them or for a protocol with their splits."""
        requested = {name for settings in self.tables.values() for name in settings["protocols"]}
        return [name for name in ("strict", "published") if {name, SAME_SPLITS.get(name)} & requested]


def if_available(made: Callable[[], list[T]]) -> list[T]:
    """Return a list; the empty one where what it needs is not in the study."""
    try:
        return made()
    except Unavailable:
        return []


def _stated(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a head that are not null."""
    return {name: value for name, value in settings.items() if value is not None}


def expand(settings: dict[str, Any]) -> list[FitSpec]:
    """List every fit of an experiment.

    Parameters
    ----------
    settings : dict
        ``protocols``, ``pretraining``, ``policies``, ``schemes``, ``models``; ``blocks`` and ``explained_variance``
        where models are fitted on principal components, else they are fitted on fine-tuned features.

    Returns
    -------
    list of FitSpec
        The CNN is fitted on images, the MLP on fine-tuned features. Left out are models without the scheme, and
        protocols with a leak that cannot change the predictions (:func:`protocols.can_change_predictions`).
    """
    names = ("protocols", "pretraining", "policies", "schemes", "models")
    return [
        FitSpec(protocol, pretraining, policy, features, scheme, model)
        for protocol, pretraining, policy, scheme, model in product(*(settings[name] for name in names))
        if scheme in registry.MODELS[model].schemes
        for features in _features(settings, model)
        if protocols.can_change_predictions(protocol, features, policy, scheme)
    ]


def select(fits: Iterable[FitSpec], **where: Iterable[str]) -> list[FitSpec]:
    """Select the fits whose fields are among the given values."""
    return [fit for fit in fits if all(getattr(fit, name) in values for name, values in where.items())]


def repeated(fits: list[FitSpec], repeats: int, seeds: int = 1) -> list[FitSpec]:
    """List the fits in every repeat of the cross-validation and with every seed, the first seed of the first first."""
    return [vary(fit, number, seed) for number in range(repeats) for seed in range(seeds) for fit in fits]


def _features(settings: dict[str, Any], model: str) -> list[str]:
    """Return the features that a model is fitted on: image, tuned, or {block}_cev{percent}."""
    if "components" not in registry.MODELS[model].features:
        return list(registry.MODELS[model].features)
    pairs = product(settings.get("blocks", ["tuned"]), settings.get("explained_variance", [None]))
    return list(dict.fromkeys(block if block == "tuned" else f"{block}_cev{cev}" for block, cev in pairs))


def _leakage(settings: dict[str, Any]) -> list[FitSpec]:
    """Return the fits of `leakage` but those of `permuted`: on the true labels, and with networks on permuted ones."""
    drawn = [
        f"{protocol}.shuffled_{kind}{draw}"
        for protocol in settings["permuted_labels"]
        for kind, draws in settings["n_network_permutations"].items()
        for draw in range(1, draws + 1)
    ]
    true = [fit for fit in expand(settings) if settings["networks"] == "all" or _concerns_network(fit)]
    permuted = expand({**settings, "protocols": drawn})
    return true + [fit for fit in permuted if not fit.on_components]


def _concerns_network(fit: FitSpec) -> bool:
    """Whether a fit needs no network, or its protocol is a base, or changes a leak that is about its network."""
    changed = protocols.changed_leaks(fit.protocol)
    own = {"features_from_one_fold"} if fit.features == "tuned" else protocols.NETWORK_LEAKS
    return fit.on_components or not changed or bool(changed & (own | protocols.NOTEBOOK_ERRORS.keys()))


def _learning_curve(settings: dict[str, Any]) -> list[FitSpec]:
    """Return the fits on each share of the training batches and on all of them, in every repeat."""
    names = [f"{protocol}.share{share}" for protocol in settings["protocols"] for share in settings["shares"]]
    return repeated(expand({**settings, "protocols": [*names, *settings["protocols"]]}), settings["repeats"])


def _transfer(settings: dict[str, Any], target: Target) -> list[FitSpec]:
    """Return the CNNs on none, some and all training batches, in every repeat; Unavailable of an unknown target."""
    if why := unknown_to_simulator(target):
        raise Unavailable(why)
    fits = _learning_curve({**settings, "models": ["CNN"], "shares": [0, *settings["shares"]]})
    kept = [fit for fit in fits if protocols.parse(fit.protocol).share or fit.pretraining in ON_TARGET]
    return sorted(kept, key=lambda fit: settings["pretraining"].index(fit.pretraining))


def unknown_to_simulator(target: Target) -> str:
    """Return why simulated films cannot be of a target, in one sentence; "" where they can."""
    if target.column not in SIMULATED_TARGETS:
        return f"the simulator does not know {target.name}; it knows {', '.join(SIMULATED_TARGETS)}."
    low, high = SIMULATED_TARGETS[target.column]
    if low <= min(target.classes) and max(target.classes) <= high:
        return ""
    return f"the simulator grows films between {target.amount(low)} and {target.amount(high)}; target has others."


def _baselines(settings: dict[str, Any], target: Target) -> list[FitSpec]:
    """Return the fits on features that need no network: of several schemes of a model the one of the target's kind."""
    names, fits = ("protocols", "policies", "features", "models"), []
    for protocol, policy, features, model in product(*(settings[name] for name in names)):
        schemes = list(registry.MODELS[model].schemes)
        scheme = "unordered" if "unordered" in schemes and not target.ordered else schemes[0]
        fits.append(FitSpec(protocol, "none", policy, features, scheme, model))
    return fits
