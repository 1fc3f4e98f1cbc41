"""Rule fig8."""

from micrograph import io, log
from micrograph.figures import fig8_fig9, style

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    arrays, samples = io.read_arrays(snakemake.input.components), io.read_table(snakemake.input.samples)
    fit = fig8_fig9.one_fit(arrays, samples)
    celsius = fit.samples["growth_celsius"]
    figure = fig8_fig9.components(
        fit.scores, celsius, fit.explained, params.classes, params.data, fit.seen, params.title
    )
    style.save(figure, output.pdf, output.svg, output.png)
