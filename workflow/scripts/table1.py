"""Rule table1."""

from micrograph import io, log
from micrograph.evaluation import captions, table1
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table = table1.table(
        dict(zip(params.policies, map(io.read_table, given.copies), strict=True)),
        dict(zip(params.protocols, map(io.read_table, given.splits), strict=True)),
        io.read_table(given.published),
        classes=params.classes,
        data=params.data,
        rng=random_stream(params.seed, "table1"),
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, table1.markdown(table, caption))
    io.write_text(output.html, table1.html(table, caption))
