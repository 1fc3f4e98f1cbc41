"""Sheets, validation, wildcard limits, and the helpers that answer a rule's questions.

Needs config.yaml (checked here against workflow/schemas) and, for one's own scans, the sample sheet.
"""

from math import ceil
from pathlib import Path

import yaml

from micrograph import settings, sources
from micrograph.scans import sheets
from micrograph.faults import told

BLOCKS = ["block2", "block3", "block4", "pool"]


wildcard_constraints:
    protocol="strict|published",
    pretraining="[a-z0-9]+",
    policy="aug[1-4]",
    block="block2|block3|block4|pool",
    cev=r"\d+",
    features=r"(block2|block3|block4|pool)_cev\d+",
    scheme="nominal|regression",
    model="[A-Z]+",
    shard=r"\d{4}",
    backbone="[A-Za-z0-9_.:-]+",


with open(workflow.source_path("../schemas/config.schema.yaml"), encoding="utf-8") as schema:
    told(settings.check, config, yaml.safe_load(schema))

SIMULATED = config["scans"]["source"] == "simulated"
SHEET = None if SIMULATED else told(sheets.read, config["scans"]["sheet"], config["classes"])
DATA = "simulated films" if SIMULATED else "real films"


def modules(rule_name):
    """The package's module files that a rule's script runs: inputs, so that a change of code reruns the rule."""
    script = workflow.source_path(f"../scripts/{rule_name}.py")
    return [workflow.source_path(f"../micrograph/{name}.py") for name in sources.modules_of(script)]


def shards():
    """The names of the conversion jobs: 0000, 0001, ..."""
    scans = config["simulate"]["samples"] if SIMULATED else len(SHEET)
    return [f"{shard:04d}" for shard in range(ceil(scans / config["scans"]["scans_per_shard"]))]


def scans_of_shard(wildcards):
    """The raw scans of one conversion job: a simulated folder, or the files that the user's sheet names."""
    if SIMULATED:
        return f"resources/scans/{wildcards.shard}"
    return sheets.shard(SHEET, int(wildcards.shard), config["scans"]["scans_per_shard"])["scan"].tolist()


def rows_of_shard(wildcards):
    """What the user's sheet says of these scans: a change of it reruns this conversion job, and no other line does."""
    rows = None if SIMULATED else sheets.shard(SHEET, int(wildcards.shard), config["scans"]["scans_per_shard"])
    return None if SIMULATED else rows[["sample", "scan", "width_nm"]].to_csv(sep="\t", index=False)


def words_of(table):
    """Everything that config asks of a table, protocols included: {"protocol": [...], "blocks": [...], ...}."""
    return {"protocol": config["splits"]["protocols"], **config["experiments"][table]}


def shown(table, *whole):
    """What a figure shows where it can show one fit only: the first of each of a table's words, but all of `whole`."""
    return {name: words if name in whole else words[:1] for name, words in words_of(table).items()}


def said(table):
    """The same in single words, for a figure to say what it shows."""
    one = {name: words[0] for name, words in shown(table).items()}
    fit = {"protocol": one["protocol"], "pretraining": one["pretraining"], "policy": one["policies"]}
    return {**fit, "scheme": one["schemes"], "models": words_of(table)["models"]}


def predictions_of(words):
    """The predictions of every fit that the words ask for."""
    return expand(
        "results/predictions/{protocol}/{pretraining}/{policies}/{blocks}_cev{cev}/{schemes}/{models}.tsv", **words
    )


def components_of(words):
    """The principal components of every feature set that the words ask for."""
    return expand("results/components/{protocol}/{pretraining}/{blocks}_cev{cev}.npz", **words)


def components_shown():
    """The principal components that figures 8 and 9 show."""
    words = {**shown("table2"), "blocks": [config["figures"]["components"]]}
    return ", ".join(components_of(words))


def end_of_run():
    """How many scans were read and rejected, and why, as far as the run came."""
    summary = Path("results/micrographs/summary.txt")
    return summary.read_text(encoding="utf-8") if summary.is_file() else ""
