"""Rule faithfulness."""

from micrograph import files, job
from micrograph.results import explanation_figures, style

with job.logged(snakemake.log[0]):
    output = snakemake.output
    figure = explanation_figures.explanations(files.read_table(snakemake.input.table), snakemake.params.data)
    style.save(figure, output.pdf, output.svg, output.png)
