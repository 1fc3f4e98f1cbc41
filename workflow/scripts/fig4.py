"""Rule fig4."""

from micrograph import files, job
from micrograph.results import fits, performance_figures, style

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    figure = performance_figures.by_model(
        fits.gather(given.predictions),
        files.read_table(given.published),
        params.classes,
        params.data,
        params.resamples,
        job.rng(params.seed, "fig4"),
    )
    style.save(figure, output.pdf, output.svg, output.png)
