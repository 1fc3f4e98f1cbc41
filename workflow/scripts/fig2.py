"""Rule fig2."""

from micrograph import files, job
from micrograph.results import figures, style

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    samples = files.read_table(snakemake.input.samples)
    figure = figures.samples_by_temperature(samples, params.classes, params.data)
    style.save(figure, output.pdf, output.svg, output.png)
