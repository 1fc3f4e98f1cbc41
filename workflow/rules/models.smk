"""Fits of shallow models and MLPs.

Input: principal components or other features, splits.
Output: results/models (fitted models and grid searches of all folds) and results/predictions, the interface between
fitting and evaluation.

All fits of tables and figures on one kind of features share a job (`Study.shared_jobs`). Any other fit is available by
the path of its predictions.
"""

READ = STUDY.tables.get("what_can_be_read")
FIT = "{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}"


rule fit_models:
    """Fit one shallow model on one set of features: grid search, refit and predictions of all folds."""
    input:
        features=lambda wildcards: [FitSpec(**wildcards).features_path],
        splits=lambda wildcards: FitSpec(**wildcards).splits_path,
        code=code_of("fit_models"),
    output:
        models=[f"results/models/{FIT}.skops"],
        searches=[f"results/models/{FIT}_search.tsv"],
        predictions=[f"results/predictions/{FIT}.tsv"],
    log:
        f"logs/fit_models/{FIT}.log",
    benchmark:
        f"logs/fit_models/{FIT}.tsv"
    wildcard_constraints:
        model="|".join(registry.SHALLOW),
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        param_grid=config["models"]["param_grid"],
        fits=lambda wildcards: [dict(wildcards.items())],
    script:
        "../scripts/fit_models.py"


for job, fits in STUDY.shared_jobs(registry.SHALLOW).items():

    rule:
        name:
            f"fit_models_{job}"
        input:
            features=[fit.features_path for fit in fits],
            splits=fits[0].splits_path,
            code=code_of("fit_models"),
        output:
            models=[fit.models_path for fit in fits],
            searches=[fit.search_path for fit in fits],
            predictions=[fit.predictions_path for fit in fits],
        log:
            f"logs/fit_models/{job}.log",
        benchmark:
            f"logs/fit_models/{job}.tsv"
        group:
            "fits"
        conda:
            "../../envs/learn.yaml"
        params:
            seed=config["seed"],
            target=config["target"],
            param_grid=config["models"]["param_grid"],
            fits=[fit.columns() for fit in fits],
        script:
            "../scripts/fit_models.py"


rule permute_labels:
    """Fit models on block features to permuted labels; accuracy above chance level measures leakage."""
    input:
        samples=SAMPLES,
        features=lambda wildcards: features_of_blocks(
            wildcards.pretraining, blocks_of(fit.features for fit in STUDY.permuted()[tuple(wildcards)])
        ),
        code=code_of("permute_labels"),
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
        target=config["target"],
        folds=config["splits"]["folds"],
        scan_weights=config["splits"]["scan_weights"],
        param_grid=config["models"]["param_grid"],
        n_permutations=STUDY.tables.get("leakage", {}).get("n_permutations"),
        fits=lambda wildcards: [fit.columns() for fit in STUDY.permuted()[tuple(wildcards)]],
    script:
        "../scripts/permute_labels.py"


if READ:

    rule predict_growth_variables:
        """Predict every growth variable of the sheet from micrographs, from metadata, and with the target known."""
        input:
            samples=SAMPLES,
            features=lambda wildcards: features_of_blocks(READ["pretraining"][0], ["pool"]),
            code=code_of("predict_growth_variables"),
        output:
            predictions=outputs.GROWTH_VARIABLES.format(table="predictions"),
            variables=outputs.GROWTH_VARIABLES.format(table="variables"),
        log:
            "logs/predict_growth_variables.log",
        benchmark:
            "logs/predict_growth_variables.tsv"
        conda:
            "../../envs/learn.yaml"
        params:
            seed=config["seed"],
            target=config["target"],
            extra_columns=config["scans"]["extra_columns"],
            folds=config["splits"]["folds"],
            settings=READ,
        script:
            "../scripts/predict_growth_variables.py"


rule fit_mlp:
    """Train the MLP on fine-tuned features, all folds and grid points together."""
    input:
        features=lambda wildcards: FitSpec(**wildcards, features="tuned", model="MLP").features_path,
        splits=lambda wildcards: splits_path(wildcards.protocol),
        code=code_of("fit_mlp"),
    output:
        models=["results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.safetensors"],
        searches=["results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP_search.tsv"],
        predictions=["results/predictions/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.tsv"],
    log:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        param_grid=config["models"]["param_grid"],
        fits=lambda wildcards: [FitSpec(**wildcards, features="tuned", model="MLP").columns()],
        settings=lambda wildcards: [STUDY.mlp_settings(wildcards.scheme)],
        device=config["networks"]["device"],
    script:
        "../scripts/fit_mlp.py"


for job, fits in STUDY.shared_jobs(["MLP"]).items():

    rule:
        name:
            f"fit_mlp_{job}"
        input:
            features=fits[0].features_path,
            splits=fits[0].splits_path,
            code=code_of("fit_mlp"),
        output:
            models=[fit.models_path for fit in fits],
            searches=[fit.search_path for fit in fits],
            predictions=[fit.predictions_path for fit in fits],
        log:
            f"logs/fit_mlp/{job}.log",
        benchmark:
            f"logs/fit_mlp/{job}.tsv"
        group:
            "fits"
        conda:
            "../../envs/vision.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
        params:
            seed=config["seed"],
            target=config["target"],
            param_grid=config["models"]["param_grid"],
            fits=[fit.columns() for fit in fits],
            settings=[STUDY.mlp_settings(fit.scheme) for fit in fits],
            device=config["networks"]["device"],
        script:
            "../scripts/fit_mlp.py"
