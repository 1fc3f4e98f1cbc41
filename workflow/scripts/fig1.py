"""Rule fig1."""

from micrograph import io, log
from micrograph.figures import fig1, style

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    samples = io.read_table(given.samples)
    features, components = fig1.feature_heads(given.features), fig1.component_heads(given.components)
    run = fig1.describe(samples, io.read_table(given.splits), features, components, params.classes, params.words)
    pictures = fig1.pictures(fig1.example(samples), given.heights, params.channels, params.direction)
    style.save(fig1.draw(run, pictures, params.data), output.pdf, output.svg, output.png)
