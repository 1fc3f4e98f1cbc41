"""Needs tables and arrays that are on disk; fits and computes nothing but the drawing.
Gives results/figures: each as PDF, SVG and PNG, with a caption in the report.
"""


rule fig1:
    """Figure 1: the flow of this run, with its own example, network, shapes and numbers."""
    input:
        samples="results/micrographs/samples.tsv",
        scans=[f"resources/scans/{shard}" for shard in shards()] if SIMULATED else SHEET["scan"].tolist(),
        heights=expand("results/heights/{shard}", shard=shards()),
        micrographs=expand("results/micrographs/{shard}", shard=shards()),
        splits=f"results/splits/{said('table2')['protocol']}.tsv",
        features=expand("results/features/{pretraining}/{block}.npz", block=BLOCKS, **shown("table2")),
        components=components_of(shown("table2", "blocks", "cev")),
        code=modules("fig1"),
    output:
        pdf="results/figures/fig1.pdf",
        svg="results/figures/fig1.svg",
        png=report(
            "results/figures/fig1.png",
            caption="../report/fig1.rst",
            category="Figures",
            labels={"figure": "1: the flow"},
        ),
    log:
        "logs/fig1.log",
    benchmark:
        "logs/fig1.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        words=said("table2"),
        channels=config["scans"]["channels"],
        direction=config["scans"]["direction"],
    script:
        "../scripts/fig1.py"


rule fig2:
    """Figure 2: samples by growth temperature."""
    input:
        samples="results/micrographs/samples.tsv",
        code=modules("fig2"),
    output:
        pdf="results/figures/fig2.pdf",
        svg="results/figures/fig2.svg",
        png=report(
            "results/figures/fig2.png",
            caption="../report/fig2.rst",
            category="Figures",
            labels={"figure": "2: samples by temperature"},
        ),
    log:
        "logs/fig2.log",
    benchmark:
        "logs/fig2.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig2.py"


rule fig8:
    """Figure 8: the first two principal components by growth temperature."""
    input:
        samples="results/micrographs/samples.tsv",
        components=components_shown(),
        code=modules("fig8"),
    output:
        pdf="results/figures/fig8.pdf",
        svg="results/figures/fig8.svg",
        png=report(
            "results/figures/fig8.png",
            caption="../report/fig8.rst",
            category="Figures",
            labels={"figure": "8: components"},
        ),
    log:
        "logs/fig8.log",
    benchmark:
        "logs/fig8.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title=f"{config['figures']['components']} features, {said('table2')['protocol']} fold 0",
    script:
        "../scripts/fig8.py"


rule fig9:
    """Figure 9: micrographs placed at their first two principal components."""
    input:
        samples="results/micrographs/samples.tsv",
        components=components_shown(),
        micrographs=expand("results/micrographs/{shard}", shard=shards()),
        code=modules("fig9"),
    output:
        pdf="results/figures/fig9.pdf",
        svg="results/figures/fig9.svg",
        png=report(
            "results/figures/fig9.png",
            caption="../report/fig9.rst",
            category="Figures",
            labels={"figure": "9: micrographs by components"},
        ),
    log:
        "logs/fig9.log",
    benchmark:
        "logs/fig9.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title=f"{config['figures']['components']} features, {said('table2')['protocol']} fold 0",
    script:
        "../scripts/fig9.py"


rule confusion_table2:
    """Confusion matrices of Table 2's models on the test part."""
    input:
        predictions=predictions_of(shown("table2", "blocks", "models")),
        code=modules("confusion_table2"),
    output:
        pdf="results/figures/confusion_table2.pdf",
        svg="results/figures/confusion_table2.svg",
        png=report(
            "results/figures/confusion_table2.png",
            caption="../report/confusion_table2.rst",
            category="Figures",
            labels={"figure": "confusion of Table 2"},
        ),
    log:
        "logs/confusion_table2.log",
    benchmark:
        "logs/confusion_table2.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title=f"Table 2's models, protocol {said('table2')['protocol']}",
    script:
        "../scripts/confusion_table2.py"
