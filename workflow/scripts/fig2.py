"""Rule fig2."""

from micrograph import io, log
from micrograph.figures import fig2, style

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    samples = io.read_table(snakemake.input.samples)
    figure = fig2.samples_by_temperature(samples, params.classes, params.data)
    style.save(figure, output.pdf, output.svg, output.png)
