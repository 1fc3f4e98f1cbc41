"""Needs predictions and the paper's numbers.
Gives results/tables: each as TSV (for machines), Markdown and HTML (for people).
"""


rule table2:
    """Table 2: three models by block and explained variance, both protocols, beside the paper's numbers."""
    input:
        predictions=predictions_of(words_of("table2")),
        samples="results/micrographs/samples.tsv",
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("table2"),
    output:
        tsv="results/tables/table2.tsv",
        md="results/tables/table2.md",
        html=report(
            "results/tables/table2.html",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "2: blocks by models"},
        ),
    log:
        "logs/table2.log",
    benchmark:
        "logs/table2.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["scores"]["bootstrap"],
        data=DATA,
        backbone=config["networks"]["backbone"],
        grid=config["models"]["grid"],
    script:
        "../scripts/table2.py"
