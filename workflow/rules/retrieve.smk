"""Retrieve scans with their sample sheet, and pre-trained weights. Needs the network, but for weights that are a package.

Downloads stay in resources/downloads whatever happens, so that one that broke off is resumed. On a cluster these rules run
where snakemake itself runs, for compute nodes often reach no network. No code is among the inputs: what was retrieved stands
when the package changes, until the settings change or --forcerun is given.
"""


localrules:
    retrieve_weights,


if SOURCE == "zenodo":

    localrules:
        retrieve_zenodo,

    checkpoint retrieve_zenodo:
        """The study's published micrographs as PNG: sample sheet, and what of the records is not used."""
        output:
            sheet=config["scans"]["sheet"],
            excluded="resources/excluded.tsv",
        log:
            "logs/retrieve_zenodo.log",
        benchmark:
            "logs/retrieve_zenodo.tsv"
        conda:
            "../../envs/afm.yaml"
        params:
            **config["zenodo"],
            classes=config["classes"],
            folder="resources/downloads/zenodo",
        script:
            "../scripts/retrieve_zenodo.py"


if SOURCE == "list":

    localrules:
        retrieve_list,

    checkpoint retrieve_list:
        """One centre scan of every sample in the LiST database: sample sheet, and what of it is not used."""
        output:
            sheet=config["scans"]["sheet"],
            excluded="resources/excluded.tsv",
        log:
            "logs/retrieve_list.log",
        benchmark:
            "logs/retrieve_list.tsv"
        conda:
            "../../envs/afm.yaml"
        params:
            **config["list_database"],
            classes=config["classes"],
            folder="resources/downloads/list",
        script:
            "../scripts/retrieve_list.py"


rule retrieve_weights:
    """The weights of one pre-trained network, downloaded or from a file: safetensors, checked by SHA-256."""
    input:
        own=config["networks"]["weights_file"] or [],
    output:
        weights="resources/weights/{backbone}-{pretraining}.safetensors",
    log:
        "logs/retrieve_weights/{backbone}-{pretraining}.log",
    benchmark:
        "logs/retrieve_weights/{backbone}-{pretraining}.tsv"
    priority: 1
    conda:
        "../../envs/vision.yaml"
    params:
        mirror=config["networks"]["weights_mirror"],
        own=config["networks"]["weights_file"],
    script:
        "../scripts/retrieve_weights.py"
