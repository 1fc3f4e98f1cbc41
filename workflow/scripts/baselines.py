"""Rule baselines."""

from micrograph import files, job
from micrograph.results import fits, style
from micrograph.trust import baselines, baselines_figure

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = baselines.table(
        fits.gather(snakemake.input.predictions),
        fits.gather(snakemake.input.network)[0],
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "baselines"),
        **params.said,
    )
    caption = baselines.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, baselines.markdown(table, caption))
    files.write_text(output.html, baselines.html(table, caption))
    style.save(baselines_figure.draw(table, params.said["data"]), output.pdf, output.svg, output.png)
