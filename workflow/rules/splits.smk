"""Needs the accepted samples.
Gives results/splits: for each protocol, which sample is in which part of which fold.
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
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        folds=config["splits"]["folds"],
        classes=config["classes"],
    script:
        "../scripts/deal_folds.py"
