"""Splits and augmentation.

Input: the accepted samples, their height maps and micrographs.
Output: results/splits (folds of each protocol), results/augmented (training images of each augmentation policy).
"""


rule make_splits:
    """Split the samples into folds by one protocol, and check the invariants of the splits."""
    input:
        samples=lambda wildcards: samples_to_split(),
        code=code_of("make_splits"),
    output:
        splits="results/splits/{protocol}.tsv",
    log:
        "logs/make_splits/{protocol}.log",
    benchmark:
        "logs/make_splits/{protocol}.tsv"
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        folds=config["splits"]["folds"],
        primary=config["splits"]["primary"],
        scan_weights=config["splits"]["scan_weights"],
        target=config["target"],
    script:
        "../scripts/make_splits.py"


rule augment:
    """Augment the samples of one shard: crops of height maps (aug1) or AutoAugment of micrographs (aug2)."""
    input:
        samples=SAMPLES,
        scans=scans_of_shard,
        heights="results/heights/{shard}",
        micrographs="results/micrographs/{shard}",
        code=code_of("augment"),
    output:
        table="results/augmented/{policy}/{shard}.tsv",
        images=directory("results/augmented/{policy}/{shard}"),
    log:
        "logs/augment/{policy}/{shard}.log",
    benchmark:
        "logs/augment/{policy}/{shard}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        settings=config["micrographs"],
    script:
        "../scripts/augment.py"


rule collect_augmented:
    """List all images of a policy; augmentation 0 of a sample is scored, the others are for training."""
    input:
        samples=SAMPLES,
        tables=lambda wildcards: (
            expand("results/augmented/{policy}/{shard}.tsv", policy=wildcards.policy, shard=shards())
            if wildcards.policy in experiments.AUGMENTING
            else []
        ),
        code=code_of("collect_augmented"),
    output:
        images="results/augmented/{policy}/images.tsv",
    log:
        "logs/collect_augmented/{policy}.log",
    benchmark:
        "logs/collect_augmented/{policy}.tsv"
    conda:
        "../../envs/vision.yaml"
    script:
        "../scripts/collect_augmented.py"
