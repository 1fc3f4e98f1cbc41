"""Needs components or fine-tuned features, and splits.
Gives results/models (every fold's model and the settings it chose) and results/predictions, the narrow waist: tables and
figures of performance read predictions and never models.

The fits that the tables and figures ask for share their jobs, all models on features of one kind in one
(`shared_jobs`). Any other fit can be asked for by the path of its predictions.
"""


rule fit_models:
    """One shallow model on one set of features, all folds: settings chosen on validation, test scored once."""
    input:
        features=lambda wildcards: [features_of_fit(wildcards)],
        splits=splits_of,
        code=modules("fit_models"),
    output:
        models=["results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.skops"],
        choices=["results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}_choices.tsv"],
        predictions=["results/predictions/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv"],
    log:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.log",
    benchmark:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv"
    wildcard_constraints:
        model="|".join(SHALLOW),
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        search=config["models"]["param_grid"],
        fits=lambda wildcards: [dict(wildcards.items())],
    script:
        "../scripts/fit_models.py"


for job_name, fits in shared_jobs(SHALLOW).items():

    rule:
        name:
            f"fit_models_{job_name}"
        input:
            features=[features_of_fit(fit) for fit in fits],
            splits=splits_of(fits[0]),
            code=modules("fit_models"),
        output:
            models=paths_of(fits, "results/models/{fit}.skops"),
            choices=paths_of(fits, "results/models/{fit}_choices.tsv"),
            predictions=paths_of(fits, "results/predictions/{fit}.tsv"),
        log:
            f"logs/fit_models/{job_name}.log",
        benchmark:
            f"logs/fit_models/{job_name}.tsv"
        group:
            "fits"
        conda:
            "../../envs/learn.yaml"
        params:
            seed=config["seed"],
            classes=config["classes"],
            search=config["models"]["param_grid"],
            fits=fits,
        script:
            "../scripts/fit_models.py"


rule permute_labels:
    """Models on block features, fitted again and again on shuffled growth temperatures: what they learn has leaked."""
    input:
        samples="results/micrographs/samples.tsv",
        features=lambda wildcards: features_of_blocks(
            wildcards.pretraining, blocks_of(fit["features"] for fit in permuted()[tuple(wildcards)])
        ),
        code=modules("permute_labels"),
    output:
        predictions="results/permutations/{protocol}/{pretraining}/{policy}/{scheme}.tsv",
    log:
        "logs/permute_labels/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/permute_labels/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        folds=config["splits"]["folds"],
        search=config["models"]["param_grid"],
        draws=config["experiments"]["leakage"]["n_permutations"],
        fits=lambda wildcards: permuted()[tuple(wildcards)],
    script:
        "../scripts/permute_labels.py"


rule fit_mlp:
    """The MLP on fine-tuned features: all folds and settings trained together."""
    input:
        features=tuned_of_fit,
        splits=splits_of,
        code=modules("fit_mlp"),
    output:
        models=["results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.safetensors"],
        choices=["results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP_choices.tsv"],
        predictions=["results/predictions/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.tsv"],
    log:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        search=config["models"]["param_grid"],
        fits=lambda wildcards: [dict(wildcards.items())],
        settings=lambda wildcards: [settings_of_mlp(wildcards.scheme)],
        device=config["networks"]["device"],
    script:
        "../scripts/fit_mlp.py"


for job_name, fits in shared_jobs(["MLP"]).items():

    rule:
        name:
            f"fit_mlp_{job_name}"
        input:
            features=tuned_of_fit(fits[0]),
            splits=splits_of(fits[0]),
            code=modules("fit_mlp"),
        output:
            models=paths_of(fits, "results/models/{fit}.safetensors"),
            choices=paths_of(fits, "results/models/{fit}_choices.tsv"),
            predictions=paths_of(fits, "results/predictions/{fit}.tsv"),
        log:
            f"logs/fit_mlp/{job_name}.log",
        benchmark:
            f"logs/fit_mlp/{job_name}.tsv"
        group:
            "fits"
        conda:
            "../../envs/vision.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
        params:
            seed=config["seed"],
            classes=config["classes"],
            search=config["models"]["param_grid"],
            fits=fits,
            settings=[settings_of_mlp(fit["scheme"]) for fit in fits],
            device=config["networks"]["device"],
        script:
            "../scripts/fit_mlp.py"
