"""Config, sample sheet, wildcards, and input functions of several rules.

Reads config.yaml (checked and completed with defaults by micrograph/config.py) and, for the source folder, the sample
sheet.
"""

import os
import sys
from functools import cache, partial
from math import ceil
from pathlib import Path

from micrograph import experiments, io, outputs
from micrograph.config import schemes_left_out, validate
from micrograph.errors import exit_with_message
from micrograph.experiments import BLOCKS, POLICIES, SCHEMES
from micrograph.models import registry
from micrograph.project import PACKAGE, PROJECT, export_package
from micrograph.provenance import record
from micrograph.provenance.code_dependencies import code_files
from micrograph.rng import random_stream
from micrograph.scans import hazards, sample_sheet
from micrograph.splits import protocols
from micrograph.splits.fit_spec import WITHOUT_NETWORK, FitSpec, NetworkSpec, folds_of, splits_path
from micrograph.target import PAPER_TARGET, Target

export_package()  # to scripts
COMPLETED = exit_with_message(validate, config, CONFIG_FILES, workflow.config_settings.config)
SCHEMES_LEFT_OUT = schemes_left_out(config)
config.update(COMPLETED)
TARGET = Target.from_config(config["target"])
config["target"] |= {"name": TARGET.name, "unit": TARGET.unit}

RUN = record.Run(config, workflow.configfiles)
SOURCE = config["scans"]["source"]
SIMULATED = SOURCE == "simulated"
# What the sheet of simulated films has in place of growth_seconds, if that is predicted.
SIMULATED_COLUMNS = [name for name in ("growth_minutes",) if SIMULATED and config["target"]["column"] == name]
FETCHED = SOURCE in ("zenodo", "list")
BACKBONE = config["networks"]["backbone"]
PREPROCESSING = {
    **{name: config["scans"][name] for name in ("channels", "direction", "gwyddion_timeout_seconds")},
    **{name: config["micrographs"][name] for name in ("pixels", "clip_percentiles", "aspect")},
    "levelling": config["heights"]["levelling"],
}
SAMPLES = "results/micrographs/samples.tsv"
PRETRAINED_ON_SIMULATION = "results/pretraining/simulated.safetensors"
# Chunks hold whole batches, so that features do not depend on the chunks.
MICROGRAPHS_PER_JOB = (
    ceil(config["features"]["micrographs_per_job"] / config["networks"]["batch_size"])
    * config["networks"]["batch_size"]
)


wildcard_constraints:
    protocol=protocols.PATTERN,
    pretraining="[a-z0-9]+",
    policy="|".join(POLICIES),
    block="|".join(BLOCKS),
    cev=r"\d+",
    features="|".join([rf"({'|'.join(BLOCKS)})_cev\d+", "tuned", "image", *WITHOUT_NETWORK]),
    scheme="|".join(registry.SCHEMES),
    head="|".join([*SCHEMES, "tuned"]),
    chunk=r"\d+(-\d+)?|all",
    fold=r"\d+",
    sample=r"[^/]+",
    seen=r"fold\d+|all",
    model="[A-Z]+",
    shard=r"\d{4}\d*",
    backbone="[A-Za-z0-9_.:-]+",


def code_of(script, *modules):
    """The package's files that a script and further modules import: inputs, so that changed code reruns the rule."""
    script = workflow.source_path(f"../scripts/{script}.py")
    return [str(PACKAGE / name) for name in code_files(script, *modules)]


@cache
def read_sheet(path):
    """The sample sheet on disk, checked; the main process checks that scans exist, and prints how cells were read."""
    is_main, notify = workflow.is_main_process, partial(print, file=sys.stderr)
    columns = sample_sheet.Columns.from_config(config["target"], config["scans"]["extra_columns"])
    return exit_with_message(sample_sheet.read, path, columns, is_main, notify if is_main else None)


