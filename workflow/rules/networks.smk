"""Needs micrographs, a policy's pictures, splits and weights.
Gives results/pretraining (backbones pre-trained here), results/networks (fine-tuned, with their outputs and learning
curves), results/features/.../tuned.npz, and the predictions of the CNN.
"""


rule simulate_pictures:
    """Micrographs of simulated films that are in no fold, for pre-training without labels."""
    input:
        code=modules("simulate_pictures"),
    output:
        pictures="results/pretraining/simulated.npz",
    log:
        "logs/simulate_pictures.log",
    benchmark:
        "logs/simulate_pictures.tsv"
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
        "../scripts/simulate_pictures.py"


rule pretrain_films:
    """The backbone pre-trained without labels on simulated micrographs and those that one fold may see."""
    input:
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        simulated="results/pretraining/simulated.npz",
        splits=splits_of,
        weights=weights_before_pretraining(),
        code=modules("pretrain_films"),
    output:
        weights="results/pretraining/{protocol}/{seen}.safetensors",
        curve="results/pretraining/{protocol}/{seen}_curve.tsv",
    log:
        "logs/pretrain_films/{protocol}/{seen}.log",
    benchmark:
        "logs/pretrain_films/{protocol}/{seen}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        backbone=config["networks"]["backbone"],
        device=config["networks"]["device"],
        precision=config["training"]["precision"],
        settings=settings_of_training(config["pretraining"]["self_supervised"]),
    script:
        "../scripts/pretrain_films.py"


ruleorder: train_explained_networks > train_networks


rule train_networks:
    """The networks of one head, fine-tuned on the folds of a chunk; their outputs for every picture of the policy.

    The networks themselves are removed once nothing is left to be made of them, unless they are what is asked for.
    """
    input:
        copies="results/policies/{policy}/copies.tsv",
        pictures=pictures_of_policy,
        splits=splits_of,
        weights=weights_before_tuning,
        code=modules("train_networks"),
    output:
        networks=temp(directory("results/networks/{protocol}/{pretraining}/{policy}/{head}/folds{chunk}")),
        answers="results/networks/{protocol}/{pretraining}/{policy}/{head}/answers{chunk}.npz",
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
        classes=config["classes"],
        backbone=config["networks"]["backbone"],
        device=config["networks"]["device"],
        search=config["models"]["param_grid"],
        settings=lambda wildcards: settings_of_head(wildcards.head, wildcards.pretraining),
        data=DATA,
    script:
        "../scripts/train_networks.py"


use rule train_networks as train_explained_networks with:
    output:
        networks=directory("results/networks/{protocol}/{pretraining}/{policy}/{head}/folds{chunk}"),
        answers="results/networks/{protocol}/{pretraining}/{policy}/{head}/answers{chunk}.npz",
        curves="results/networks/{protocol}/{pretraining}/{policy}/{head}/curves{chunk}.tsv",
    wildcard_constraints:
        protocol="strict",
        pretraining=PRODUCTION["pretraining"],
        policy=PRODUCTION["policy"],
        head=PRODUCTION["scheme"],


rule gather_tuned:
    """The 100 values of the fine-tuned networks: under strict every fold its own, under published one for all."""
    input:
        answers=tuned_answers,
        curves=tuned_curves,
        code=modules("gather_tuned"),
    output:
        features="results/features/{protocol}/{pretraining}/{policy}/tuned.npz",
    log:
        "logs/gather_tuned/{protocol}/{pretraining}/{policy}.log",
    benchmark:
        "logs/gather_tuned/{protocol}/{pretraining}/{policy}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        folds=config["splits"]["folds"],
    script:
        "../scripts/gather_tuned.py"


rule score_networks:
    """The CNN's predictions, and the settings that each fold chose, read off the networks' outputs."""
    input:
        answers=answers_of,
        splits=splits_of,
        code=modules("score_networks"),
    output:
        choices="results/models/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN_choices.tsv",
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN.tsv",
    log:
        "logs/score_networks/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/score_networks/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
    script:
        "../scripts/score_networks.py"
