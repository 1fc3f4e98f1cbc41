"""Sheets, validation, wildcard limits, and the helpers that answer a rule's questions.

Needs config.yaml (checked here, and completed with the defaults of micrograph/config_schema.py) and, for one's own scans, the
sample sheet.
"""

import sys
from functools import cache
from math import ceil
from pathlib import Path

from micrograph import config_schema as schema
from micrograph import experiments, files, protocols, sources
from micrograph.config import validate
from micrograph.provenance import record
from micrograph.scans import folders, sheets
from micrograph.faults import told

BLOCKS, POLICIES, SCHEMES = list(schema.BLOCKS), list(schema.POLICIES), list(schema.SCHEMES)


wildcard_constraints:
    protocol=protocols.PATTERN,
    pretraining="[a-z0-9]+",
    policy="|".join(POLICIES),
    block="|".join(BLOCKS),
    cev=r"\d+",
    features="|".join([rf"({'|'.join(BLOCKS)})_cev\d+", "tuned", "image", *experiments.WITHOUT_NETWORK]),
    scheme="|".join([*SCHEMES, "ordinal"]),
    head="|".join([*SCHEMES, "tuned"]),
    chunk=r"\d+(-\d+)?|all",
    fold=r"\d+",
    sample=r"[^/]+",
    seen=r"fold\d+|all",
    model="[A-Z]+",
    shard=r"\d{4}\d*",
    backbone="[A-Za-z0-9_.:-]+",


config.update(told(validate, config))

RUN = record.begin(sys.argv, config, workflow.configfiles)
SOURCE = config["scans"]["source"]
SIMULATED = SOURCE == "simulated"
FETCHED = SOURCE in ("zenodo", "list")
DATA = "simulated films" if SIMULATED else "real films"
ASKED = [name for words in config["experiments"].values() for name in words["protocols"]]
PROTOCOLS = [name for name in schema.BASES if name in ASKED]  # those of the paper's own tables
PRODUCTION = {name: config["final_model"][name] for name in ("pretraining", "policy", "scheme")}
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
    "search": config["models"]["param_grid"],
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
    return told(sheets.read, path, config["classes"], workflow.is_main_process)


def sheet():
    """The sample sheet that the scans are named by; fetched scans have one as soon as they are there."""
    path = getattr(checkpoints, f"retrieve_{SOURCE}").get().output.sheet if FETCHED else config["scans"]["sheet"]
    return read_sheet(path)


def count_of_scans():
    """How many scans the study has, those included that will be rejected."""
    return config["simulation"]["samples"] if SIMULATED else len(sheet())


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
    return sheets.shard(sheet(), int(wildcards.shard), config["scans"]["scans_per_shard"])["scan"].tolist()


def all_scans(wildcards):
    """The raw scans of the whole study: simulated folders, or the files that the sheet names."""
    return expand("resources/scans/{shard}", shard=shards()) if SIMULATED else sheet()["scan"].tolist()


def rows_of_shard(wildcards):
    """What the sheet says of these scans: a change of it reruns this conversion job, and no other line does."""
    if SIMULATED:
        return None
    rows = sheets.shard(sheet(), int(wildcards.shard), config["scans"]["scans_per_shard"])
    return rows[["sample", "scan", "width_nm"]].astype(str).to_numpy().tolist()


def end_of_run(outcome):
    """How many scans were read and rejected, and why, as far as the run came; what was entered into its record; and
    where the report is, if it is there."""
    summary = Path("results/micrographs/summary.txt")
    said = summary.read_text(encoding="utf-8") if summary.is_file() else ""
    page = "results/report/index.html"
    shown = f"The report is {page}" if outcome == "finished" and Path(page).is_file() else ""
    return said + record.write(Path(), RUN, outcome) + shown