@cache
def scans_to_predict():
    """The scans to predict; the main process prints how the cells of a sheet were read."""
    notify = partial(print, file=sys.stderr) if workflow.is_main_process else None
    list_new_scans = partial(sample_sheet.list_new_scans, notify=notify)
    return exit_with_message(list_new_scans, config["new_scans"])


def sheet():
    """The sample sheet; for retrieved scans, once the retrieval has written it."""
    path = getattr(checkpoints, f"retrieve_{SOURCE}").get().output.sheet if FETCHED else config["scans"]["sheet"]
    return read_sheet(path)


def planned_sheet():
    """The sample sheet, for simulated films before the run has written it."""
    if not SIMULATED:
        return sheet()
    from micrograph.simulation import simulate  # imports scipy, which other jobs do not need

    settings, rng = config["simulation"], random_stream(config["seed"], "plan_samples")
    extra = {name: settings[name] for name in ("operators", "scanned_twice", "between_classes")}
    extra["minutes"] = bool(SIMULATED_COLUMNS)
    return simulate.plan_samples(settings["samples"], settings["days"], settings["shares"], rng, **extra)


def planned_samples():
    """The samples of the sheet with their classes."""
    return STUDY.target.add_to(planned_sheet())


PLAN = outputs.Plan.of(experiments.Study(config, planned_samples))
STUDY = PLAN.study
EXPLAINED = STUDY.explained
WITH_FINAL_MODEL = STUDY.makes(experiments.FINAL_MODEL)
LEFT_OUT = {name: f"the target {STUDY.target.name} has no order." for name in SCHEMES_LEFT_OUT} | PLAN.left_out

if SCHEMES_LEFT_OUT and workflow.is_main_process:
    print(f"The target {STUDY.target.name} has no order; left out: {', '.join(SCHEMES_LEFT_OUT)}.", file=sys.stderr)

if SOURCE == "folder" and workflow.is_main_process:
    for hazard in hazards.find(planned_samples(), STUDY.target):
        print(f"Check the sheet: {hazard}", file=sys.stderr)


def count_of_scans():
    """Number of scans, including those that will be rejected."""
    films = config["simulation"]["samples"]
    return films + round(config["simulation"]["scanned_twice"] * films) if SIMULATED else len(sheet())


if not FETCHED and workflow.is_main_process:
    os.environ.update(MICROGRAPH_SCANS=str(count_of_scans()))  # for the estimate of --logger progress


@cache
def samples_to_split():
    """The table of samples; before the run it is checked that those of the sheet can be split as the study asks."""
    if not FETCHED and workflow.is_main_process:
        exit_with_message(STUDY.check_splits)
    return SAMPLES


def shards():
    """Names of the shards of scans: 0000, 0001, ..."""
    return [f"{shard:04d}" for shard in range(ceil(count_of_scans() / config["scans"]["scans_per_shard"]))]


def of_all_shards(*paths):
    """The files of all shards; for retrieved scans an input function, because their number is not known before."""
    return (lambda wildcards: expand(paths, shard=shards())) if FETCHED else expand(paths, shard=shards())


def sheet_of_shard(wildcards):
    """The rows of the sheet of one shard."""
    return sample_sheet.shard(sheet(), int(wildcards.shard), config["scans"]["scans_per_shard"])


def scans_of_shard(wildcards):
    """The raw scans of one shard: a simulated folder, or the files of the sheet."""
    return f"resources/scans/{wildcards.shard}" if SIMULATED else sheet_of_shard(wildcards)["scan"].tolist()


def rows_of_shard(wildcards):
    """The cells of the sheet that conversion reads: a change of others reruns no shard. None: of simulated films."""
    if SIMULATED:
        return None
    cells = ["sample", "scan", "width_nm", "z_unit", "levelling"]
    return sheet_of_shard(wildcards)[cells].astype(object).to_dict("records")


def all_scans():
    """The raw scans of the study: simulated folders, or the files of the sheet."""
    return expand("resources/scans/{shard}", shard=shards()) if SIMULATED else sheet()["scan"].tolist()


