"""Rule gather_topography."""

import numpy as np

from micrograph import feature_files, files, job
from micrograph.topography import features, films

with job.logged(snakemake.log[0]):
    output = snakemake.output
    measured = [files.read_table(path) for path in snakemake.input.measured]
    table, said = films.gather(files.read_table(snakemake.input.samples), measured)
    print(said)
    files.write_table(output.topography, table)
    files.write_table(output.measures, features.described(table["unit"].iloc[0]))
    feature_files.write_tuned(output.features, table["sample"], np.zeros(len(table)), [features.matrix(table)])
