"""The final model and its predictions for new scans.

Input: all micrographs, the selections, training curves and predictions of the strict CNN; new scans.
Output: results/final_model (the model, also as ONNX, its model card, its cross-validated performance), results/new
(predictions).
"""

# For pretraining films: the final model starts from weights pre-trained on all films, its cross-validation from those
# pre-trained on the training films of each fold.
FILMS = EXPLAINED.pretraining == "films"
WEIGHTS = ["results/pretraining/published/all.safetensors"] if FILMS else weights_path(EXPLAINED.pretraining)
FOLD_WEIGHTS = expand("results/pretraining/strict/fold{fold}.safetensors", fold=range(config["splits"]["folds"]))


rule train_final_model:
    """Train the final CNN on all samples with the settings of the strict folds, cross-validate and calibrate it."""
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
        by_time="results/tables/by_time.tsv",
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
        scan_weights=config["splits"]["scan_weights"],
        film_score=config["evaluation"]["film_score"],
        settings={
            **config["final_model"],
            "target": config["target"],
            "material": config["material"],
            "extra_columns": config["scans"]["extra_columns"],
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


rule onnx:
    """Write the final model as ONNX, for predictions without PyTorch (micrograph predict --model model.onnx)."""
    input:
        model="results/final_model/model.safetensors",
        code=code_of("export_onnx"),
    output:
        model="results/final_model/model.onnx",
    log:
        "logs/onnx.log",
    benchmark:
        "logs/onnx.tsv"
    conda:
        "../../envs/vision.yaml"
    script:
        "../scripts/export_onnx.py"


rule predict:
    """Predict new scans with the final model: --config new_scans=FOLDER, a scan or a sheet."""
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
        scans=lambda wildcards: scans_to_predict(),
        device=config["networks"]["device"],
    script:
        "../scripts/predict.py"
