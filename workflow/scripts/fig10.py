"""Rule fig10."""

from micrograph import files, job
from micrograph.attribution import maps
from micrograph.results import attribution_figures, fits, style
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    samples, (fit,) = files.read_table(given.samples), fits.gather(given.predictions)
    pictures = [images.read_png(path) for path in samples["micrograph"]]
    figure = attribution_figures.fig10(
        maps.gather(given.maps), fit, samples, pictures, params.classes, params.films_a_class, params.data
    )
    style.save(figure, output.pdf, output.svg, output.png)
