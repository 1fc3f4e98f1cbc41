"""Rule collect_metadata."""

import numpy as np

from micrograph import io, log
from micrograph.models import metadata_features
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    samples = io.read_table(snakemake.input.samples)
    names, values = metadata_features.compute(samples, Target.from_config(params.target), params.extra_columns)
    print(f"{len(names)} features: {', '.join(names)}")
    features = io.FeatureSet(samples["sample"], np.zeros(len(samples), int), [values])
    features.write(snakemake.output.features)
