"""Rule fig8."""

import numpy as np

from micrograph import component_figures, files, job, style

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    fit = files.read_arrays(snakemake.input.components)
    celsius = files.read_table(snakemake.input.samples)["growth_celsius"]
    seen = np.isin(np.arange(len(celsius)), fit["rows_0"])
    figure = component_figures.components(
        fit["scores_0"], celsius, fit["explained_0"], params.classes, params.data, seen, params.title
    )
    style.save(figure, output.pdf, output.svg, output.png)
