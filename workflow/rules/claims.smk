"""Needs predictions by several protocols, the sheet, the other tables, and the rehearsal of the model for new scans.
Gives what can be trusted: leakage, baselines, confounders, calibration, learning_curve (a table and mostly a figure each),
and claims: what the tables support, in sentences.
"""


rule leakage:
    """What the published protocol leaks: every leak alone, true labels and shuffled ones, validation and test."""
    input:
        predictions=predictions_of(asked("leakage")),
        permutations=permutations(),
        code=modules("leakage"),
    output:
        tsv="results/tables/leakage.tsv",
        md="results/tables/leakage.md",
        html=report(
            "results/tables/leakage.html",
            caption="../report/leakage.rst",
            category="Tables",
            labels={"table": "what the protocol leaks"},
        ),
        pdf="results/figures/leakage.pdf",
        svg="results/figures/leakage.svg",
        png=report(
            "results/figures/leakage.png",
            caption="../report/leakage.rst",
            category="Figures",
            labels={"figure": "what the protocol leaks"},
        ),
    log:
        "logs/leakage.log",
    benchmark:
        "logs/leakage.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
    script:
        "../scripts/leakage.py"


rule baselines:
    """What is told without a network: the commonest class, the sheet, physical measures of the height map."""
    input:
        predictions=predictions_of(asked("baselines")),
        network=predictions_of([EXPLAINED]),
        code=modules("baselines"),
    output:
        tsv="results/tables/baselines.tsv",
        md="results/tables/baselines.md",
        html=report(
            "results/tables/baselines.html",
            caption="../report/baselines.rst",
            category="Tables",
            labels={"table": "without a network"},
        ),
        pdf="results/figures/baselines.pdf",
        svg="results/figures/baselines.svg",
        png=report(
            "results/figures/baselines.png",
            caption="../report/baselines.rst",
            category="Figures",
            labels={"figure": "without a network"},
        ),
    log:
        "logs/baselines.log",
    benchmark:
        "logs/baselines.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
    script:
        "../scripts/baselines.py"


rule confounders:
    """Accuracy by growth time, substrate, batch, scan; operators and days that were not learnt from."""
    input:
        samples="results/micrographs/samples.tsv",
        levelled=of_all_shards("results/heights/{shard}.tsv"),
        predictions=predictions_of([EXPLAINED]),
        splits_predictions=dealt_otherwise,
        strict_predictions=dealt_strictly,
        code=modules("confounders"),
    output:
        tsv="results/tables/confounders.tsv",
        md="results/tables/confounders.md",
        html=report(
            "results/tables/confounders.html",
            caption="../report/confounders.rst",
            category="Tables",
            labels={"table": "confounders"},
        ),
        pdf="results/figures/confounders.pdf",
        svg="results/figures/confounders.svg",
        png=report(
            "results/figures/confounders.png",
            caption="../report/confounders.rst",
            category="Figures",
            labels={"figure": "confounders"},
        ),
    log:
        "logs/confounders.log",
    benchmark:
        "logs/confounders.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
        untested=lambda wildcards: untested(),
    script:
        "../scripts/confounders.py"


rule calibration:
    """How sure the models are and how often they are right; sets that hold the truth as often as they aim at."""
    input:
        predictions=predictions_of(probable()),
        code=modules("calibration"),
    output:
        tsv="results/tables/calibration.tsv",
        md="results/tables/calibration.md",
        html=report(
            "results/tables/calibration.html",
            caption="../report/calibration.rst",
            category="Tables",
            labels={"table": "calibration"},
        ),
        pdf="results/figures/calibration.pdf",
        svg="results/figures/calibration.svg",
        png=report(
            "results/figures/calibration.png",
            caption="../report/calibration.rst",
            category="Figures",
            labels={"figure": "calibration"},
        ),
    log:
        "logs/calibration.log",
    benchmark:
        "logs/calibration.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
        coverage=config["final_model"]["coverage"],
    script:
        "../scripts/calibration.py"


rule learning_curve:
    """Accuracy against the number of films that are learnt from."""
    input:
        predictions=predictions_of(asked("learning_curve")),
        code=modules("learning_curve"),
    output:
        tsv="results/tables/learning_curve.tsv",
        md="results/tables/learning_curve.md",
        html=report(
            "results/tables/learning_curve.html",
            caption="../report/learning_curve.rst",
            category="Tables",
            labels={"table": "films needed"},
        ),
        pdf="results/figures/learning_curve.pdf",
        svg="results/figures/learning_curve.svg",
        png=report(
            "results/figures/learning_curve.png",
            caption="../report/learning_curve.rst",
            category="Figures",
            labels={"figure": "films needed"},
        ),
    log:
        "logs/learning_curve.log",
    benchmark:
        "logs/learning_curve.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        seed=config["seed"],
        classes=config["classes"],
        resamples=config["evaluation"]["n_bootstrap"],
        said=SAID,
    script:
        "../scripts/learning_curve.py"


# The tables that claims are made from, with that of the rehearsal of the model for new scans.
EVIDENCE = [
    *("table2", "table3", "table4", "leakage", "baselines", "confounders", "calibration", "learning_curve"),
    "explanations",
]


rule claims:
    """What the tables support, and what they do not, in sentences with intervals and numbers of films."""
    input:
        tables=[*expand("results/tables/{name}.tsv", name=EVIDENCE), "results/production/rehearsal.tsv"],
        code=modules("claims"),
    output:
        tsv="results/tables/claims.tsv",
        md="results/tables/claims.md",
        html=report(
            "results/tables/claims.html",
            caption="../report/claims.rst",
            category="Tables",
            labels={"table": "what can be claimed"},
        ),
    log:
        "logs/claims.log",
    benchmark:
        "logs/claims.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
        network=PRODUCTION,
    script:
        "../scripts/claims.py"
