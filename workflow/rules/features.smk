"""Needs height maps, micrographs, weights and splits.
Gives results/features (of each block in chunks of micrographs; physical measures and the sheet's metadata, which need no
network) and results/components (principal components of each fold).
"""


rule measure_films:
    """Roughness, spectrum, grains and steps of the films of one shard."""
    input:
        drawn="results/micrographs/{shard}.tsv",
        heights="results/heights/{shard}",
        micrographs="results/micrographs/{shard}",
        code=modules("measure_films"),
    output:
        measured="results/topography/{shard}.tsv",
    log:
        "logs/measure_films/{shard}.log",
    benchmark:
        "logs/measure_films/{shard}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        aspect=config["micrographs"]["aspect"],
    script:
        "../scripts/measure_films.py"


rule gather_topography:
    """The physical measures of all films: tables to read, and features that models learn from."""
    input:
        samples="results/micrographs/samples.tsv",
        measured=of_all_shards("results/topography/{shard}.tsv"),
        code=modules("gather_topography"),
    output:
        topography=report(
            "results/topography/topography.tsv",
            caption="../report/topography.rst",
            category="Scans",
            labels={"table": "physical features"},
        ),
        measures="results/topography/measures.tsv",
        features="results/features/physical.npz",
    log:
        "logs/gather_topography.log",
    benchmark:
        "logs/gather_topography.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        data=DATA,
    script:
        "../scripts/gather_topography.py"


rule gather_metadata:
    """What the sheet says of the films, as features: growth time, substrate, pressure, operator, day, batch."""
    input:
        samples="results/micrographs/samples.tsv",
        code=modules("gather_metadata"),
    output:
        features="results/features/metadata.npz",
    log:
        "logs/gather_metadata.log",
    benchmark:
        "logs/gather_metadata.tsv"
    conda:
        "../../envs/learn.yaml"
    script:
        "../scripts/gather_metadata.py"


rule extract_features:
    """All blocks' features of one chunk of micrographs, in one pass through the pre-trained network.

    It runs two threads, always, so that bytes do not depend on --cores, and counts as one: among jobs of one core a job
    that asks for two would wait until nothing else is left.
    """
    input:
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        weights=f"resources/weights/{config['networks']['backbone']}-{{pretraining}}.safetensors",
        code=modules("extract_features"),
    output:
        features=expand("results/features/{{pretraining}}/{block}/{{pictures}}.npz", block=BLOCKS),
    log:
        "logs/extract_features/{pretraining}/{pictures}.log",
    benchmark:
        "logs/extract_features/{pretraining}/{pictures}.tsv"
    wildcard_constraints:
        pictures=r"\d{4}\d*",
    priority: 1
    conda:
        "../../envs/vision.yaml"
    params:
        backbone=config["networks"]["backbone"],
        batch=config["networks"]["batch_size"],
        precision=config["networks"]["precision"],
        device=config["networks"]["device"],
        normalise=config["networks"]["normalise"] == "weights",
        pixels=config["micrographs"]["pixels"],
        pictures_per_job=PICTURES_PER_JOB,
    script:
        "../scripts/extract_features.py"


rule project_features:
    """Fit each fold's principal components on the rows that the protocol lets it see; project every sample on them."""
    input:
        features=lambda wildcards: features_of_blocks(wildcards.pretraining, [wildcards.block]),
        splits=splits_of,
        code=modules("project_features"),
    output:
        components=["results/components/{protocol}/{pretraining}/{block}_cev{cev}.npz"],
    log:
        "logs/project_features/{protocol}/{pretraining}/{block}_cev{cev}.log",
    benchmark:
        "logs/project_features/{protocol}/{pretraining}/{block}_cev{cev}.tsv"
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        pca=PCA,
        protocol=lambda wildcards: wildcards.protocol,
        pretraining=lambda wildcards: wildcards.pretraining,
    script:
        "../scripts/project_features.py"


# The components that tables and figures ask for: all blocks and explained variances of a protocol in one job.
for (protocol, pretraining), names in components_asked().items():

    rule:
        name:
            re.sub(r"\W", "_", f"project_features_{protocol}_{pretraining}")
        input:
            features=lambda wildcards, pretraining=pretraining, blocks=blocks_of(names): features_of_blocks(
                pretraining, blocks
            ),
            splits=f"results/splits/{protocols.at('splits', protocol)}.tsv",
            code=modules("project_features"),
        output:
            components=expand(f"results/components/{protocol}/{pretraining}/{{name}}.npz", name=names),
        log:
            f"logs/project_features/{protocol}/{pretraining}.log",
        benchmark:
            f"logs/project_features/{protocol}/{pretraining}.tsv"
        priority: 1
        group:
            "fits"
        conda:
            "../../envs/learn.yaml"
        params:
            seed=config["seed"],
            pca=PCA,
            protocol=protocol,
            pretraining=pretraining,
        script:
            "../scripts/project_features.py"
