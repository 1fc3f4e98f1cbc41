"""Rule calibration."""

from micrograph import files, job
from micrograph.results import fits, style
from micrograph.trust import calibration_figure, calibration_table, calibration_words

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    studies = calibration_table.judged(fits.gather(snakemake.input.predictions), params.classes, params.coverage)
    table = calibration_table.table(
        studies,
        params.coverage,
        resamples=params.resamples,
        rng=job.rng(params.seed, "calibration"),
        **params.said,
    )
    caption = calibration_words.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, calibration_table.markdown(table, caption))
    files.write_text(output.html, calibration_table.html(table, caption))
    figure = calibration_figure.calibration(
        studies,
        table,
        params.said["data"],
        resamples=params.resamples,
        rng=job.rng(params.seed, "calibration", "figure"),
    )
    style.save(figure, output.pdf, output.svg, output.png)
