"""Registry of the tables and figures: rules, `rule all`, the report and the tests read it.

A new table is a module in `evaluation/` with ``make_table`` and ``panels``, a new figure a module in `figures/` with a
function that draws; either needs one row here and a caption in `workflow/report/{name}.rst`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn

from micrograph.errors import UserError, lookup
from micrograph.experiments import BLOCKS, FINAL_MODEL, PAPER_TABLES, POLICIES, Study, Unavailable, if_available
from micrograph.models import registry
from micrograph.splits.fit_spec import FitSpec, NetworkSpec, components_of_tuned, splits_path

SAMPLES = "results/micrographs/samples.tsv"
PUBLISHED = "resources/published/"  # ships with the workflow
GROWTH_VARIABLES = "results/growth_variables/{table}.tsv"
SCANS = "{scan}"  # the raw scans of the study

# The tables that the conclusions rest on.
EVIDENCE = (
    *("table2", "table3", "table4", "leakage", "baselines", "confounders", "calibration", "learning_curve"),
    "attribution_tests",
)
STUDY = "The study"
PERFORMANCE = "Performance"
VALIDITY = "Validity"
FILMS = "The films"
CONCLUSIONS = "Conclusions"
NAMED = {"tuned": "fine-tuned"}  # features, where titles name them otherwise


class Input(NamedTuple):
    """One argument of a table or figure: how its files are read, and which they are.

    ``{shard}`` in a path stands for every shard of scans; ``reader`` names a function of `workflow/scripts/output.py`;
    with ``keys`` the argument is a dict, else what the reader returns.
    """

    reader: str
    paths: str | list[str]
    keys: list[str] | None = None


@dataclass(frozen=True)
class Output:
    """A table, a figure, or both of one topic.

    Parameters
    ----------
    name : str
        Name of the target, the files and the caption.
    label : str
        What the report calls it, as ``Table 2``.
    title : str
        Title in the report.
    group : str
        Heading of the report that it stands under.
    inputs : callable
        Study -> {argument: Input}.
    params : callable
        Study -> {argument: value}.
    table : str
        Module of ``micrograph.evaluation`` that makes the table; empty for none.
    figure : str
        ``module:function`` of ``micrograph.figures``; empty for none.
    folded : bool
        Whether the report folds the table.
    image : str
        Ending of the image in the report, and of single pages.
    pages : bool
        Whether the figure has pages.
    sentences : bool
        Whether cells of the table hold sentences.
    early : bool
        Whether it is made as soon as it can be, for a first look.
    grouped : bool
        Whether a cluster runs it in one job with others. Not if the final model reads it, which other tables read in
        turn; nor if other tables read it and its inputs depend on a retrieved sheet, since Snakemake (9.27) leaves
        what it planned before the retrieval in the group, and stops.
    """

    name: str
    label: str
    title: str
    group: str
    inputs: Callable[[Study], dict[str, Input]]
    params: Callable[[Study], dict[str, Any]]
    table: str = ""
    figure: str = ""
    folded: bool = False
    image: str = "svg"
    pages: bool = False
    sentences: bool = False
    early: bool = False
    grouped: bool = True

    @property
    def tables(self) -> dict[str, str]:
        """Paths of the table, by ending."""
        return {end: f"results/tables/{self.name}.{end}" for end in ("tsv", "md", "html")} if self.table else {}

    @property
    def figures(self) -> dict[str, str]:
        """Paths of the figure, by ending; ``pages`` is a folder."""
        if not self.figure:
            return {}
        path = f"results/figures/{self.name}"
        if self.pages:
            return {"pdf": f"{path}.pdf", "pages": path}
        return {end: f"{path}.{end}" for end in ("pdf", "svg", "png")}

    @property
    def job_group(self) -> str | None:
        """Group of cluster jobs, if it is grouped."""
        return ("tables" if self.table else "figures") if self.grouped else None

    @property
    def page_image(self) -> str:
        """The image, or the folder of pages, that the report shows."""
        return self.figures["pages"] if self.pages else self.figures[self.image]

    @property
    def modules(self) -> list[str]:
        """The package's modules that make it."""
        table = [f"evaluation/{self.table}"] if self.table else []
        return table + ([f"figures/{self.figure.partition(':')[0]}"] if self.figure else [])


def get(name: str) -> Output:
    """Return the row of a name; UserError that lists the known names, where there is none."""
    return lookup(name, {output.name: output for output in OUTPUTS}, "table or figure")


