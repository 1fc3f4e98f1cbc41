"""Rule fig8."""

from micrograph import files, job
from micrograph.results import component_figures, style

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    arrays, samples = files.read_arrays(snakemake.input.components), files.read_table(snakemake.input.samples)
    fit = component_figures.one_fit(arrays, samples)
    celsius = fit.samples["growth_celsius"]
    figure = component_figures.components(
        fit.scores, celsius, fit.explained, params.classes, params.data, fit.seen, params.title
    )
    style.save(figure, output.pdf, output.svg, output.png)
