"""Rule leakage."""

from micrograph import io, log
from micrograph.evaluation import captions, fits, leakage, leakage_captions
from micrograph.figures import leakage as leakage_figure
from micrograph.figures import style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = leakage.table(
        fits.read_predictions(snakemake.input.predictions) + fits.gather_permuted(snakemake.input.permutations),
        classes=params.classes,
        resamples=params.resamples,
        rng=random_stream(params.seed, "leakage"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, leakage_captions.markdown(table, caption))
    io.write_text(output.html, leakage_captions.html(table, caption))
    figure = leakage_figure.leakage_figure(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
