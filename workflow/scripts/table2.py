"""Rule table2."""

from micrograph import files, job
from micrograph.results import tables

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = tables.table2(
        tables.gather(snakemake.input.predictions),
        files.read_table(snakemake.input.published),
        classes=params.classes,
        data=params.data,
        backbone=params.backbone,
        grid=params.grid,
        resamples=params.resamples,
        rng=job.rng(params.seed, "table2"),
    )
    caption = tables.caption2(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, tables.markdown(table, caption))
    files.write_text(output.html, tables.html(table, caption))
