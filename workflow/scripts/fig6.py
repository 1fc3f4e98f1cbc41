"""Rule fig6."""

from micrograph import files, job
from micrograph.results import film_pages, fits, style
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    samples = files.read_table(snakemake.input.samples)
    pictures = [images.read_png(path) for path in samples["micrograph"]]
    (fit,) = fits.gather(snakemake.input.predictions)
    style.save_pages(film_pages.pages(fit, samples, pictures, params.classes, params.data), output.pdf, output.pages)
