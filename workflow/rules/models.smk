"""Needs components or fine-tuned features, and splits.
Gives results/models (every fold's model and the settings it chose) and results/predictions, the narrow waist: tables and
figures of performance read predictions and never models.
"""


rule fit_models:
    """One shallow model on one set of features, all folds: settings chosen on validation, test scored once."""
    input:
        features=features_of_fit,
        splits=splits_of,
        code=modules("fit_models"),
    output:
        models="results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.skops",
        choices="results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}_choices.tsv",
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv",
    log:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.log",
    benchmark:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv"
    wildcard_constraints:
        model="SVC|KRC|RNN|GPC|KNN|DTC|GBC|OLR",
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        search=config["models"]["search"],
    script:
        "../scripts/fit_models.py"


rule fit_mlp:
    """The MLP on fine-tuned features: all folds and settings trained together."""
    input:
        features=tuned_of_fit,
        splits=splits_of,
        code=modules("fit_mlp"),
    output:
        models="results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.safetensors",
        choices="results/models/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP_choices.tsv",
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/tuned/{scheme}/MLP.tsv",
    log:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.log",
    benchmark:
        "logs/fit_mlp/{protocol}/{pretraining}/{policy}/{scheme}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        search=config["models"]["search"],
        settings=settings_of_mlp,
        device=config["networks"]["device"],
    script:
        "../scripts/fit_mlp.py"
