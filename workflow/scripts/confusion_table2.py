"""Rule confusion_table2."""

from micrograph import log
from micrograph.evaluation import fits
from micrograph.figures import fig5_fig7, style

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    given = fits.read_predictions(snakemake.input.predictions)
    predictions = {(fit.words["features"], fit.words["model"]): fit.predictions for fit in given}
    figure = fig5_fig7.by_features(predictions, params.classes, params.data, title=params.title)
    style.save(figure, output.pdf, output.svg, output.png)
