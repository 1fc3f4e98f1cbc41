"""Rule fig9."""

from micrograph import files, job
from micrograph.results import component_figures, style
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    arrays, samples = files.read_arrays(snakemake.input.components), files.read_table(snakemake.input.samples)
    fit = component_figures.one_fit(arrays, samples)
    figure = component_figures.component_map(
        fit.scores,
        [images.read_png(path) for path in fit.samples["micrograph"]],
        fit.samples["pixel_nm"],
        fit.samples["growth_celsius"],
        fit.explained,
        params.classes,
        params.data,
        params.title,
    )
    style.save(figure, output.pdf, output.svg, output.png)
