"""Rule table4."""

from micrograph import files, job
from micrograph.results import fits, table4

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = table4.table(
        fits.gather(snakemake.input.predictions),
        files.read_table(snakemake.input.published),
        fits.gather(snakemake.input.get("baselines", [])),
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "table4"),
        **params.said,
    )
    caption = table4.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, table4.markdown(table, caption))
    files.write_text(output.html, table4.html(table, caption))