def readers(name: str, study: Study) -> dict[str, tuple]:
    """Return how each argument of a table or figure is read: {argument: (reader, keys)}."""
    return {argument: (given.reader, given.keys) for argument, given in get(name).inputs(study).items()}


def obstacle(name: str, study: Study) -> str:
    """Return why a table or figure cannot be made from what the study fits; "" where it can."""
    try:
        _inputs(get(name), study)
    except Unavailable as reason:
        return str(reason)
    return ""


@dataclass(frozen=True)
class Plan:
    """What a study makes of the tables and figures.

    Parameters
    ----------
    study : Study
        The study, with the paths that it needs.
    available : list of Output
        Those that can be made.
    made : list of Output
        Those of them that are made where nothing is named, and that the report shows.
    obstacles : dict
        Why the others cannot be made, by name.
    """

    study: Study
    available: list[Output]
    made: list[Output]
    obstacles: dict[str, str]

    @classmethod
    def of(cls, study: Study) -> Plan:
        """Plan a study: `experiments.only`, what the experiments fit, and what each table and figure needs."""
        inputs, obstacles = {}, {}
        for row in OUTPUTS:
            try:
                inputs[row.name] = _inputs(row, study)
            except Unavailable as reason:
                obstacles[row.name] = str(reason)
        available = [row for row in OUTPUTS if row.name in inputs]
        made = [row for row in available if study.makes(row.name)]
        card = ["by_time"] if study.makes(FINAL_MODEL) else []  # which the model card reads
        paths = [given.paths for name in {*card, *(row.name for row in made)} for given in inputs[name].values()]
        needed = frozenset(path for one in paths for path in ([one] if isinstance(one, str) else one))
        return cls(replace(study, needed=needed), available, made, obstacles)

    @property
    def left_out(self) -> dict[str, str]:
        """Tables and figures that are asked for and cannot be made: {label: why}."""
        return {get(name).label: why for name, why in self.obstacles.items() if self.study.makes(name)}

    def inputs(self, name: str) -> dict[str, Input]:
        """Return the inputs of a table or figure; UserError where the study cannot make it."""
        if name in self.obstacles:
            raise UserError(f"{name} cannot be made in this study: {self.obstacles[name]}")
        return get(name).inputs(self.study)

    def refuse(self, target: str) -> NoReturn:
        """Raise UserError that lists the known targets."""
        known = [*(row.name for row in self.available), "all", "report", "predict", "scans"]
        near = get_close_matches(target, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"{target} is not known; {hint}Choose one of: {', '.join(known)}, or the path of a result.")


def _inputs(row: Output, study: Study) -> dict[str, Input]:
    """Return the inputs of a row; what a retrieval is still to write decides nothing."""
    return row.inputs(replace(study, sheet=None))


def _fits(study: Study, fits: Iterable) -> Input:
    return Input("fits", study.predictions(fits))


def _scans(study: Study, fits: Iterable) -> Input:
    """Return the predictions of scans, not of films."""
    return Input("scans", study.predictions(fits))


def _basic(study: Study) -> dict[str, Any]:
    return {"data": study.data}


def _scored(study: Study) -> dict[str, Any]:
    """Return the parameters of tables with intervals."""
    return {
        "n_bootstrap": study.config["evaluation"]["n_bootstrap"],
        "seed": study.config["seed"],
        **study.run_info,
    }


def _n_candidates(study: Study) -> dict[str, dict[str, int]]:
    """Sizes of the parameter grids: {scheme: {model: points}}, the larger of strict's and published's."""
    grid = study.config["models"]["param_grid"]
    return {
        scheme: {
            model: max(len(registry.param_grid(model, scheme, base, grid)) for base in ("strict", "published"))
            for model in registry.SHALLOW
            if scheme in registry.MODELS[model].schemes
        }
        for scheme in registry.SCHEMES
    }


def _published(name: str) -> Input:
    return Input("table", f"{PUBLISHED}{name}.tsv")


def _films(study: Study) -> dict[str, Input]:
    """Return the samples with their micrographs."""
    return {"samples": Input("table", SAMPLES), "micrographs": Input("paths", "results/micrographs/{shard}")}


def _without_network(study: Study) -> Input:
    """Return the baselines at the foot of tables 3 and 4."""
    return _fits(study, study.fits_if_any("baselines", protocol=["strict"]))


