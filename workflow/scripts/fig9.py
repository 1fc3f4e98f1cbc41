"""Rule fig9."""

from micrograph import io, log
from micrograph.figures import fig8_fig9, style
from micrograph.scans import rendering

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    arrays, samples = io.read_arrays(snakemake.input.components), io.read_table(snakemake.input.samples)
    fit = fig8_fig9.one_fit(arrays, samples)
    figure = fig8_fig9.component_map(
        fit.scores,
        [rendering.read_png(path) for path in fit.samples["micrograph"]],
        fit.samples["pixel_nm"],
        fit.samples["growth_celsius"],
        fit.explained,
        params.classes,
        params.data,
        params.title,
    )
    style.save(figure, output.pdf, output.svg, output.png)
