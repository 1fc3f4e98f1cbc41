"""Rule curves."""

from micrograph import job
from micrograph.results import curve_figures, style

with job.logged(snakemake.log[0]):
    output = snakemake.output
    figure = curve_figures.learning_curves(curve_figures.gather(snakemake.input.curves), snakemake.params.data)
    style.save(figure, output.pdf, output.svg, output.png)
