"""Rule fig5."""

from micrograph import io, log
from micrograph.evaluation import fits
from micrograph.figures import fig5_fig7, style

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    predictions, published = fits.read_predictions(given.predictions), io.read_table(given.published)
    figure = fig5_fig7.beside_paper(predictions, published, "fig5", params.classes, params.data, params.title)
    style.save(figure, output.pdf, output.svg, output.png)
