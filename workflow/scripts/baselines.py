"""Rule baselines."""

from micrograph import io, log
from micrograph.evaluation import baselines, captions, fits
from micrograph.figures import baselines as baselines_figure
from micrograph.figures import style
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = baselines.table(
        fits.read_predictions(snakemake.input.predictions),
        fits.read_predictions(snakemake.input.network)[0],
        classes=params.classes,
        resamples=params.resamples,
        rng=random_stream(params.seed, "baselines"),
        **params.said,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, baselines.markdown(table, caption))
    io.write_text(output.html, baselines.html(table, caption))
    style.save(baselines_figure.draw(table, params.said["data"]), output.pdf, output.svg, output.png)
