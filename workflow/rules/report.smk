"""Needs tables, figures, their captions, and what is known of every film: predictions, explanations, features, curves.
Gives results/report: index.html and parts/ beside it, which need no network.
"""

# What the page shows, in this order. Tables: name, title, whether it is folded, and the heading that it stands under.
# Figures: name, number, title, the file or folder embedded, whether it is two columns wide, and the heading.
TRUST = "Can it be trusted?"
TABLES_SHOWN = [
    ("table1", "Pictures by policy", True, "The study"),
    ("table2", "Blocks by models", False, "Performance"),
    ("table3", "Models by pre-training", False, "Performance"),
    ("table4", "Models by scheme", False, "Performance"),
    ("tableS1", "Settings chosen", True, "Performance"),
    ("leakage", "What the protocol leaks", False, TRUST),
    ("baselines", "What is told without a network", False, TRUST),
    ("confounders", "Is it the same for all films?", False, TRUST),
    ("calibration", "How sure, how often right", False, TRUST),
    ("learning_curve", "Would more films help?", False, TRUST),
    ("explanations", "Are the explanations true?", False, TRUST),
    ("claims", "What can be claimed", True, TRUST),
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
    ("leakage", "Leakage", "What the protocol leaks", "leakage.svg", True, TRUST),
    ("baselines", "Baselines", "What is told without a network", "baselines.svg", True, TRUST),
    ("confounders", "Confounders", "Is it the same for all films?", "confounders.svg", True, TRUST),
    ("calibration", "Calibration", "How sure, how often right", "calibration.svg", True, TRUST),
    ("learning_curve", "Films needed", "Would more films help?", "learning_curve.svg", True, TRUST),
    ("fig6", "Figure 6", "Every film and what was said of it", "fig6", True, "The films"),
    ("fig10", "Figure 10", "What speaks for the temperature", "fig10.svg", True, "The films"),
    ("faithfulness", "Explanations", "Are they true?", "faithfulness.svg", True, "The films"),
    ("fig8", "Figure 8", "Principal components by growth temperature", "fig8.svg", False, "The films"),
    ("fig9", "Figure 9", "Micrographs at their principal components", "fig9.png", True, "The films"),
]

# Figures whose caption is another's.
CAPTIONS = {"faithfulness": "explanations"}

# The page's own files: its template, and what is copied beside it.
FACE = sorted(path for path in Path(workflow.current_basedir, "../report/page").rglob("*") if path.suffix != ".md")


rule report:
    """The study on pages that answer: headline, tables, figures, every film with its explanation, how it was made."""
    input:
        tables=[f"results/tables/{name}.tsv" for name, *_ in TABLES_SHOWN],
        samples="results/micrographs/samples.tsv",
        micrographs=of_all_shards("results/micrographs/{shard}"),
        rejected="results/micrographs/rejected.tsv",
        predictions=predictions_of([EXPLAINED]),
        explanations=explained("fold{fold}.npz"),
        curves=curves_of([EXPLAINED]),
        features="results/features/{protocol}/{pretraining}/{policy}/tuned.npz".format(**EXPLAINED),
        splits="results/splits/strict.tsv",
        components=components_shown(),
        published=workflow.source_path("../../resources/published/values.tsv"),
        figures=[f"results/figures/{image}" for _, _, _, image, *_ in FIGURES_SHOWN],
        table_captions=[workflow.source_path(f"../report/{name}.rst") for name, *_ in TABLES_SHOWN],
        figure_captions=[
            workflow.source_path(f"../report/{CAPTIONS.get(name, name)}.rst") for name, *_ in FIGURES_SHOWN
        ],
        face=[str(path.resolve()) for path in FACE if path.is_file()],
        code=modules("report"),
    output:
        page="results/report/index.html",
        parts=directory("results/report/parts"),
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        data=DATA,
        words={
            "data": DATA,
            "said": SAID,
            "coverage": config["final_model"]["coverage"],
            "films_a_class": config["attribution"]["films_per_class"],
        },
        classes=config["classes"],
        components=f"{config['figures']['fig8_block']} features, {asked('table2')[0]['protocol']} fold 0",
        tables=[(title, folded, group) for _, title, folded, group in TABLES_SHOWN],
        figures=[(number, title, wide, group) for _, number, title, _, wide, group in FIGURES_SHOWN],
        settings=STUDY,
    script:
        "../scripts/report.py"
