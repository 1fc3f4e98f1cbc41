"""Rule fig4."""

from micrograph import io, log
from micrograph.evaluation import fits
from micrograph.figures import fig3_fig4, style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    figure = fig3_fig4.by_model(
        fits.read_predictions(given.predictions),
        io.read_table(given.published),
        params.classes,
        params.data,
        params.resamples,
        random_stream(params.seed, "fig4"),
    )
    style.save(figure, output.pdf, output.svg, output.png)
