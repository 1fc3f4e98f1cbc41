"""Needs the network, or the environment for weights that come as a package.
Gives the sample sheet of scans that are fetched, with the scans beside it in resources/downloads (kept whatever happens, so
that a broken download is taken up again), and resources/weights: the pre-trained networks, one safetensors file each.

On a cluster these rules run where snakemake itself runs: compute nodes often reach no network. What was
fetched stands when the package changes (no code among the inputs), until the settings say otherwise or --forcerun does.
"""


localrules:
    retrieve_weights,


if SOURCE == "zenodo":

    localrules:
        retrieve_zenodo,

    checkpoint retrieve_zenodo:
        """The study's own micrographs, from its data record, as pictures with a sample sheet."""
        output:
            sheet=config["scans"]["sheet"],
            left_out="resources/left_out.tsv",
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
        """The centre scans of every film that the LiST database has, one a film, with a sample sheet."""
        output:
            sheet=config["scans"]["sheet"],
            left_out="resources/left_out.tsv",
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
    """One pre-trained network's weights, checked against their sha256, as safetensors."""
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
