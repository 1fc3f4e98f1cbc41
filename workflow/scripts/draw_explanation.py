"""Rule draw_explanation."""

from micrograph import files, job
from micrograph.attribution import maps
from micrograph.results import attribution_film, fits, style
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    given, sample = snakemake.input, snakemake.wildcards.sample
    samples, (fit,) = files.read_table(given.samples), fits.gather([given.predictions])
    explained = maps.gather(given.maps)
    film = samples.set_index("sample").loc[explained.samples[explained.row(sample)]]
    picture = images.read_png(film["micrograph"])
    figure = attribution_film.one(explained, sample, fit, samples, picture, snakemake.params.data)
    style.save_png(figure, snakemake.output.png)
