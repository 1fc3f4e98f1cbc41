"""Rule fig1."""

from micrograph import files, job
from micrograph.results import flow, flow_figure, style

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    samples = files.read_table(given.samples)
    features, components = flow.feature_heads(given.features), flow.component_heads(given.components)
    run = flow.describe(samples, files.read_table(given.splits), features, components, params.classes, params.words)
    pictures = flow.pictures(flow.example(samples), given.heights, params.channels, params.direction)
    style.save(flow_figure.draw(run, pictures, params.data), output.pdf, output.svg, output.png)
