"""Needs the fine-tuned networks, the pictures that they see and, of simulated films, what these show.
Gives results/attribution: class activation maps and occlusion of every film by the network that was tested on it, how
well these maps stand tests of their own, and a picture of any film by name.
"""


rule explain_films:
    """Class activation maps and occlusion of the films that one fold tests, by that fold's network."""
    input:
        networks=networks_of_fold,
        copies="results/policies/{policy}/copies.tsv",
        pictures=pictures_of_policy,
        splits="results/splits/{protocol}.tsv",
        code=modules("explain_films"),
    output:
        maps="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/fold{fold}.npz",
    log:
        "logs/explain_films/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.log",
    benchmark:
        "logs/explain_films/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        classes=config["classes"],
        device=config["networks"]["device"],
        settings=ATTRIBUTION,
    script:
        "../scripts/explain_films.py"


rule test_explanations:
    """Whether one fold's maps find what is there, change with the weights, and name what the network goes by."""
    input:
        maps="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/fold{fold}.npz",
        networks=networks_of_fold,
        copies="results/policies/{policy}/copies.tsv",
        pictures=pictures_of_policy,
        splits="results/splits/{protocol}.tsv",
        truth=expand("resources/truth/{shard}", shard=shards()) if SIMULATED else [],
        code=modules("test_explanations"),
    output:
        tests="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/tests{fold}.tsv",
    log:
        "logs/test_explanations/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.log",
    benchmark:
        "logs/test_explanations/{protocol}/{pretraining}/{policy}/{scheme}/{fold}.tsv"
    conda:
        "../../envs/vision.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        device=config["networks"]["device"],
        settings=ATTRIBUTION,
        drawn={name: config["micrographs"][name] for name in ("aspect", "pixels")},
    script:
        "../scripts/test_explanations.py"


rule draw_explanation:
    """One film by name: its picture, class activation maps and occlusion, by the network that was tested on it."""
    input:
        maps=expand(
            "results/attribution/{{protocol}}/{{pretraining}}/{{policy}}/{{scheme}}/fold{fold}.npz",
            fold=range(config["splits"]["folds"]),
        ),
        predictions="results/predictions/{protocol}/{pretraining}/{policy}/image/{scheme}/CNN.tsv",
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        code=modules("draw_explanation"),
    output:
        png="results/attribution/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.png",
    log:
        "logs/draw_explanation/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.log",
    benchmark:
        "logs/draw_explanation/{protocol}/{pretraining}/{policy}/{scheme}/{sample}.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/draw_explanation.py"
