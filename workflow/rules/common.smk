"""Sheets, validation, wildcard limits, and the helpers that answer a rule's questions.

Needs config.yaml (checked here against workflow/schemas) and, for one's own scans, the sample sheet.
"""

import sys
from functools import cache
from math import ceil
from pathlib import Path

import yaml

from micrograph import experiments, io, settings, sources
from micrograph.provenance import record
from micrograph.scans import sample_sheet
from micrograph.splits import protocols
from micrograph.errors import exit_with_message

BLOCKS = ["block2", "block3", "block4", "pool"]


wildcard_constraints:
    protocol=protocols.PATTERN,
    pretraining="[a-z0-9]+",
    policy="aug[1-4]",
    block="block2|block3|block4|pool",
    cev=r"\d+",
    features=r"(block2|block3|block4|pool)_cev\d+|tuned|image|metadata|physical",
    scheme="nominal|nnrank|corn|regression|ordinal",
    head="nominal|nnrank|corn|regression|tuned",
    chunk=r"\d+(-\d+)?|all",
    fold=r"\d+",
    sample=r"[^/]+",
    seen=r"fold\d+|all",
    model="[A-Z]+",
    shard=r"\d{4}\d*",
    backbone="[A-Za-z0-9_.:-]+",


with open(workflow.source_path("../schemas/config.schema.yaml"), encoding="utf-8") as schema:
    exit_with_message(settings.check, config, yaml.load(schema, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))

RUN = record.begin(sys.argv, config, workflow.configfiles)
SOURCE = config["scans"]["source"]
SIMULATED = SOURCE == "simulated"
FETCHED = SOURCE in ("zenodo", "list")
DATA = "simulated films" if SIMULATED else "real films"
ASKED = [name for words in config["experiments"].values() for name in words["protocols"]]
PROTOCOLS = [name for name in ("strict", "published") if name in ASKED]  # those of the paper's own tables
POLICIES = ["aug1", "aug2", "aug3", "aug4"]
PRODUCTION = {name: config["production"][name] for name in ("pretraining", "policy", "scheme")}
STUDY = {name: words for name, words in config.items() if name != "new_scans"}  # new scans change no result
PREPROCESSING = {
    **{name: config["scans"][name] for name in ("channels", "direction", "gwyddion_timeout_seconds")},
    **{name: config["micrographs"][name] for name in ("pixels", "clip_percentiles", "aspect")},
    "levelling": config["heights"]["levelling"],
}
ATTRIBUTION = {name: config["attribution"][name] for name in ("patch", "stride", "baseline", "precision", "memory_mb")}
EXPLAINED = {"protocol": "strict", **PRODUCTION, "features": "image", "model": "CNN"}

# What a table says about how its fits were made.
SAID = {
    "data": DATA,
    "backbone": config["networks"]["backbone"],
    "search": config["models"]["search"],
    "pixels": config["training"]["pixels"],
    "epochs": config["training"]["epochs"],
}


def modules(rule_name):
    """The package's module files that a rule's script runs: inputs, so that a change of code reruns the rule."""
    return [module_file(name) for name in sources.modules_of(workflow.source_path(f"../scripts/{rule_name}.py"))]


@cache
def module_file(name):
    """The file of one of the package's modules, as an input; Snakemake takes a millisecond to find it."""
    return workflow.source_path(f"../micrograph/{name}.py")


@cache
def read_sheet(path):
    """The sample sheet on disk, checked; the files it names are looked for once, where the run is planned."""
    return exit_with_message(sample_sheet.read, path, config["classes"], workflow.is_main_process)


def sheet():
    """The sample sheet that the scans are named by; fetched scans have one as soon as they are there."""
    path = getattr(checkpoints, f"retrieve_{SOURCE}").get().output.sheet if FETCHED else config["scans"]["sheet"]
    return read_sheet(path)


def count_of_scans():
    """How many scans the study has, those included that will be rejected."""
    return config["simulate"]["samples"] if SIMULATED else len(sheet())


def shards():
    """The names of the conversion jobs: 0000, 0001, ..."""
    return [f"{shard:04d}" for shard in range(ceil(count_of_scans() / config["scans"]["scans_per_shard"]))]


def of_all_shards(*paths):
    """The files of every conversion job; where scans are fetched, a function that tells once their number is known."""
    return (lambda wildcards: expand(paths, shard=shards())) if FETCHED else expand(paths, shard=shards())


def scans_of_shard(wildcards):
    """The raw scans of one conversion job: a simulated folder, or the files that the sheet names."""
    if SIMULATED:
        return f"resources/scans/{wildcards.shard}"
    return sample_sheet.shard(sheet(), int(wildcards.shard), config["scans"]["scans_per_shard"])["scan"].tolist()


def all_scans(wildcards):
    """The raw scans of the whole study: simulated folders, or the files that the sheet names."""
    return expand("resources/scans/{shard}", shard=shards()) if SIMULATED else sheet()["scan"].tolist()


def rows_of_shard(wildcards):
    """What the sheet says of these scans: a change of it reruns this conversion job, and no other line does."""
    if SIMULATED:
        return None
    rows = sample_sheet.shard(sheet(), int(wildcards.shard), config["scans"]["scans_per_shard"])
    return rows[["sample", "scan", "width_nm"]].astype(str).to_numpy().tolist()


def end_of_run(outcome):
    """How many scans were read and rejected, and why, as far as the run came; what was entered into its record; and
    where the report is, if it is there."""
    summary = Path("results/micrographs/summary.txt")
    said = summary.read_text(encoding="utf-8") if summary.is_file() else ""
    page = "results/report/index.html"
    shown = f"The report is {page}" if outcome == "finished" and Path(page).is_file() else ""
    return said + record.write(Path(), RUN, outcome) + shown
