"""Rule gather_metadata."""

import numpy as np

from micrograph import feature_files, files, job
from micrograph.models import metadata

with job.logged(snakemake.log[0]):
    samples = files.read_table(snakemake.input.samples)
    names, values = metadata.features(samples)
    print(f"{len(names)} features: {', '.join(names)}")
    feature_files.write_tuned(snakemake.output.features, samples["sample"], np.zeros(len(samples), dtype=int), [values])
