"""Sheets, validation, wildcard limits, and the helpers that answer a rule's questions.

Needs config.yaml (checked here against workflow/schemas) and, for one's own scans, the sample sheet.
"""

from math import ceil
from pathlib import Path

import yaml

from micrograph import experiments, settings, sources
from micrograph.scans import sheets
from micrograph.faults import told

BLOCKS = ["block2", "block3", "block4", "pool"]


wildcard_constraints:
    protocol="strict|published",
    pretraining="[a-z0-9]+",
    policy="aug[1-4]",
    block="block2|block3|block4|pool",
    cev=r"\d+",
    features=r"(block2|block3|block4|pool)_cev\d+|tuned|image",
    scheme="nominal|nnrank|corn|regression",
    head="nominal|nnrank|corn|regression|tuned",
    chunk=r"\d+(-\d+)?",
    seen=r"fold\d+|all",
    model="[A-Z]+",
    shard=r"\d{4}",
    backbone="[A-Za-z0-9_.:-]+",


with open(workflow.source_path("../schemas/config.schema.yaml"), encoding="utf-8") as schema:
    told(settings.check, config, yaml.safe_load(schema))

SIMULATED = config["scans"]["source"] == "simulated"
SHEET = None if SIMULATED else told(sheets.read, config["scans"]["sheet"], config["classes"])
DATA = "simulated films" if SIMULATED else "real films"
PROTOCOLS = [name for name in ("strict", "published") if name in str(config["experiments"])]
POLICIES = ["aug1", "aug2", "aug3", "aug4"]

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


def asked(experiment, **words):
    """The fits that an experiment asks for, those alone that carry the words: asked("table4", model=["GBC"])."""
    return experiments.keep(experiments.fits(config["experiments"][experiment]), **words)


def first(experiment, *names):
    """The first of the experiment's words of each name, for what shows one fit only, as keywords for `asked`."""
    return {name: [asked(experiment)[0][name]] for name in names}


def said(experiment):
    """The words of an experiment's first fit, and all its models: for a figure to say what it shows."""
    fit = asked(experiment)[0]
    words = {name: fit[name] for name in ("protocol", "pretraining", "policy", "scheme")}
    return {**words, "models": config["experiments"][experiment]["models"]}


def networks_said():
    """What is fine-tuned, for figure 1 to say."""
    asked_for = config["experiments"]
    words = {"policies": "fig3", "pretraining": "table3", "schemes": "table4", "models": "table4"}
    networks = {name: asked_for[table][name] for name, table in words.items()}
    return {**networks, **{name: config["training"][name] for name in ("pixels", "epochs")}}


def predictions_of(fits):
    """The predictions of these fits, each once."""
    path = "results/predictions/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv"
    return list(dict.fromkeys(path.format(**fit) for fit in fits))


def choices_of(fits):
    """The settings that each fold of these fits chose."""
    path = "results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}_choices.tsv"
    return list(dict.fromkeys(path.format(**fit) for fit in fits))


def components_of(experiment):
    """The principal components behind the first fit of an experiment, for every set of features that has them."""
    fits = asked(experiment, **first(experiment, "protocol", "pretraining"))
    paths = ["results/components/{protocol}/{pretraining}/{features}.npz".format(**fit) for fit in fits]
    return list(dict.fromkeys(path for path in paths if "_cev" in path))


def components_shown():
    """The principal components that figures 8 and 9 show."""
    fit, cev = asked("table2")[0], config["experiments"]["table2"]["cev"][0]
    return f"results/components/{fit['protocol']}/{fit['pretraining']}/{config['figures']['components']}_cev{cev}.npz"


def micrographs_shown():
    """The fit whose answers figure 6 puts beside the micrographs."""
    return asked("table4", model=[config["figures"]["micrographs"]], **first("table4", "protocol", "scheme"))


def ordered_shown():
    """The fits of figure 7: the paper's regressor and ordinal networks."""
    return asked("table4", model=["GBC"], scheme=["regression"]) + asked(
        "table4", model=["MLP", "CNN"], scheme=["nnrank"]
    )


