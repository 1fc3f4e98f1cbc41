"""Needs tables, figures and their captions.
Gives results/report/index.html: one file that needs no network.
"""

# What the page shows, in this order. Tables: name, title, whether it is folded. Figures: name, number, title, the file
# or folder embedded, whether it is two columns wide, and the heading that it stands under.
TABLES_SHOWN = [
    ("table1", "Pictures by policy", True),
    ("table2", "Blocks by models", False),
    ("table3", "Models by pre-training", False),
    ("table4", "Models by scheme", False),
    ("tableS1", "Settings chosen", True),
]
FIGURES_SHOWN = [
    ("fig1", "Figure 1", "The flow of this run", "fig1.svg", True, "The study"),
    ("fig2", "Figure 2", "Samples by growth temperature", "fig2.svg", True, "The study"),
    ("fig3", "Figure 3", "Accuracy by augmentation policy", "fig3.svg", True, "Performance"),
    ("figS2", "Figure S2", "Macro F1 by augmentation policy", "figS2.svg", True, "Performance"),
    ("fig4", "Figure 4", "Models compared", "fig4.svg", True, "Performance"),
    ("fig5", "Figure 5", "Where nominal models err", "fig5.svg", False, "Performance"),
    ("fig7", "Figure 7", "Where ordered models err", "fig7.svg", False, "Performance"),
    ("confusion_table2", "Confusion", "Where Table 2's models err", "confusion_table2.svg", True, "Performance"),
    ("curves", "Learning curves", "How the networks learnt", "curves.svg", True, "Performance"),
    ("fig6", "Figure 6", "Every film and what was said of it", "fig6", True, "The films"),
    ("fig8", "Figure 8", "Principal components by growth temperature", "fig8.svg", False, "The films"),
    ("fig9", "Figure 9", "Micrographs at their principal components", "fig9.png", True, "The films"),
]


rule report:
    """The study on one page: headline, tables, figures, scans read and rejected, how it was made."""
    input:
        tables=[f"results/tables/{name}.tsv" for name, *_ in TABLES_SHOWN],
        samples="results/micrographs/samples.tsv",
        rejected="results/micrographs/rejected.tsv",
        figures=[f"results/figures/{image}" for _, _, _, image, *_ in FIGURES_SHOWN],
        table_captions=[workflow.source_path(f"../report/{name}.rst") for name, *_ in TABLES_SHOWN],
        figure_captions=[workflow.source_path(f"../report/{name}.rst") for name, *_ in FIGURES_SHOWN],
        template=workflow.source_path("../report/page.html.j2"),
        code=modules("report"),
    output:
        page="results/report/index.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
        tables=[(title, folded) for _, title, folded in TABLES_SHOWN],
        figures=[(number, title, wide, group) for _, number, title, _, wide, group in FIGURES_SHOWN],
        settings=STUDY,
    script:
        "../scripts/report.py"
