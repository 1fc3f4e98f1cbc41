"""Rule explanations."""

from micrograph import files, job
from micrograph.results import explanations

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = explanations.table(
        [files.read_table(path) for path in snakemake.input.tests],
        resamples=params.resamples,
        seed=params.seed,
        data=params.data,
        words=params.words,
    )
    caption = explanations.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, explanations.markdown(table, caption))
    files.write_text(output.html, explanations.html(table, caption))
