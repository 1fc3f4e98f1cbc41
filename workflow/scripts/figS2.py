"""Rule figS2."""

from micrograph import files, job
from micrograph.results import fits, performance_figures, style

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    published = files.read_table(given.published)
    figure = performance_figures.by_policy(
        fits.gather(given.predictions), published, "macro_f1", params.classes, params.data
    )
    style.save(figure, output.pdf, output.svg, output.png)
