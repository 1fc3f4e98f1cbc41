"""Needs micrographs, weights and splits.
Gives results/features (one table a block) and results/components (principal components of each fold).
"""


rule extract_features:
    """All blocks' features of all micrographs, in one pass through the pre-trained network."""
    input:
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        weights=f"resources/weights/{config['networks']['backbone']}-{{pretraining}}.safetensors",
        code=modules("extract_features"),
    output:
        features=expand("results/features/{{pretraining}}/{block}.npz", block=BLOCKS),
    log:
        "logs/extract_features/{pretraining}.log",
    benchmark:
        "logs/extract_features/{pretraining}.tsv"
    conda:
        "../../envs/vision.yaml"
    threads: 2
    params:
        backbone=config["networks"]["backbone"],
        batch=config["networks"]["batch"],
        precision=config["networks"]["precision"],
        device=config["networks"]["device"],
        normalise=config["networks"]["normalise"] == "weights",
        blocks=BLOCKS,
    script:
        "../scripts/extract_features.py"


rule project_features:
    """Fit each fold's principal components on the rows that the protocol lets it see; project every sample on them."""
    input:
        features="results/features/{pretraining}/{block}.npz",
        splits="results/splits/{protocol}.tsv",
        code=modules("project_features"),
    output:
        components="results/components/{protocol}/{pretraining}/{block}_cev{cev}.npz",
    log:
        "logs/project_features/{protocol}/{pretraining}/{block}_cev{cev}.log",
    benchmark:
        "logs/project_features/{protocol}/{pretraining}/{block}_cev{cev}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        variance=lambda wildcards: int(wildcards.cev) / 100,
    script:
        "../scripts/project_features.py"
