"""Needs all micrographs, what the strict folds chose and predicted, and new scans.
Gives results/production (one file that holds the production model, its card, the table of its rehearsal) and results/new
(what it says of new scans).
"""


rule train_production:
    """The production model: the CNN trained on all films by strict's settings, rehearsed on the folds, calibrated."""
    input:
        samples="results/micrographs/samples.tsv",
        levelled=of_all_shards("results/heights/{shard}.tsv"),
        heights=of_all_shards("results/heights/{shard}"),
        copies="results/policies/{policy}/copies.tsv".format(**EXPLAINED),
        pictures=pictures_of_production,
        splits="results/splits/strict.tsv",
        weights=weights_of_production(),
        rehearsal_weights=weights_of_rehearsal(),
        choices=choices_of([EXPLAINED])[0],
        curves=curves_of([EXPLAINED]),
        predictions=predictions_of([EXPLAINED])[0],
        code=modules("train_production"),
    output:
        model="results/production/model.safetensors",
        card="results/production/card.md",
        rehearsal="results/production/rehearsal.tsv",
    log:
        "logs/train_production.log",
    benchmark:
        "logs/train_production.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        device=config["networks"]["device"],
        recipe={
            **config["final_model"],
            "classes": config["classes"],
            "backbone": config["networks"]["backbone"],
            "search": config["models"]["param_grid"],
            "training": settings_of_head(PRODUCTION["scheme"], PRODUCTION["pretraining"]),
            "preprocessing": PREPROCESSING,
            "attribution": ATTRIBUTION,
            "resamples": config["evaluation"]["n_bootstrap"],
            "data": DATA,
            "seed": config["seed"],
        },
    script:
        "../scripts/train_production.py"


rule predict:
    """What the production model says of new scans: --config new_scans=FOLDER."""
    input:
        model="results/production/model.safetensors",
        template=workflow.source_path("../report/new.html.j2"),
        code=modules("predict"),
    output:
        predictions="results/new/predictions.tsv",
        page="results/new/index.html",
        parts=directory("results/new/parts"),
    log:
        "logs/predict.log",
    benchmark:
        "logs/predict.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        scans=new_scans,
        device=config["networks"]["device"],
    script:
        "../scripts/predict.py"
