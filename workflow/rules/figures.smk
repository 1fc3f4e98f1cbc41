"""Needs tables and arrays that are on disk; fits and computes nothing but the drawing.
Gives results/figures: each as PDF, SVG and PNG, with a caption in the report. Those that need no training, and what they
are made of, have priority, so that there is something to look at early.
"""


rule fig1:
    """Figure 1: the flow of this run, with its own example, network, shapes and numbers."""
    input:
        samples="results/micrographs/samples.tsv",
        scans=all_scans,
        heights=of_all_shards("results/heights/{shard}"),
        micrographs=of_all_shards("results/micrographs/{shard}"),
        splits=f"results/splits/{asked('table2')[0]['protocol']}.tsv",
        features=expand(f"results/features/{asked('table2')[0]['pretraining']}/{{block}}/0000.npz", block=BLOCKS),
        components=components_of("table2"),
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
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        words={**said("table2"), "networks": networks_said()},
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
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig2.py"


rule fig3:
    """Figure 3: accuracy of three models by augmentation policy."""
    input:
        predictions=predictions_of(repeated("fig3")),
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("fig3"),
    output:
        pdf="results/figures/fig3.pdf",
        svg="results/figures/fig3.svg",
        png=report(
            "results/figures/fig3.png",
            caption="../report/fig3.rst",
            category="Figures",
            labels={"figure": "3: accuracy by policy"},
        ),
    log:
        "logs/fig3.log",
    benchmark:
        "logs/fig3.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig3.py"


rule figS2:
    """Figure S2: macro F1 of three models by augmentation policy."""
    input:
        predictions=predictions_of(repeated("fig3")),
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("figS2"),
    output:
        pdf="results/figures/figS2.pdf",
        svg="results/figures/figS2.svg",
        png=report(
            "results/figures/figS2.png",
            caption="../report/figS2.rst",
            category="Figures",
            labels={"figure": "S2: macro F1 by policy"},
        ),
    log:
        "logs/figS2.log",
    benchmark:
        "logs/figS2.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/figS2.py"


rule fig4:
    """Figure 4: training, validation and test accuracy of the nominal models."""
    input:
        predictions=predictions_of(repeated("table4", scheme=["nominal"])),
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("fig4"),
    output:
        pdf="results/figures/fig4.pdf",
        svg="results/figures/fig4.svg",
        png=report(
            "results/figures/fig4.png",
            caption="../report/fig4.rst",
            category="Figures",
            labels={"figure": "4: models compared"},
        ),
    log:
        "logs/fig4.log",
    benchmark:
        "logs/fig4.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        resamples=config["evaluation"]["n_bootstrap"],
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig4.py"


rule fig5:
    """Figure 5: confusion matrices of the nominal GBC, MLP and CNN."""
    input:
        predictions=predictions_of(repeated("table4", scheme=["nominal"], model=["GBC", "MLP", "CNN"])),
        published=workflow.source_path("../../resources/published/confusion.tsv"),
        code=modules("fig5"),
    output:
        pdf="results/figures/fig5.pdf",
        svg="results/figures/fig5.svg",
        png=report(
            "results/figures/fig5.png",
            caption="../report/fig5.rst",
            category="Figures",
            labels={"figure": "5: confusion, nominal"},
        ),
    log:
        "logs/fig5.log",
    benchmark:
        "logs/fig5.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title="Test predictions of nominal models",
    script:
        "../scripts/fig5.py"


rule fig6:
    """Figure 6: every test micrograph with its true and predicted class, growth time and substrate; pages of 27."""
    input:
        predictions=predictions_of(micrographs_shown()),
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        code=modules("fig6"),
    output:
        pdf="results/figures/fig6.pdf",
        pages=report(
            directory("results/figures/fig6"),
            patterns=["{page}.png"],
            caption="../report/fig6.rst",
            category="Figures",
            labels={"figure": "6: films", "page": "{page}"},
        ),
    log:
        "logs/fig6.log",
    benchmark:
        "logs/fig6.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig6.py"


rule fig7:
    """Figure 7: confusion matrices of the GBC as a regressor and of MLP and CNN with NNRank."""
    input:
        predictions=predictions_of(ordered_shown()),
        published=workflow.source_path("../../resources/published/confusion.tsv"),
        code=modules("fig7"),
    output:
        pdf="results/figures/fig7.pdf",
        svg="results/figures/fig7.svg",
        png=report(
            "results/figures/fig7.png",
            caption="../report/fig7.rst",
            category="Figures",
            labels={"figure": "7: confusion, ordered"},
        ),
    log:
        "logs/fig7.log",
    benchmark:
        "logs/fig7.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title="Test predictions of ordered models",
    script:
        "../scripts/fig7.py"


rule curves:
    """Learning curves of the fine-tuned networks."""
    input:
        curves=curves_of(asked("table3") + asked("table4") + asked("fig3")),
        code=modules("curves"),
    output:
        pdf="results/figures/curves.pdf",
        svg="results/figures/curves.svg",
        png=report(
            "results/figures/curves.png",
            caption="../report/curves.rst",
            category="Figures",
            labels={"figure": "learning curves"},
        ),
    log:
        "logs/curves.log",
    benchmark:
        "logs/curves.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
    script:
        "../scripts/curves.py"


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
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title=f"{config['figures']['fig8_block']} features, {asked('table2')[0]['protocol']} fold 0",
    script:
        "../scripts/fig8.py"


rule fig9:
    """Figure 9: micrographs placed at their first two principal components."""
    input:
        samples="results/micrographs/samples.tsv",
        components=components_shown(),
        micrographs=of_all_shards("results/micrographs/{shard}"),
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
    priority: 1
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
        title=f"{config['figures']['fig8_block']} features, {asked('table2')[0]['protocol']} fold 0",
    script:
        "../scripts/fig9.py"


rule confusion_table2:
    """Confusion matrices of Table 2's models on the test part."""
    input:
        predictions=predictions_of(repeated("table2", **first("table2", "protocol"))),
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
        title=f"Table 2's models, protocol {asked('table2')[0]['protocol']}",
    script:
        "../scripts/confusion_table2.py"


rule fig10:
    """Figure 10: films of each class with class activation map, overlay and occlusion, out of fold."""
    input:
        maps=explained("fold{fold}.npz"),
        predictions=predictions_of([EXPLAINED]),
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        code=modules("fig10"),
    output:
        pdf="results/figures/fig10.pdf",
        svg="results/figures/fig10.svg",
        png=report(
            "results/figures/fig10.png",
            caption="../report/fig10.rst",
            category="Figures",
            labels={"figure": "10: why"},
        ),
    log:
        "logs/fig10.log",
    benchmark:
        "logs/fig10.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        films_a_class=config["attribution"]["films_per_class"],
        data=DATA,
    script:
        "../scripts/fig10.py"


rule faithfulness:
    """Whether the explanations are true, drawn: the table `explanations` with its intervals and controls."""
    input:
        table="results/tables/explanations.tsv",
        code=modules("faithfulness"),
    output:
        pdf="results/figures/faithfulness.pdf",
        svg="results/figures/faithfulness.svg",
        png=report(
            "results/figures/faithfulness.png",
            caption="../report/explanations.rst",
            category="Figures",
            labels={"figure": "are the explanations true?"},
        ),
    log:
        "logs/faithfulness.log",
    benchmark:
        "logs/faithfulness.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
    script:
        "../scripts/faithfulness.py"
