"""Rule learning_curve."""

from micrograph import io, log
from micrograph.evaluation import captions, fits, learning_curve
from micrograph.figures import learning_curve as learning_curve_figure
from micrograph.figures import style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = learning_curve.table(
        fits.read_predictions(snakemake.input.predictions),
        classes=params.classes,
        resamples=params.resamples,
        rng=random_stream(params.seed, "learning_curve"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, learning_curve.markdown(table, caption))
    io.write_text(output.html, learning_curve.html(table, caption))
    figure = learning_curve_figure.accuracy_by_films(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
