"""Rule project_features."""

from micrograph import feature_files, files, job
from micrograph.models import components, splits

with job.logged(snakemake.log[0]):
    features = files.read_arrays(snakemake.input.features)
    table = files.read_table(snakemake.input.splits)
    seen = [
        splits.rows_seen(table, snakemake.wildcards.protocol, fold, features["samples"])
        for fold in sorted(set(table["fold"]))
    ]
    variance = snakemake.params.variance
    fits = components.fit_folds(features["values"], seen, [variance])[variance]
    feature_files.write_components(snakemake.output.components, features["samples"], fits)
