"""Rule confounders."""

from micrograph import io, log
from micrograph.evaluation import captions, confounders, fits
from micrograph.figures import confounders as confounders_figure
from micrograph.figures import style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    paths = [given.predictions, given.splits_predictions, given.strict_predictions]
    table = confounders.table(
        io.read_table(given.samples),
        [io.read_table(path) for path in given.levelled],
        confounders.Asked(*map(fits.read_predictions, paths), params.untested),
        classes=params.classes,
        resamples=params.resamples,
        rng=random_stream(params.seed, "confounders"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, confounders.markdown(table, caption))
    io.write_text(output.html, confounders.html(table, caption))
    figure = confounders_figure.confounders(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
