"""Rule collect_metadata."""

import numpy as np

from micrograph import io, log
from micrograph.models import metadata_features

with log.redirect_output(snakemake.log[0]):
    samples = io.read_table(snakemake.input.samples)
    names, values = metadata_features.compute(samples)
    print(f"{len(names)} features: {', '.join(names)}")
    features = io.FeatureSet(samples["sample"], np.zeros(len(samples), int), [values])
    features.write(snakemake.output.features)
