"""Rule table3."""

from micrograph import io, log
from micrograph.evaluation import captions, fits, table3
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = table3.table(
        fits.read_predictions(snakemake.input.predictions),
        io.read_table(snakemake.input.published),
        fits.read_predictions(snakemake.input.get("baselines", [])),
        classes=params.classes,
        resamples=params.resamples,
        rng=random_stream(params.seed, "table3"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, table3.markdown(table, caption))
    io.write_text(output.html, table3.html(table, caption))
