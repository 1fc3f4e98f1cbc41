"""Rule fig3."""

from micrograph import io, log
from micrograph.evaluation import fits
from micrograph.figures import fig3_fig4, style

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    published = io.read_table(given.published)
    figure = fig3_fig4.by_policy(
        fits.read_predictions(given.predictions), published, "accuracy", params.classes, params.data
    )
    style.save(figure, output.pdf, output.svg, output.png)
