"""Attribution maps and their tests.

Input: the networks of the strict folds, the images of their policy, and the ground truth of simulated films.
Output: results/attribution, with class activation and occlusion maps of every sample by the network of the fold that
tests it, the tests of these maps, and a figure of any sample by name.
"""

ATTRIBUTION = {name: value for name, value in config["attribution"].items() if name != "films_per_class"}


rule compute_attributions:
    """Compute class activation and occlusion maps of the test samples of one fold."""
    input:
        networks=network_folder,
        images="results/augmented/{policy}/images.tsv",
        folders=lambda wildcards: images_of(wildcards.policy),
        splits="results/splits/{protocol}.tsv",
        code=code_of("compute_attributions"),
    output:
        maps="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/fold{fold}.npz",
    log:
        "logs/compute_attributions/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.log",
    benchmark:
        "logs/compute_attributions/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        target=config["target"],
        device=config["networks"]["device"],
        settings=ATTRIBUTION,
    script:
        "../scripts/compute_attributions.py"


rule evaluate_attributions:
    """Test the maps of one fold: localisation, deletion and insertion, randomised weights, agreement."""
    input:
        maps="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/fold{fold}.npz",
        networks=network_folder,
        images="results/augmented/{policy}/images.tsv",
        folders=lambda wildcards: images_of(wildcards.policy),
        splits="results/splits/{protocol}.tsv",
        truth=expand("resources/truth/{shard}", shard=shards()) if SIMULATED else [],
        code=code_of("evaluate_attributions"),
    output:
        metrics="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/metrics{fold}.tsv",
    log:
        "logs/evaluate_attributions/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.log",
    benchmark:
        "logs/evaluate_attributions/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        target=config["target"],
        device=config["networks"]["device"],
        settings=ATTRIBUTION,
        drawn={name: config["micrographs"][name] for name in ("aspect", "pixels")},
    script:
        "../scripts/evaluate_attributions.py"


rule draw_attribution:
    """Draw the micrograph and the maps of one sample."""
    input:
        maps=expand(
            "results/attribution/{{protocol}}/{{pretraining}}/{{policy}}/{{scheme}}/fold{fold}.npz",
            fold=range(config["splits"]["folds"]),
        ),
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN.tsv",
        samples=SAMPLES,
        micrographs=of_all_shards("results/micrographs/{shard}"),
        code=code_of("draw_attribution"),
    output:
        png="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.png",
    log:
        "logs/draw_attribution/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.log",
    benchmark:
        "logs/draw_attribution/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        target=config["target"],
        data=STUDY.data,
    script:
        "../scripts/draw_attribution.py"