def _flow(study: Study) -> dict[str, Any]:
    """Return the parameters of figure 1."""
    training, fit = study.config["training"], study.fits("table2")[0]
    lists = {"policies": "fig3", "pretraining": "table3", "schemes": "table4", "models": "table4"}
    networks = {name: study.tables.get(table, study.settings("table2"))[name] for name, table in lists.items()}
    return {
        **{name: getattr(fit, name) for name in ("protocol", "pretraining", "policy", "scheme")},
        "models": study.settings("table2")["models"],
        "networks": {**networks, "pixels": training["pixels"], "epochs": training["epochs"]},
    }


def components_titles(study: Study) -> list[str]:
    """Return the features, the protocol and the fold whose principal components are shown."""
    names = [NAMED.get(name, name) for name in study.components_shown]
    return [f"{name} features, {study.fits('table2')[0].protocol} fold 0" for name in names]


def feature_map(study: Study) -> tuple[str, str]:
    """Return the features of the report's map, and the file of their principal components.

    They are the first that figure 8 shows, where it shows any, else those of fine-tuned networks.
    """
    shown = if_available(lambda: list(zip(components_titles(study), study.components_shown.values(), strict=True)))
    return shown[0] if shown else ("fine-tuned features, strict fold 0", components_of_tuned(study.explained))


def _tuned_networks(study: Study) -> dict[str, Input]:
    """Return the outputs of the networks behind the fine-tuned features of tables 2 to 4, and their splits."""
    fits = [fit for fit in study.fits_if_any("table2", "table3", "table4") if fit.features == "tuned"]
    if not fits:
        raise Unavailable("no model of Tables 2 to 4 is fitted on fine-tuned features.")
    networks = list(dict.fromkeys(path for fit in fits for path in study.outputs(fit)))
    protocols = list(dict.fromkeys(NetworkSpec.from_path(path).protocol for path in networks))
    return {
        "outputs": Input("arrays", networks, networks),
        "splits": Input("table", [splits_path(name) for name in protocols], protocols),
        "published": _published("tuned_networks"),
    }


def _blocks(study: Study) -> tuple[list[str], list[str]]:
    """Return the features of the first chunk of micrographs, and their blocks."""
    pretraining = study.fits("table2")[0].pretraining
    return [f"results/features/{pretraining}/{block}/0000.npz" for block in BLOCKS], list(BLOCKS)


def _of_blocks(study: Study) -> list[str]:
    """Return the principal components of Table 2."""
    if not (paths := study.components("table2")):
        raise Unavailable("experiments.table2.blocks names no block of the network.")
    return paths


def _searches(study: Study) -> list[str]:
    """Return the grid searches of the paper's tables and figures."""
    if not (fits := study.fits_if_any(*PAPER_TABLES)):
        raise Unavailable("Tables 2 to 4 and Figure 3 have no fit.")
    return study.searches(fits)


def _curves(study: Study) -> list[str]:
    """Return the training curves of the networks of Tables 3 and 4 and of Figure 3."""
    if not (curves := study.curves(study.fits_if_any("table3", "table4", "fig3"))):
        raise Unavailable("no network is fine-tuned for Tables 3 and 4 or Figure 3.")
    return curves


def _ordered(study: Study) -> list[FitSpec]:
    """Return the ordinal fits and the regression of figure 7, in every repeat."""
    study.settings("table4")
    fits = study.repeated_if_any("table4", model=["GBC"], scheme=["regression"])
    fits += study.repeated_if_any("table4", model=["MLP", "CNN"], scheme=["nnrank"])
    if not fits:
        raise Unavailable("experiments.table4 has neither the regression of GBC nor the scheme nnrank of MLP or CNN.")
    return fits


def _scanned_again(study: Study) -> list[FitSpec]:
    """Return the strict fits of Table 4, unless every film is simulated once."""
    if study.config["scans"]["source"] == "simulated" and not study.config["simulation"]["scanned_twice"]:
        raise Unavailable("every film has one scan.")
    return study.fits("table4", protocol=["strict"])


def _leaking(study: Study) -> list[FitSpec]:
    """Return the fits of the table of leakage, which compares with strict or published."""
    if not {"strict", "published", "as_run"} & {*study.settings("leakage")["protocols"]}:
        raise Unavailable("experiments.leakage.protocols has neither strict nor published to compare with.")
    return study.fits("leakage")


