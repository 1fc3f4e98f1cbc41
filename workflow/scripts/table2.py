"""Rule table2."""

from micrograph import files, job
from micrograph.results import fits, table2

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = table2.table(
        fits.gather(snakemake.input.predictions),
        files.read_table(snakemake.input.published),
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "table2"),
        **params.said,
    )
    caption = table2.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, table2.markdown(table, caption))
    files.write_text(output.html, table2.html(table, caption))
