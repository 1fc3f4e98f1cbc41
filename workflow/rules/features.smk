"""Features without fine-tuning, and principal components.

Input: height maps, micrographs, weights, splits.
Output: results/topography, results/features (physical features, growth metadata, and the network's blocks in chunks of
micrographs), results/pca (principal components of each fold).
"""

PCA = {name: config["features"][name] for name in ("exact_pca_up_to", "randomised_components")}


rule measure_topography:
    """Measure roughness, spectrum, grains and steps of one shard of samples."""
    input:
        drawn="results/micrographs/{shard}.tsv",
        heights="results/heights/{shard}",
        micrographs="results/micrographs/{shard}",
        code=code_of("measure_topography"),
    output:
        measured="results/topography/{shard}.tsv",
    log:
        "logs/measure_topography/{shard}.log",
    benchmark:
        "logs/measure_topography/{shard}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        aspect=config["micrographs"]["aspect"],
        settings=config["topography"],
    script:
        "../scripts/measure_topography.py"


rule collect_topography:
    """Collect the physical features of all samples: tables, and features for models."""
    input:
        samples=SAMPLES,
        measured=of_all_shards("results/topography/{shard}.tsv"),
        code=code_of("collect_topography"),
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
        "logs/collect_topography.log",
    benchmark:
        "logs/collect_topography.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        data=STUDY.data,
    script:
        "../scripts/collect_topography.py"


rule collect_metadata:
    """Encode what the sheet tells beside the target as features."""
    input:
        samples=SAMPLES,
        code=code_of("collect_metadata"),
    output:
        features="results/features/metadata.npz",
    log:
        "logs/collect_metadata.log",
    benchmark:
        "logs/collect_metadata.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        target=config["target"],
        extra_columns=config["scans"]["extra_columns"],
    script:
        "../scripts/collect_metadata.py"


rule extract_features:
    """Extract the features of all blocks for one chunk of micrographs, in one forward pass.

    The job always runs two threads, so that results do not depend on --cores, and counts as one, because a job of two
    cores would wait until all jobs of one core are done.
    """
    input:
        samples=SAMPLES,
        micrographs=of_all_shards("results/micrographs/{shard}"),
        weights=f"resources/weights/{BACKBONE}-{{pretraining}}.safetensors",
        code=code_of("extract_features"),
    output:
        features=expand("results/features/{{pretraining}}/{block}/{{chunk}}.npz", block=BLOCKS),
    log:
        "logs/extract_features/{pretraining}/{chunk}.log",
    benchmark:
        "logs/extract_features/{pretraining}/{chunk}.tsv"
    wildcard_constraints:
        chunk=r"\d{4}\d*",
    priority: 1
    conda:
        "../../envs/vision.yaml"
    params:
        backbone=BACKBONE,
        batch_size=config["networks"]["batch_size"],
        precision=config["networks"]["precision"],
        device=config["networks"]["device"],
        normalise=config["networks"]["normalise"] == "weights",
        pixels=config["micrographs"]["pixels"],
        micrographs_per_job=MICROGRAPHS_PER_JOB,
    script:
        "../scripts/extract_features.py"


rule fit_pca:
    """Fit the principal components of each fold on the samples that its protocol allows, and project all samples."""
    input:
        features=lambda wildcards: features_of_blocks(wildcards.pretraining, [wildcards.block]),
        splits=lambda wildcards: splits_path(wildcards.protocol),
        code=code_of("fit_pca"),
    output:
        components=["results/pca/{protocol}/{pretraining}/{block}_cev{cev}.npz"],
    log:
        "logs/fit_pca/{protocol}/{pretraining}/{block}_cev{cev}.log",
    benchmark:
        "logs/fit_pca/{protocol}/{pretraining}/{block}_cev{cev}.tsv"
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        pca=PCA,
        protocol=lambda wildcards: wildcards.protocol,
        pretraining=lambda wildcards: wildcards.pretraining,
    script:
        "../scripts/fit_pca.py"


# The components of tables and figures: all blocks and explained variances of a protocol in one job.
for (protocol, pretraining), names in STUDY.components_by_job().items():

    rule:
        name:
            f"fit_pca_{protocol}_{pretraining}".translate({ord(sign): "_" for sign in "+-."})
        input:
            features=lambda wildcards, pretraining=pretraining, blocks=blocks_of(names): features_of_blocks(
                pretraining, blocks
            ),
            splits=splits_path(protocol),
            code=code_of("fit_pca"),
        output:
            components=expand(f"results/pca/{protocol}/{pretraining}/{{name}}.npz", name=names),
        log:
            f"logs/fit_pca/{protocol}/{pretraining}.log",
        benchmark:
            f"logs/fit_pca/{protocol}/{pretraining}.tsv"
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
            "../scripts/fit_pca.py"
