"""Rule confusion_table2."""

from micrograph import job
from micrograph.results import confusion_figures, fits, style

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    given = fits.gather(snakemake.input.predictions)
    predictions = {(fit.words["features"], fit.words["model"]): fit.predictions for fit in given}
    figure = confusion_figures.by_features(predictions, params.classes, params.data, title=params.title)
    style.save(figure, output.pdf, output.svg, output.png)