def features_of_fit(wildcards):
    """What a model on features learns from: principal components, or the fine-tuned features of its policy."""
    fit = "{protocol}/{pretraining}/{policy}" if wildcards.features == "tuned" else "{protocol}/{pretraining}"
    folder, name = ("features", "tuned") if wildcards.features == "tuned" else ("components", "{features}")
    return f"results/{folder}/{fit}/{name}.npz".format(**wildcards)


def chunks(protocol, head):
    """The folds that are trained by one job each; of published tuned features the last fold alone, as in the paper."""
    folds = config["splits"]["folds"]
    if (protocol, head) == ("published", "tuned"):
        return [str(folds - 1)]
    return experiments.chunks(folds, config["training"]["folds_per_job"])


def answers_of(wildcards, head=None):
    """The outputs of every fold's network of one head; of the scheme's own head where none is named."""
    path = "results/networks/{protocol}/{pretraining}/{policy}/{head}/answers{chunk}.npz"
    words = {**wildcards, "head": head or wildcards.scheme}
    return expand(path, **words, chunk=chunks(wildcards.protocol, words["head"]))


def tuned_answers(wildcards):
    """The outputs of the networks that fine-tuned features are taken from."""
    return answers_of(wildcards, "tuned")


def tuned_curves(wildcards):
    """The learning curves of the networks that fine-tuned features are taken from."""
    return curves_of([{**wildcards, "features": "tuned"}])


def curves_of(fits):
    """The learning curves of the networks behind these fits."""
    path = "results/networks/{protocol}/{pretraining}/{policy}/{head}/curves{chunk}.tsv"
    heads = {"image": lambda fit: fit["scheme"], "tuned": lambda fit: "tuned"}
    words = [{**fit, "head": heads[fit["features"]](fit)} for fit in fits if fit["features"] in heads]
    paths = [path.format(**fit, chunk=chunk) for fit in words for chunk in chunks(fit["protocol"], fit["head"])]
    return list(dict.fromkeys(paths))


def weights_before_tuning(wildcards):
    """The weights that a chunk's networks start from: fetched once, random (none), or this pipeline's own by fold."""
    if wildcards.pretraining == "scratch":
        return []
    if wildcards.pretraining != "films":
        return [f"resources/weights/{config['networks']['backbone']}-{wildcards.pretraining}.safetensors"]
    seen = [f"fold{fold}" for fold in experiments.folds_of(wildcards.chunk)]
    return expand(
        "results/pretraining/{protocol}/{seen}.safetensors",
        protocol=wildcards.protocol,
        seen=seen if wildcards.protocol == "strict" else ["all"],
    )


def weights_before_pretraining():
    """The weights that the pretraining `films` starts from."""
    start = config["pretraining"]["films"]["start"]
    return [] if start == "scratch" else [f"resources/weights/{config['networks']['backbone']}-{start}.safetensors"]


def copies_of_policy(wildcards):
    """The tables of a policy's pictures, shard by shard, where it makes any: aug1 and aug2."""
    made = wildcards.policy in ("aug1", "aug2")
    return expand("results/policies/{policy}/{shard}.tsv", policy=wildcards.policy, shard=shards()) if made else []


def pictures_of_policy(wildcards):
    """The folders of pictures that networks of a policy see."""
    folders = expand("results/micrographs/{shard}", shard=shards())
    made = wildcards.policy in ("aug1", "aug2")
    return folders + (expand(f"results/policies/{wildcards.policy}/{{shard}}", shard=shards()) if made else [])


def settings_of_head(wildcards):
    """The training settings of one head: a change of another head's reruns nothing here."""
    names = ("pixels", "precision", "epochs", "patience", "batch_norm_momentum")
    shared = {name: config["training"][name] for name in names}
    return {**shared, **config["training"][wildcards.head]}


def settings_of_mlp(wildcards):
    """The training settings of the MLP under one scheme."""
    mlp = config["training"]["mlp"]
    return {"epochs": mlp["epochs"], "patience": mlp["patience"], **mlp[wildcards.scheme]}


def end_of_run():
    """How many scans were read and rejected, and why, as far as the run came."""
    summary = Path("results/micrographs/summary.txt")
    return summary.read_text(encoding="utf-8") if summary.is_file() else ""
