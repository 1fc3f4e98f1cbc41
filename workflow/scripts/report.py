"""Rule report."""

from micrograph import files, job
from micrograph.results import report, tables

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    table2 = files.read_table(given.table2)
    words = {"data": params.data}
    shown = [
        report.Table(
            "Table 2", "Blocks by models", tables.panels_of(table2), report.caption(given.table2_caption, words)
        )
    ]
    figures = [
        report.Figure(name, title, image, report.caption(caption, words), wide)
        for (name, title, wide), image, caption in zip(params.titles, given.figures, given.captions, strict=True)
    ]
    page = report.page(
        given.template,
        "Growth temperature from micrographs",
        params.data,
        report.headline(table2),
        shown,
        figures,
        files.read_table(given.samples),
        files.read_table(given.rejected),
        params.settings,
        report.versions(["snakemake", "numpy", "scikit-learn", "torch", "timm"]),
    )
    files.write_text(snakemake.output.page, page)
