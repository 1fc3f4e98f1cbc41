"""Rule collect_topography."""

import numpy as np

from micrograph import io, log
from micrograph.topography import features, measure_samples

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    measured = [io.read_table(path) for path in snakemake.input.measured]
    table, message = measure_samples.collect(io.read_table(snakemake.input.samples), measured)
    print(message)
    io.write_table(output.topography, table)
    io.write_table(output.measures, features.describe_measures(table["unit"].iloc[0]))
    values = [features.matrix(table)]
    io.FeatureSet(table["sample"], np.zeros(len(table), int), values).write(output.features)
