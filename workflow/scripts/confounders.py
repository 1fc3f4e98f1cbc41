"""Rule confounders."""

from micrograph import files, job
from micrograph.results import fits, style
from micrograph.trust import confounders, confounders_figure

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    paths = [given.predictions, given.splits_predictions, given.strict_predictions]
    table = confounders.table(
        files.read_table(given.samples),
        [files.read_table(path) for path in given.levelled],
        confounders.Asked(*map(fits.gather, paths), params.untested),
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "confounders"),
        **params.said,
    )
    caption = confounders.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, confounders.markdown(table, caption))
    files.write_text(output.html, confounders.html(table, caption))
    figure = confounders_figure.confounders(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
