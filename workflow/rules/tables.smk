"""Needs predictions, choices, policies and the paper's numbers.
Gives results/tables: each as TSV (for machines), Markdown and HTML (for people).
"""


rule table1:
    """Table 1: the pictures that each policy really made, by class and part, beside the paper's counts."""
    input:
        copies=expand("results/policies/{policy}/copies.tsv", policy=POLICIES),
        splits=expand("results/splits/{protocol}.tsv", protocol=PROTOCOLS),
        published=workflow.source_path("../../resources/published/table1.tsv"),
        code=modules("table1"),
    output:
        tsv="results/tables/table1.tsv",
        md="results/tables/table1.md",
        html=report(
            "results/tables/table1.html",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "1: pictures by policy"},
        ),
    log:
        "logs/table1.log",
    benchmark:
        "logs/table1.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        policies=POLICIES,
        protocols=PROTOCOLS,
        data=DATA,
    script:
        "../scripts/table1.py"


rule table2:
    """Table 2: three models by block and explained variance, both protocols, beside the paper's numbers."""
    input:
        predictions=predictions_of(repeated("table2")),
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
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
        data=DATA,
    script:
        "../scripts/table2.py"


rule table3:
    """Table 3: nine models by the domain that the network was pre-trained on, with the relative difference."""
    input:
        predictions=predictions_of(repeated("table3")),
        baselines=predictions_of(asked("baselines", protocol=["strict"])),
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("table3"),
    output:
        tsv="results/tables/table3.tsv",
        md="results/tables/table3.md",
        html=report(
            "results/tables/table3.html",
            caption="../report/table3.rst",
            category="Tables",
            labels={"table": "3: models by pre-training"},
        ),
    log:
        "logs/table3.log",
    benchmark:
        "logs/table3.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
        data=DATA,
    script:
        "../scripts/table3.py"


rule table4:
    """Table 4: nine models as nominal classifiers, ordinal classifiers and regressors, with their errors in Celsius."""
    input:
        predictions=predictions_of(repeated("table4")),
        baselines=predictions_of(asked("baselines", protocol=["strict"])),
        published=workflow.source_path("../../resources/published/values.tsv"),
        code=modules("table4"),
    output:
        tsv="results/tables/table4.tsv",
        md="results/tables/table4.md",
        html=report(
            "results/tables/table4.html",
            caption="../report/table4.rst",
            category="Tables",
            labels={"table": "4: models by scheme"},
        ),
    log:
        "logs/table4.log",
    benchmark:
        "logs/table4.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
        data=DATA,
    script:
        "../scripts/table4.py"


rule tableS1:
    """Table S1: the settings that each fold of each fit chose, beside the paper's."""
    input:
        choices=choices_of(asked("table2") + asked("fig3") + asked("table3") + asked("table4")),
        published=workflow.source_path("../../resources/published/production.tsv"),
        code=modules("tableS1"),
    output:
        tsv="results/tables/tableS1.tsv",
        md="results/tables/tableS1.md",
        html=report(
            "results/tables/tableS1.html",
            caption="../report/tableS1.rst",
            category="Tables",
            labels={"table": "S1: settings chosen"},
        ),
    log:
        "logs/tableS1.log",
    benchmark:
        "logs/tableS1.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
    script:
        "../scripts/tableS1.py"


rule explanations:
    """Whether the explanations are true: what maps find, whether they follow the weights, against controls."""
    input:
        tests=explained("tests{fold}.tsv"),
        code=modules("explanations"),
    output:
        tsv="results/tables/explanations.tsv",
        md="results/tables/explanations.md",
        html=report(
            "results/tables/explanations.html",
            caption="../report/explanations.rst",
            category="Tables",
            labels={"table": "are the explanations true?"},
        ),
    log:
        "logs/explanations.log",
    benchmark:
        "logs/explanations.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        resamples=config["evaluation"]["n_bootstrap"],
        data=DATA,
        words={name: EXPLAINED[name] for name in ("protocol", "pretraining", "policy", "scheme")},
    script:
        "../scripts/explanations.py"
