"""Rule confusion_table2."""

from micrograph import job
from micrograph.results import figures, style, tables

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    fits = tables.gather(snakemake.input.predictions)
    predictions = {(fit.words["features"], fit.words["model"]): fit.predictions for fit in fits}
    figure = figures.confusion(predictions, params.classes, params.data, title=params.title)
    style.save(figure, output.pdf, output.svg, output.png)
