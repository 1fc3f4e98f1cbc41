"""Rule report."""

from micrograph import files, job
from micrograph.results import report, table1, table2, table3, table4, tableS1

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    words, tables = {"data": params.data}, [files.read_table(path) for path in given.tables]
    shown = [
        report.Table(kind.NAME, title, kind.panels_of(table), report.caption(caption, words), folded)
        for kind, table, (title, folded), caption in zip(
            (table1, table2, table3, table4, tableS1), tables, params.tables, given.table_captions, strict=True
        )
    ]
    figures = [
        report.Figure(name, title, image, report.caption(caption, words), wide, group)
        for (name, title, wide, group), image, caption in zip(
            params.figures, given.figures, given.figure_captions, strict=True
        )
    ]
    page = report.page(
        given.template,
        "Growth temperature from micrographs",
        params.data,
        report.headline(tables[1]),
        shown,
        figures,
        files.read_table(given.samples),
        files.read_table(given.rejected),
        params.settings,
        report.versions(["snakemake", "numpy", "scikit-learn", "torch", "timm"]),
    )
    files.write_text(snakemake.output.page, page)
