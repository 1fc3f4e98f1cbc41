"""Rule fig6."""

from micrograph import io, log
from micrograph.evaluation import fits
from micrograph.figures import fig6, style
from micrograph.scans import rendering

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    samples = io.read_table(snakemake.input.samples)
    pictures = [rendering.read_png(path) for path in samples["micrograph"]]
    (fit,) = fits.read_predictions(snakemake.input.predictions)
    style.save_pages(fig6.pages(fit, samples, pictures, params.classes, params.data), output.pdf, output.pages)
