"""Needs the accepted samples, and their height maps and micrographs.
Gives results/splits: for each protocol, which sample is in which part of which fold;
and results/policies: for each augmentation policy, the pictures that networks are trained on.
"""


rule deal_folds:
    """Deal the samples into folds by one protocol; the invariants are checked before the file is written."""
    input:
        samples="results/micrographs/samples.tsv",
        code=modules("deal_folds"),
    output:
        splits="results/splits/{protocol}.tsv",
    log:
        "logs/deal_folds/{protocol}.log",
    benchmark:
        "logs/deal_folds/{protocol}.tsv"
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        folds=config["splits"]["folds"],
        classes=config["classes"],
    script:
        "../scripts/deal_folds.py"


rule draw_copies:
    """The pictures that a policy makes of one shard's samples: crops of their height maps, or AutoAugmented copies."""
    input:
        samples="results/micrographs/samples.tsv",
        scans=scans_of_shard,
        heights="results/heights/{shard}",
        micrographs="results/micrographs/{shard}",
        code=modules("draw_copies"),
    output:
        copies="results/policies/{policy}/{shard}.tsv",
        pictures=directory("results/policies/{policy}/{shard}"),
    log:
        "logs/draw_copies/{policy}/{shard}.log",
    benchmark:
        "logs/draw_copies/{policy}/{shard}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        settings=config["micrographs"],
    script:
        "../scripts/draw_copies.py"


rule gather_copies:
    """Every picture of a policy: copy 0 of a sample is the one that is scored, the others are trained on."""
    input:
        samples="results/micrographs/samples.tsv",
        drawn=copies_of_policy,
        code=modules("gather_copies"),
    output:
        copies="results/policies/{policy}/copies.tsv",
    log:
        "logs/gather_copies/{policy}.log",
    benchmark:
        "logs/gather_copies/{policy}.tsv"
    conda:
        "../../envs/vision.yaml"
    script:
        "../scripts/gather_copies.py"