def images_of(policy):
    """The folders of training images under a policy: all micrographs, and augmented images."""
    made = [f"augmented/{policy}"] if policy in experiments.AUGMENTING else []
    return expand("results/{folder}/{shard}", folder=["micrographs", *made], shard=shards())


def weights_path(pretraining):
    """The weights of a pre-training that are the same for all folds: retrieved, of simulated films, none for scratch."""
    if pretraining == "simulated":
        return [PRETRAINED_ON_SIMULATION]
    return [] if pretraining == "scratch" else [f"resources/weights/{BACKBONE}-{pretraining}.safetensors"]


def weights_of(protocol, pretraining, folds):
    """The initial weights of the networks of these folds: those of all folds, or pre-trained for each fold."""
    if pretraining != "films":
        return weights_path(pretraining)
    seen = ["all"] if "pca_on_all" in protocols.parse(protocol).leaks else [f"fold{fold}" for fold in folds]
    return expand(
        "results/pretraining/{protocol}/{seen}.safetensors",
        protocol=protocols.as_seen_by("splits", protocol),
        seen=seen,
    )


def features_of_blocks(pretraining, blocks):
    """The features of all micrographs, by block and chunk; with rejected scans the last chunks may be empty."""
    chunks = [f"{chunk:04d}" for chunk in range(ceil(count_of_scans() / MICROGRAPHS_PER_JOB))]
    return expand(f"results/features/{pretraining}/{{block}}/{{chunk}}.npz", block=blocks, chunk=chunks)


def blocks_of(names):
    """The blocks of principal components: block2_cev85, block2_cev99 -> block2."""
    return list(dict.fromkeys(name.split("_cev")[0] for name in names))


def network_folder(wildcards):
    """The folder of the chunk of folds that holds the network of one fold."""
    network = NetworkSpec(wildcards.protocol, wildcards.pretraining, wildcards.policy, wildcards.scheme)
    chunks = STUDY.chunks(network, wildcards.protocol)
    return [f"{network.folder}/folds{chunk}" for chunk in chunks if int(wildcards.fold) in folds_of(chunk)]


def inputs_of(name):
    """The input files of a table or figure, by argument."""
    return {argument: files_of(given.paths) for argument, given in exit_with_message(PLAN.inputs, name).items()}


def files_of(paths):
    """The files of one argument: published values, raw scans, files of all shards, or the paths as given."""
    if paths == outputs.SCANS:
        return all_scans()
    if isinstance(paths, str) and paths.startswith(outputs.PUBLISHED):
        return workflow.source_path(f"../../{paths}")
    return expand(paths, shard=shards()) if "{shard}" in paths else paths


def facts_of(row):
    """The values of a row of the registry: in params, so that a change reruns the job."""
    return {name: value for name, value in vars(row).items() if not callable(value)}


def add_to_main(event, own):
    """Let the main workflow run a handler of this module before its own, which may be defined already or later."""
    register, earlier = getattr(workflow, event), getattr(workflow, f"_{event}")
    setattr(workflow, event, lambda later: register(lambda log: (own(), later(log))))
    setattr(workflow, f"_{event}", lambda log: (own(), earlier(log)))


def end_of_run(outcome):
    """The closing message: scans read and rejected, the provenance record, the path of the report, the headline."""
    summary, page = Path("results/micrographs/summary.txt"), Path("results/report/index.html")
    text = summary.read_text(encoding="utf-8") if summary.is_file() else ""
    text += record.write(Path(), RUN, outcome)
    predicted = Path("results/new/predictions.tsv")
    if outcome == "finished" and predicted.is_file() and predicted.stat().st_mtime >= RUN.started:
        from micrograph.prediction import new_scans

        return "\n".join(
            [text, *new_scans.summary(io.read_table(predicted), "results/new/index.html", STUDY.target.unit)]
        )
    if outcome != "finished" or not page.is_file():
        return text
    headline = page.with_name("headline.txt")
    return f"{text}The report is {page.resolve()}\n{headline.read_text(encoding='utf-8') if headline.is_file() else ''}"
