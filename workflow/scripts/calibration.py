"""Rule calibration."""

from micrograph import io, log
from micrograph.evaluation import calibration, captions, fits
from micrograph.figures import calibration as calibration_figure
from micrograph.figures import style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    studies = calibration.judged(fits.read_predictions(snakemake.input.predictions), params.classes, params.coverage)
    table = calibration.table(
        studies,
        params.coverage,
        resamples=params.resamples,
        rng=random_stream(params.seed, "calibration"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, calibration.markdown(table, caption))
    io.write_text(output.html, calibration.html(table, caption))
    figure = calibration_figure.calibration(
        studies,
        table,
        params.said["data"],
        resamples=params.resamples,
        rng=random_stream(params.seed, "calibration", "figure"),
    )
    style.save(figure, output.pdf, output.svg, output.png)
