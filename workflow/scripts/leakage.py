"""Rule leakage."""

from micrograph import files, job
from micrograph.results import fits, style
from micrograph.trust import leakage, leakage_figure, leakage_words

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    table = leakage.table(
        fits.gather(snakemake.input.predictions) + fits.gather_permuted(snakemake.input.permutations),
        classes=params.classes,
        resamples=params.resamples,
        rng=job.rng(params.seed, "leakage"),
        **params.said,
    )
    caption = leakage_words.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, leakage_words.markdown(table, caption))
    files.write_text(output.html, leakage_words.html(table, caption))
    figure = leakage_figure.leakage_figure(table, params.said["data"])
    style.save(figure, output.pdf, output.svg, output.png)
