"""Rule curves."""

from micrograph import log
from micrograph.figures import style, training_curves

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    figure = training_curves.learning_curves(training_curves.gather(snakemake.input.curves), snakemake.params.data)
    style.save(figure, output.pdf, output.svg, output.png)
