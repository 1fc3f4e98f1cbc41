"""Tables, figures and the report.

Input: predictions, grid searches, attribution maps, the paper's values.
Output: results/tables (TSV, Markdown, HTML), results/figures (PDF, SVG, PNG), results/report.

Each row of the registry micrograph/outputs.py is a rule, so that `snakemake table2` makes that table, or says why the
study cannot make it.
"""

# What captions read.
CAPTION = {
    "data": STUDY.data,
    "coverage": config["final_model"]["coverage"],
    "target_name": STUDY.target.name,
    "ordered": STUDY.target.ordered,
    "with_paper": STUDY.target.column == PAPER_TARGET,
}

for row in outputs.OUTPUTS:
    caption = f"../report/{row.name}.rst"

    rule:
        name:
            row.name
        input:
            unpack(lambda wildcards, name=row.name: inputs_of(name)),
            caption=workflow.source_path(caption),
            code=code_of("output", *row.modules),
        output:
            **{
                end: (
                    report(path, caption=caption, category="Tables", labels={"table": row.title})
                    if end == "html"
                    else path
                )
                for end, path in row.tables.items()
            },
            **{
                end: (
                    report(path, caption=caption, category="Figures", labels={"figure": row.title})
                    if end == "png"
                    else (
                        report(
                            directory(path), patterns=[f"{{page}}.{row.image}"], caption=caption, category="Figures"
                        )
                        if end == "pages"
                        else path
                    )
                )
                for end, path in row.figures.items()
            },
        log:
            f"logs/{row.name}.log",
        benchmark:
            f"logs/{row.name}.tsv"
        priority: int(row.early)
        group:
            row.job_group
        conda:
            "../../envs/learn.yaml"
        params:
            **CAPTION,
            output=row.name,
            row=facts_of(row),
            target=config["target"],
            arguments=lambda wildcards, name=row.name: outputs.get(name).params(STUDY),
            film_score=config["evaluation"]["film_score"],
            readers=lambda wildcards, name=row.name: outputs.readers(name, STUDY),
        script:
            "../scripts/output.py"


# The template of the page, and the files copied beside it.
PAGE = sorted(path for path in (PROJECT / "workflow/report/page").rglob("*") if path.is_file() and path.suffix != ".md")

# What the samples with their maps are shown from, where the final model is made.
EXPLORER = (
    {
        "predictions": EXPLAINED.predictions_path,
        "maps": STUDY.attributions("fold{fold}.npz"),
        "curves": STUDY.curves([EXPLAINED]),
        "features": f"results/features/strict/{EXPLAINED.pretraining}/{EXPLAINED.policy}/tuned.npz",
        "splits": "results/splits/strict.tsv",
        "components": outputs.feature_map(STUDY)[1],
    }
    if WITH_FINAL_MODEL
    else {}
)


rule report:
    """Write the report page: headline, conclusions, tables, figures, all samples with their maps, settings."""
    input:
        **EXPLORER,
        tables=[row.tables["tsv"] for row in PLAN.made if row.table],
        figures=[row.page_image for row in PLAN.made if row.figure],
        captions=[workflow.source_path(f"../report/{row.name}.rst") for row in PLAN.made],
        samples=SAMPLES,
        micrographs=of_all_shards("results/micrographs/{shard}"),
        rejected="results/micrographs/rejected.tsv",
        published=workflow.source_path("../../resources/published/values.tsv"),
        page=[str(path) for path in PAGE],
        code=code_of("report", *(module for row in PLAN.made for module in row.modules if row.table)),
    output:
        page="results/report/index.html",
        headline="results/report/headline.txt",
        parts=directory("results/report/parts"),
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    conda:
        "../../envs/learn.yaml"
    params:
        **CAPTION,
        rows=[facts_of(row) for row in PLAN.made],
        left_out=LEFT_OUT,
        target=config["target"],
        extra_columns=config["scans"]["extra_columns"],
        components=outputs.feature_map(STUDY)[0],
        film_score=config["evaluation"]["film_score"],
        settings={name: value for name, value in config.items() if name != "new_scans"},  # new scans change no result
    script:
        "../scripts/report.py"