def _shown_by_sample(study: Study) -> list[FitSpec]:
    """Return the fit of figure 6: the CNN that is explained where Table 4 has no CNN."""
    model = study.config["figures"]["fig6_model"]
    if model == "CNN":
        return [*study.fits_if_any("table4", model=[model]), study.explained][:1]
    return study.fits("table4", model=[model])[:1]


def _network_beside(study: Study) -> dict[str, Input]:
    """Return the explained network for a comparison, where the study trains it anyway."""
    return {"network": Input("fit", study.predictions([study.explained]))} if study.makes(FINAL_MODEL) else {}


def _evidence(study: Study) -> dict[str, Input]:
    """Return the tables that the conclusions rest on, those that the study makes."""
    paths = {name: get(name).tables["tsv"] for name in EVIDENCE if study.makes(name) and not obstacle(name, study)}
    if study.makes(FINAL_MODEL):
        paths["performance"] = "results/final_model/performance.tsv"
    if not paths:
        raise Unavailable("no table is made that hypotheses are tested on.")
    return {"tables": Input("table", list(paths.values()), list(paths))}


def _attribution_tests(study: Study) -> dict[str, Input]:
    """Return the table of attribution tests, where the study makes it."""
    name = "attribution_tests"
    made = study.makes(name) and not obstacle(name, study)
    return {"tests": Input("table", get(name).tables["tsv"])} if made else {}


def _components(study: Study) -> Input:
    return Input("arrays", list(study.components_shown.values()), components_titles(study))


def _growth_variables(study: Study) -> dict[str, Input]:
    """Return the predictions of growth variables."""
    study.settings("what_can_be_read")
    return {name: Input("table", GROWTH_VARIABLES.format(table=name)) for name in ("predictions", "variables")}


