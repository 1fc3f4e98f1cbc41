"""Rule table1."""

from micrograph import files, job
from micrograph.results import table1

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table = table1.table(
        dict(zip(params.policies, map(files.read_table, given.copies), strict=True)),
        dict(zip(params.protocols, map(files.read_table, given.splits), strict=True)),
        files.read_table(given.published),
        classes=params.classes,
        data=params.data,
        rng=job.rng(params.seed, "table1"),
    )
    caption = table1.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, table1.markdown(table, caption))
    files.write_text(output.html, table1.html(table, caption))
