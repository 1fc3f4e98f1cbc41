"""Registry of the tables and figures: rules, `rule all`, the report and the tests read it.

A new table is a module in `evaluation/` with ``make_table`` and ``panels``, a new figure a module in `figures/` with a
function that draws; either needs one row here and a caption in `workflow/report/{name}.rst`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from micrograph.errors import lookup
from micrograph.experiments import BLOCKS, POLICIES, Study
from micrograph.models import registry
from micrograph.splits.fit_spec import NetworkSpec, splits_path

SAMPLES = "results/micrographs/samples.tsv"
PUBLISHED = "resources/published/"  # ships with the workflow
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
    wide : bool
        Whether the figure is two columns wide.
    image : str
        Ending of the image in the report.
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
    wide: bool = True
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


def requested(study: Study) -> list[Output]:
    """Return the rows that the config asks for: those of `experiments.only`, or all."""
    only = study.config["experiments"]["only"]
    return [row for row in OUTPUTS if only is None or row.name in only]


def readers(name: str, study: Study) -> dict[str, tuple]:
    """Return how each argument of a table or figure is read: {argument: (reader, keys)}."""
    return {argument: (given.reader, given.keys) for argument, given in get(name).inputs(study).items()}


def _fits(study: Study, fits: Iterable) -> Input:
    return Input("fits", study.predictions(fits))


def _basic(study: Study) -> dict[str, Any]:
    return {"target": study.config["target"], "data": study.data}


def _scored(study: Study) -> dict[str, Any]:
    """Return the parameters of tables with intervals."""
    return {
        "target": study.config["target"],
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
    return _fits(study, study.fits("baselines", protocol=["strict"]))


def _flow(study: Study) -> dict[str, Any]:
    """Return the parameters of figure 1."""
    experiments, training = study.config["experiments"], study.config["training"]
    fit = study.fits("table2")[0]
    lists = {"policies": "fig3", "pretraining": "table3", "schemes": "table4", "models": "table4"}
    networks = {name: experiments[table][name] for name, table in lists.items()}
    return {
        **{name: getattr(fit, name) for name in ("protocol", "pretraining", "policy", "scheme")},
        "models": experiments["table2"]["models"],
        "networks": {**networks, "pixels": training["pixels"], "epochs": training["epochs"]},
    }


def components_titles(study: Study) -> list[str]:
    """Return the features, the protocol and the fold whose principal components are shown."""
    names = [NAMED.get(name, name) for name in study.components_shown]
    return [f"{name} features, {study.fits('table2')[0].protocol} fold 0" for name in names]


def _tuned_networks(study: Study) -> dict[str, Input]:
    """Return the outputs of the networks behind the fine-tuned features of tables 2 to 4, and their splits."""
    fits = [fit for name in ("table2", "table3", "table4") for fit in study.fits(name) if fit.features == "tuned"]
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


def _components(study: Study) -> Input:
    return Input("arrays", list(study.components_shown.values()), components_titles(study))


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
            "components": Input("paths", study.components("table2")),
        },
        params=lambda study: {
            **_basic(study),
            "flow": _flow(study),
            "reading": {name: study.config["scans"][name] for name in ("channels", "direction")},
        },
        figure="fig1:draw", early=True,
    ),
    Output(
        "fig2", "Figure 2", "Samples by growth temperature", STUDY,
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
                study.searches([fit for name in ("table2", "fig3", "table3", "table4") for fit in study.fits(name)]),
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
        figure="fig5_fig7:draw_beside_paper", wide=False,
    ),
    Output(
        "fig7", "Figure 7", "Confusion matrices of ordinal models and regressors", PERFORMANCE,
        inputs=lambda study: {
            "fits": _fits(
                study,
                study.repeated("table4", model=["GBC"], scheme=["regression"])
                + study.repeated("table4", model=["MLP", "CNN"], scheme=["nnrank"]),
            ),
            "published": _published("confusion"),
        },
        params=lambda study: {**_basic(study), "item": "fig7", "title": "Test predictions of ordered models"},
        figure="fig5_fig7:draw_beside_paper", wide=False,
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
            "curves": Input("paths", study.curves(study.fits("table3") + study.fits("table4") + study.fits("fig3"))),
        },
        params=lambda study: {},
        figure="training_curves:draw",
    ),
    Output(
        "leakage", "Data leakage", "Data leakage of the published protocol", VALIDITY,
        inputs=lambda study: {
            "fits": _fits(study, study.fits("leakage")),
            "permuted": Input("permuted", study.permutations()),
        },
        params=lambda study: {**_scored(study), "n_candidates": _n_candidates(study)},
        table="leakage", figure="leakage:draw",
    ),
    Output(
        "baselines", "Baselines", "Baselines without images", VALIDITY,
        inputs=lambda study: {
            "fits": _fits(study, study.fits("baselines")),
            "network": Input("fit", study.predictions([study.explained])),
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
        params=lambda study: {**_scored(study), "untested": study.untested()},
        table="confounders", figure="confounders:draw", grouped=False,
    ),
    Output(
        "by_time", "Time", "Metadata and later days beside the headline", VALIDITY,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "fits": _fits(study, study.repeated("table2", protocol=["strict"])),
            "network": Input("fit", study.predictions([study.explained])),
            "metadata": _fits(study, study.fits("baselines", protocol=["strict"], features=["metadata"])),
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
        "learning_curve", "Learning curve", "Accuracy by number of training samples", VALIDITY,
        inputs=lambda study: {"fits": _fits(study, study.fits("learning_curve"))},
        params=_scored,
        table="learning_curve", figure="learning_curve:draw",
    ),
    Output(
        "fig6", "Figure 6", "Predictions by sample", FILMS,
        inputs=lambda study: {
            **_films(study),
            "fits": _fits(study, study.fits("table4", model=[study.config["figures"]["fig6_model"]])[:1]),
        },
        params=_basic,
        figure="fig6:draw_pages", pages=True,
    ),
    Output(
        "fig10", "Figure 10", "Class activation maps and occlusion", FILMS,
        inputs=lambda study: {
            **_films(study),
            "maps": Input("paths", study.attributions("fold{fold}.npz")),
            "fits": _fits(study, [study.explained]),
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
        "fig8", "Figure 8", "Principal components by growth temperature", FILMS,
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
        figure="fig8_fig9:draw_fig9", image="png",
    ),
    Output(
        "component_correlations", "Component correlations", "Principal components and topography", FILMS,
        inputs=lambda study: {
            "samples": Input("table", SAMPLES),
            "components": _components(study),
            "topography": Input("table", "results/topography/topography.tsv"),
            **({"truth": Input("table", "resources/truth/{shard}.tsv")} if study.data == "simulated films" else {}),
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
        inputs=lambda study: {
            "tables": Input(
                "table",
                [*(f"results/tables/{name}.tsv" for name in EVIDENCE), "results/final_model/performance.tsv"],
                [*EVIDENCE, "performance"],
            ),
        },
        params=lambda study: {
            "data": study.data,
            "network": {name: getattr(study.explained, name) for name in ("pretraining", "policy", "scheme")},
        },
        table="conclusions", folded=True, sentences=True,
    ),
)  # fmt: skip
