"""Rule fig9."""

from micrograph import component_figures, files, images, job, style

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    fit = files.read_arrays(snakemake.input.components)
    samples = files.read_table(snakemake.input.samples)
    figure = component_figures.component_map(
        fit["scores_0"],
        [images.read_png(path) for path in samples["micrograph"]],
        samples["pixel_nm"],
        samples["growth_celsius"],
        fit["explained_0"],
        params.classes,
        params.data,
        params.title,
    )
    style.save(figure, output.pdf, output.svg, output.png)
