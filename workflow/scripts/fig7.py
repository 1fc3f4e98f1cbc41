"""Rule fig7."""

from micrograph import files, job
from micrograph.results import confusion_figures, fits, style

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    predictions, published = fits.gather(given.predictions), files.read_table(given.published)
    figure = confusion_figures.beside_paper(predictions, published, "fig7", params.classes, params.data, params.title)
    style.save(figure, output.pdf, output.svg, output.png)
