"""Retrieval of scans with their sample sheet, and of pre-trained weights.

Downloads are kept in resources/downloads, so that an interrupted one resumes. On a cluster these rules run locally,
because compute nodes often have no network access. The package's code is not an input: retrieved files are kept when
the code changes, until the settings change or --forcerun is given.
"""


localrules:
    retrieve_weights,


if SOURCE == "zenodo":

    localrules:
        retrieve_zenodo,

    checkpoint retrieve_zenodo:
        """Download the published micrographs; write the sample sheet and the list of excluded files."""
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
            target=config["target"],
            folder="resources/downloads/zenodo",
        script:
            "../scripts/retrieve_zenodo.py"


if SOURCE == "list":

    localrules:
        retrieve_list,

    checkpoint retrieve_list:
        """Download one centre scan of each sample; write the sample sheet and the list of excluded samples."""
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
            target=config["target"],
            folder="resources/downloads/list",
        script:
            "../scripts/retrieve_list.py"


rule retrieve_weights:
    """Download pre-trained weights or read them from a file, check their SHA-256, and write safetensors."""
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
