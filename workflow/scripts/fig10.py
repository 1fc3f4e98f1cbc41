"""Rule fig10."""

from micrograph import io, log
from micrograph.attribution import maps
from micrograph.evaluation import fits
from micrograph.figures import fig10, style
from micrograph.scans import rendering

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    samples, (fit,) = io.read_table(given.samples), fits.read_predictions(given.predictions)
    pictures = [rendering.read_png(path) for path in samples["micrograph"]]
    figure = fig10.fig10(
        maps.gather(given.maps), fit, samples, pictures, params.classes, params.films_a_class, params.data
    )
    style.save(figure, output.pdf, output.svg, output.png)
