"""Rule gather_tuned."""

import pandas as pd

from micrograph import feature_files, files, job
from micrograph.models import answers

with job.logged(snakemake.log[0]):
    features = answers.tuned(
        [files.read_arrays(path) for path in snakemake.input.answers],
        pd.concat([files.read_table(path) for path in snakemake.input.curves]),
        protocol=snakemake.wildcards.protocol,
        folds=snakemake.params.folds,
    )
    feature_files.write_tuned(snakemake.output.features, *features)
