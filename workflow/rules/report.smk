"""Needs tables, figures and their captions.
Gives results/report/index.html: one file that needs no network.
"""

# What the page shows, in this order: rule, name, title, the file embedded, whether it is two columns wide.
SHOWN = [
    ("fig1", "Figure 1", "The flow of this run", "svg", True),
    ("confusion_table2", "Confusion", "Where Table 2's models err", "svg", True),
    ("fig2", "Figure 2", "Samples by growth temperature", "svg", True),
    ("fig8", "Figure 8", "Principal components by growth temperature", "svg", False),
    ("fig9", "Figure 9", "Micrographs at their principal components", "png", True),
]


rule report:
    """The study on one page: headline, Table 2, figures, scans read and rejected, how it was made."""
    input:
        table2="results/tables/table2.tsv",
        samples="results/micrographs/samples.tsv",
        rejected="results/micrographs/rejected.tsv",
        figures=[f"results/figures/{rule_name}.{suffix}" for rule_name, _, _, suffix, _ in SHOWN],
        captions=[workflow.source_path(f"../report/{rule_name}.rst") for rule_name, *_ in SHOWN],
        table2_caption=workflow.source_path("../report/table2.rst"),
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
        titles=[(name, title, wide) for _, name, title, _, wide in SHOWN],
        settings=config,
    script:
        "../scripts/report.py"
