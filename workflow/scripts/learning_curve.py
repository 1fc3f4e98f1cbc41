"""Rule learning_curve."""

from micrograph import files, job
from micrograph.results import fits, style
from micrograph.trust import learning_curve, learning_curve_figure

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = learning_curve.table(
        fits.gather(snakemake.input.predictions),
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "learning_curve"),
        **params.said,
    )
    caption = learning_curve.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, learning_curve.markdown(table, caption))
    files.write_text(output.html, learning_curve.html(table, caption))
    figure = learning_curve_figure.accuracy_by_films(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
