"""Needs components, splits and the accepted samples.
Gives results/models (every fold's model and the settings it chose) and results/predictions, the narrow waist: tables and
figures of performance read predictions and never models.
"""


rule fit_models:
    """One model on one set of features, all folds: settings chosen on validation, test scored once."""
    input:
        components="results/components/{protocol}/{pretraining}/{features}.npz",
        splits="results/splits/{protocol}.tsv",
        code=modules("fit_models"),
    output:
        models="results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.skops",
        choices="results/models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}_choices.tsv",
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv",
    log:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.log",
    benchmark:
        "logs/fit_models/{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        grid=config["models"]["grid"],
    script:
        "../scripts/fit_models.py"
