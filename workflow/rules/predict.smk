"""Needs all micrographs, what the strict folds chose and predicted, and new scans.
Gives results/final_model (the final model in one file, its model card, its cross-validated performance) and results/new
(its predictions for new scans).
"""

# Weights pre-trained on the films have seen all of them for the final model, and none of a fold's own for its folds.
FILMS = EXPLAINED.pretraining == "films"
WEIGHTS = ["results/pretraining/published/all.safetensors"] if FILMS else weights_path(EXPLAINED.pretraining)
FOLD_WEIGHTS = expand("results/pretraining/strict/fold{fold}.safetensors", fold=range(config["splits"]["folds"]))


rule train_final_model:
    """The final model: the CNN trained on all films with strict's settings, cross-validated in the same way, calibrated."""
    input:
        samples=SAMPLES,
        levelled=of_all_shards("results/heights/{shard}.tsv"),
        heights=of_all_shards("results/heights/{shard}"),
        images=f"results/augmented/{EXPLAINED.policy}/images.tsv",
        folders=lambda wildcards: images_of(EXPLAINED.policy),
        splits="results/splits/strict.tsv",
        weights=WEIGHTS,
        fold_weights=FOLD_WEIGHTS if FILMS else [],
        search=EXPLAINED.search_path,
        curves=STUDY.curves([EXPLAINED]),
        predictions=EXPLAINED.predictions_path,
        code=code_of("train_final_model"),
    output:
        model="results/final_model/model.safetensors",
        card="results/final_model/card.md",
        performance="results/final_model/performance.tsv",
    log:
        "logs/train_final_model.log",
    benchmark:
        "logs/train_final_model.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        device=config["networks"]["device"],
        recipe={
            **config["final_model"],
            "classes": config["classes"],
            "backbone": BACKBONE,
            "search": config["models"]["param_grid"],
            "training": STUDY.head_settings(EXPLAINED.scheme, EXPLAINED.pretraining),
            "preprocessing": PREPROCESSING,
            "attribution": ATTRIBUTION,
            "resamples": config["evaluation"]["n_bootstrap"],
            "data": STUDY.data,
            "seed": config["seed"],
        },
    script:
        "../scripts/train_final_model.py"


rule predict:
    """The final model's predictions for new scans: --config new_scans=FOLDER."""
    input:
        model="results/final_model/model.safetensors",
        template=workflow.source_path("../report/new.html.j2"),
        code=code_of("predict"),
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
        scans=lambda wildcards: exit_with_message(sample_sheet.list_scans, config["new_scans"]),
        device=config["networks"]["device"],
    script:
        "../scripts/predict.py"
