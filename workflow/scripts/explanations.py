"""Rule explanations."""

from micrograph import io, log
from micrograph.evaluation import attribution_tests, captions

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = attribution_tests.table(
        [io.read_table(path) for path in snakemake.input.tests],
        resamples=params.resamples,
        seed=params.seed,
        data=params.data,
        words=params.words,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, attribution_tests.markdown(table, caption))
    io.write_text(output.html, attribution_tests.html(table, caption))