OUTPUTS = (
    Output(
        "table1", "Table 1", "Images by policy", STUDY,
        inputs=lambda study: {
            "augmentations": Input(
                "table", [f"results/augmented/{policy}/images.tsv" for policy in POLICIES], list(POLICIES)
            ),
            "splits": Input(
                "table", [f"results/splits/{name}.tsv" for name in study.paper_protocols], study.paper_protocols
            ),
            "published": _published("table1"),
        },
        params=lambda study: {**_basic(study), "seed": study.config["seed"]},
        table="table1", folded=True,
    ),
    Output(
        "fig1", "Figure 1", "The flow of this run", STUDY,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "scans": Input("paths", SCANS),
            "heights": Input("paths", "results/heights/{shard}"),
            "micrographs": Input("paths", "results/micrographs/{shard}"),
            "splits": Input("table", study.fits("table2")[0].splits_path),
            "features": Input("paths", _blocks(study)[0]),
            "components": Input("paths", _of_blocks(study)),
        },
        params=lambda study: {
            **_basic(study),
            "flow": _flow(study),
            "reading": {name: study.config["scans"][name] for name in ("channels", "direction")},
        },
        figure="fig1:draw", early=True,
    ),
    Output(
        "fig2", "Figure 2", "Samples by class", STUDY,
        inputs=_films,
        params=_basic,
        figure="fig2:draw", early=True,
    ),
    Output(
        "fidelity", "Fidelity", "Steps of the paper, of its notebooks and of this run", STUDY,
        inputs=lambda study: {"procedure": _published("procedure")},
        params=lambda study: {"settings": study.fidelity, "data": study.data},
        table="fidelity", folded=True, sentences=True,
    ),
    Output(
        "table2", "Table 2", "Accuracy by network block", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, study.repeated("table2")),
            "published": _published("values"),
            "channels": _published("channels"),
            "shapes": Input("shapes", *_blocks(study)),
        },
        params=_scored,
        table="table2",
    ),
    Output(
        "table3", "Table 3", "Accuracy by pre-training", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, study.repeated("table3")),
            "baselines": _without_network(study),
            "published": _published("values"),
        },
        params=_scored,
        table="table3",
    ),
    Output(
        "table4", "Table 4", "Accuracy and error by scheme", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, study.repeated("table4")),
            "baselines": _without_network(study),
            "published": _published("values"),
        },
        params=_scored,
        table="table4",
    ),
    Output(
        "regression", "Regression", "Errors and prediction intervals of the regression", PERFORMANCE,
        inputs=lambda study: {"fits": _fits(study, study.repeated("table4", scheme=["regression"]))},
        params=lambda study: {**_scored(study), "coverage": study.config["final_model"]["coverage"]},
        table="regression", figure="regression:draw",
    ),
    Output(
        "tuned_networks", "Fine-tuned networks", "Accuracy of the networks behind the fine-tuned features", PERFORMANCE,
        inputs=_tuned_networks,
        params=_basic,
        table="tuned_networks", folded=True,
    ),
    Output(
        "tableS1", "Table S1", "Hyperparameters chosen", PERFORMANCE,
        inputs=lambda study: {
            "searches": Input(
                "searches",
                _searches(study),
            ),
            "published": _published("production"),
        },
        params=lambda study: {"data": study.data},
        table="tableS1", folded=True,
    ),
    Output(
        "fig3", "Figure 3", "Accuracy by augmentation policy", PERFORMANCE,
        inputs=lambda study: {"fits": _fits(study, study.repeated("fig3")), "published": _published("values")},
        params=lambda study: {**_basic(study), "metric": "accuracy"},
        figure="fig3_fig4:draw_by_policy",
    ),
    Output(
        "figS2", "Figure S2", "Macro F1 by augmentation policy", PERFORMANCE,
        inputs=lambda study: {"fits": _fits(study, study.repeated("fig3")), "published": _published("values")},
        params=lambda study: {**_basic(study), "metric": "macro_f1"},
        figure="fig3_fig4:draw_by_policy",
    ),
    Output(
        "fig4", "Figure 4", "Models compared", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, study.repeated("table4", scheme=["nominal"])),
            "published": _published("values"),
        },
        params=_scored,
        figure="fig3_fig4:draw_by_model",
    ),
    Output(
        "fig5", "Figure 5", "Confusion matrices of nominal models", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, study.repeated("table4", scheme=["nominal"], model=["GBC", "MLP", "CNN"])),
            "published": _published("confusion"),
        },
        params=lambda study: {**_basic(study), "item": "fig5", "title": "Test predictions of nominal models"},
        figure="fig5_fig7:draw_beside_paper",
    ),
    Output(
        "fig7", "Figure 7", "Confusion matrices of ordinal models and regressors", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(study, _ordered(study)),
            "published": _published("confusion"),
        },
        params=lambda study: {**_basic(study), "item": "fig7", "title": "Test predictions of ordered models"},
        figure="fig5_fig7:draw_beside_paper",
    ),
    Output(
        "confusion_table2", "Confusion of Table 2", "Confusion matrices of Table 2's models", PERFORMANCE,
        inputs=lambda study: {"fits": _fits(study, study.repeated("table2", **study.first("table2", "protocol")))},
        params=lambda study: {
            **_basic(study),
            "title": f"Table 2's models, protocol {study.fits('table2')[0].protocol}",
        },
        figure="fig5_fig7:draw_table2",
    ),
    Output(
        "training_curves", "Training curves", "Loss by epoch", PERFORMANCE,
        inputs=lambda study: {
            "curves": Input("paths", _curves(study)),
        },
        params=lambda study: {},
        figure="training_curves:draw",
    ),
    Output(
        "leakage", "Data leakage", "Data leakage of the published protocol", VALIDITY,
        inputs=lambda study: {
            "fits": _fits(study, _leaking(study)),
            "permuted": Input("permuted", study.permutations()),
        },
        params=lambda study: {**_scored(study), "n_candidates": _n_candidates(study)},
        table="leakage", figure="leakage:draw",
    ),
    Output(
        "baselines", "Baselines", "Baselines without images", VALIDITY,
        inputs=lambda study: {
            "fits": _fits(study, study.fits("baselines")),
            **_network_beside(study),
        },
        params=_scored,
        table="baselines", figure="baselines:draw",
    ),
    Output(
        "confounders", "Confounders", "Accuracy by subgroup", VALIDITY,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "fits": _fits(study, [study.explained]),
            "splits": _fits(study, study.regrouped()),
            "strict": _fits(study, study.regrouped("strict")),
        },
        params=lambda study: {
            **_scored(study),
            "untested": study.untested(),
            "extra_columns": study.config["scans"]["extra_columns"],
        },
        table="confounders", figure="confounders:draw", grouped=False,
    ),
    Output(
        "by_time", "Time", "Metadata and later days beside the headline", VALIDITY,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "fits": _fits(study, study.repeated_if_any("table2", protocol=["strict"])),
            "network": Input("fit", study.predictions([study.explained])),
            "metadata": _fits(study, study.fits_if_any("baselines", protocol=["strict"], features=["metadata"])),
            "splits": _fits(study, study.regrouped()),
            "strict": _fits(study, study.regrouped("strict")),
        },
        params=lambda study: {**_scored(study), "untested": study.untested()},
        table="by_time", sentences=True, grouped=False,
    ),
    Output(
        "calibration", "Calibration", "Calibration", VALIDITY,
        inputs=lambda study: {"fits": _fits(study, study.with_probabilities)},
        params=lambda study: {**_scored(study), "coverage": study.config["final_model"]["coverage"]},
        table="calibration", figure="calibration:draw",
    ),
    Output(
        "noise_floor", "Noise floor", "Disagreement between scans of one film", VALIDITY,
        inputs=lambda study: {"fits": _scans(study, _scanned_again(study))},
        params=_scored,
        table="noise_floor", folded=True,
    ),
    Output(
        "learning_curve", "Learning curve", "Accuracy by number of training samples", VALIDITY,
        inputs=lambda study: {"fits": _fits(study, study.fits("learning_curve"))},
        params=_scored,
        table="learning_curve", figure="learning_curve:draw",
    ),
    Output(
        "transfer", "Transfer", "Accuracy by pre-training and number of training samples", VALIDITY,
        inputs=lambda study: {"fits": _fits(study, study.fits("transfer"))},
        params=lambda study: {**_scored(study), "n_source": study.config["pretraining"]["simulated"]["samples"]},
        table="transfer", figure="transfer:draw",
    ),
    Output(
        "what_can_be_read", "What can be read", "Growth variables read off the micrographs", VALIDITY,
        inputs=_growth_variables,
        params=_scored,
        table="what_can_be_read", figure="what_can_be_read:draw",
    ),
    Output(
        "fig6", "Figure 6", "Predictions by sample", FILMS,
        inputs=lambda study: {
            **_films(study),
            "fits": _scans(study, _shown_by_sample(study)),
        },
        params=_basic,
        figure="fig6:draw_pages", pages=True,
    ),
    Output(
        "fig10", "Figure 10", "Class activation maps and occlusion", FILMS,
        inputs=lambda study: {
            **_films(study),
            "maps": Input("paths", study.attributions("fold{fold}.npz")),
            "fits": _scans(study, [study.explained]),
            **_attribution_tests(study),
        },
        params=lambda study: {**_basic(study), "films_per_class": study.config["attribution"]["films_per_class"]},
        figure="fig10:draw",
    ),
    Output(
        "attribution_tests", "Attribution tests", "Faithfulness of the attribution maps", FILMS,
        inputs=lambda study: {"tests": Input("table", study.attributions("metrics{fold}.tsv"))},
        params=lambda study: {
            "n_bootstrap": study.config["evaluation"]["n_bootstrap"],
            "seed": study.config["seed"],
            "data": study.data,
            "network": {
                name: getattr(study.explained, name) for name in ("protocol", "pretraining", "policy", "scheme")
            },
        },
        table="attribution_tests", figure="attribution_tests:draw",
    ),
    Output(
        "fig8", "Figure 8", "Principal components by class", FILMS,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "components": _components(study),
        },
        params=_basic,
        figure="fig8_fig9:draw_fig8",
    ),
    Output(
        "fig9", "Figure 9", "Micrographs at their principal components", FILMS,
        inputs=lambda study: {**_films(study), "components": _components(study)},
        params=_basic,
        figure="fig8_fig9:draw_fig9",
    ),
    Output(
        "component_correlations", "Component correlations", "Principal components and topography", FILMS,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "components": _components(study),
            "topography": Input("table", "results/topography/topography.tsv"),
            **(
                {"truth": Input("table", "resources/truth/{shard}.tsv")}
                if study.config["scans"]["source"] == "simulated"
                else {}
            ),
        },
        params=lambda study: {
            **_basic(study),
            "n_bootstrap": study.config["evaluation"]["n_bootstrap"],
            "seed": study.config["seed"],
        },
        table="component_correlations",
    ),
    Output(
        "conclusions", "Conclusions", "Hypotheses and verdicts", CONCLUSIONS,
        inputs=_evidence,
        params=lambda study: {
            "data": study.data,
            "network": {name: getattr(study.explained, name) for name in ("pretraining", "policy", "scheme")},
        },
        table="conclusions", folded=True, sentences=True,
    ),
)  # fmt: skip
