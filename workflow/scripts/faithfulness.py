"""Rule faithfulness."""

from micrograph import io, log
from micrograph.figures import attribution_tests as attribution_tests_figure
from micrograph.figures import style

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    figure = attribution_tests_figure.explanations(io.read_table(snakemake.input.table), snakemake.params.data)
    style.save(figure, output.pdf, output.svg, output.png)
