"""Needs tables and arrays that are on disk; fits and computes nothing but the drawing.
Gives results/figures: each as PDF, SVG and PNG, with a caption in the report.
"""


rule fig2:
    """Figure 2: samples by growth temperature."""
    input:
        samples="results/micrographs/samples.tsv",
        code=modules("figures", "style"),
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
    conda:
        "../../envs/learn.yaml"
    params:
        classes=config["classes"],
        data=DATA,
    script:
        "../scripts/fig2.py"
