"""Pre-training and fine-tuning of networks, and the predictions of the CNN.

Input: micrographs, augmented images, splits, weights.
Output: results/pretraining (pre-trained backbones), results/networks (fine-tuned networks, outputs, training
curves), results/features/.../tuned.npz, and the predictions and grid searches of the CNN.
"""


rule simulate_unlabelled:
    """Simulate micrographs that are in no fold, for self-supervised pre-training."""
    input:
        code=code_of("simulate_unlabelled"),
    output:
        images="results/pretraining/simulated.npz",
    log:
        "logs/simulate_unlabelled.log",
    benchmark:
        "logs/simulate_unlabelled.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        seed=config["seed"],
        films=config["pretraining"]["self_supervised"]["simulated"],
        pixels=config["micrographs"]["pixels"],
        clip_percentiles=config["micrographs"]["clip_percentiles"],
        levelling=config["heights"]["levelling"],
        shares=config["simulation"]["shares"],
    script:
        "../scripts/simulate_unlabelled.py"


rule pretrain:
    """Pre-train the backbone without labels on simulated micrographs and the training micrographs of one fold."""
    input:
        samples=SAMPLES,
        micrographs=of_all_shards("results/micrographs/{shard}"),
        simulated="results/pretraining/simulated.npz",
        splits=lambda wildcards: splits_path(wildcards.protocol),
        weights=weights_path(config["pretraining"]["self_supervised"]["start"]),
        code=code_of("pretrain"),
    output:
        weights="results/pretraining/{protocol}/{seen}.safetensors",
        curve="results/pretraining/{protocol}/{seen}_curve.tsv",
    log:
        "logs/pretrain/{protocol}/{seen}.log",
    benchmark:
        "logs/pretrain/{protocol}/{seen}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        backbone=BACKBONE,
        device=config["networks"]["device"],
        precision=config["training"]["precision"],
        settings=config["pretraining"]["self_supervised"],
    script:
        "../scripts/pretrain.py"


rule simulate_source:
    """Simulate films of other laboratories with their growth conditions, for supervised pre-training."""
    input:
        code=code_of("simulate_source"),
    output:
        samples="results/pretraining/source.tsv",
        images="results/pretraining/source.npz",
    log:
        "logs/simulate_source.log",
    benchmark:
        "logs/simulate_source.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        samples=config["pretraining"]["simulated"]["samples"],
        width_nm=config["pretraining"]["simulated"]["width_nm"],
        pixels=config["training"]["pixels"],
        shares=config["simulation"]["shares"],
    script:
        "../scripts/simulate_source.py"


rule pretrain_supervised:
    """Pre-train the backbone on the study's target, with simulated films of other laboratories."""
    input:
        samples=rules.simulate_source.output.samples,
        images=rules.simulate_source.output.images,
        weights=weights_path(config["pretraining"]["simulated"]["start"]),
        code=code_of("pretrain_supervised"),
    output:
        weights=PRETRAINED_ON_SIMULATION,
        curve="results/pretraining/simulated_curve.tsv",
    log:
        "logs/pretrain_supervised.log",
    benchmark:
        "logs/pretrain_supervised.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        backbone=BACKBONE,
        device=config["networks"]["device"],
        start=config["pretraining"]["simulated"]["start"],
        settings=STUDY.source_settings,
    script:
        "../scripts/pretrain_supervised.py"


ruleorder: train_explained_networks > train_networks


rule train_networks:
    """Fine-tune the networks of one head on a chunk of folds, and compute their outputs for all images of the policy.

    The networks themselves are temporary; train_explained_networks keeps those of the final model's settings.
    """
    input:
        images="results/augmented/{policy}/images.tsv",
        folders=lambda wildcards: images_of(wildcards.policy),
        splits=lambda wildcards: splits_path(wildcards.protocol),
        weights=lambda wildcards: weights_of(wildcards.protocol, wildcards.pretraining, folds_of(wildcards.chunk)),
        code=code_of("train_networks"),
    output:
        networks=temp(directory("results/networks/{protocol}/{pretraining}/{policy}/{head}/folds{chunk}")),
        outputs="results/networks/{protocol}/{pretraining}/{policy}/{head}/outputs{chunk}.npz",
        curves="results/networks/{protocol}/{pretraining}/{policy}/{head}/curves{chunk}.tsv",
    log:
        "logs/train_networks/{protocol}/{pretraining}/{policy}/{head}/{chunk}.log",
    benchmark:
        "logs/train_networks/{protocol}/{pretraining}/{policy}/{head}/{chunk}.tsv"
    conda:
        "../../envs/vision.yaml"
    resources:
        folds_at_once=1,
    params:
        seed=config["seed"],
        target=config["target"],
        backbone=BACKBONE,
        device=config["networks"]["device"],
        param_grid=config["models"]["param_grid"],
        settings=lambda wildcards: STUDY.head_settings(wildcards.head, wildcards.pretraining),
        data=STUDY.data,
    script:
        "../scripts/train_networks.py"


use rule train_networks as train_explained_networks with:
    output:
        networks=directory("results/networks/{protocol}/{pretraining}/{policy}/{head}/folds{chunk}"),
        outputs="results/networks/{protocol}/{pretraining}/{policy}/{head}/outputs{chunk}.npz",
        curves="results/networks/{protocol}/{pretraining}/{policy}/{head}/curves{chunk}.tsv",
    wildcard_constraints:
        protocol="strict",
        pretraining=EXPLAINED.pretraining,
        policy=EXPLAINED.policy,
        head=EXPLAINED.scheme,


rule collect_tuned_features:
    """Collect fine-tuned features: from each fold's own network, or under published from one network for all folds.

    Their principal components are for figures 8 and 9.
    """
    input:
        outputs=lambda wildcards: STUDY.outputs(FitSpec(**wildcards, features="tuned", scheme="nominal", model="MLP")),
        curves=lambda wildcards: STUDY.curves([FitSpec(**wildcards, features="tuned", scheme="nominal", model="MLP")]),
        splits=lambda wildcards: splits_path(wildcards.protocol),
        code=code_of("collect_tuned_features"),
    output:
        features="results/features/{protocol}/{pretraining}/{policy}/tuned.npz",
        components="results/pca/{protocol}/{pretraining}/{policy}_tuned.npz",
    log:
        "logs/collect_tuned_features/{protocol}/{pretraining}/{policy}.log",
    benchmark:
        "logs/collect_tuned_features/{protocol}/{pretraining}/{policy}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        folds=config["splits"]["folds"],
    script:
        "../scripts/collect_tuned_features.py"


rule predict_cnn:
    """Select a grid point for each fold and predict, from the outputs of the networks."""
    input:
        outputs=lambda wildcards: STUDY.outputs(FitSpec(**wildcards, features="image", model="CNN")),
        splits=lambda wildcards: splits_path(wildcards.protocol),
        code=code_of("predict_cnn"),
    output:
        search="results/models/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN_search.tsv",
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN.tsv",
    log:
        "logs/predict_cnn/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/predict_cnn/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
    script:
        "../scripts/predict_cnn.py"
