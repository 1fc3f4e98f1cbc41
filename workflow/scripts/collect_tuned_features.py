"""Rule collect_tuned_features."""

import pandas as pd

from micrograph import io, log
from micrograph.models import pca
from micrograph.networks import cnn_predictions

with log.redirect_output(snakemake.log[0]):
    protocol = snakemake.wildcards.protocol
    features = cnn_predictions.tuned_features(
        [io.read_arrays(path) for path in snakemake.input.outputs],
        pd.concat([io.read_table(path) for path in snakemake.input.curves]),
        protocol=protocol,
        pretraining=snakemake.wildcards.pretraining,
        folds=snakemake.params.folds,
    )
    features.write(snakemake.output.features)
    components = pca.fit_features(features, io.read_table(snakemake.input.splits), protocol)
    components.write(snakemake.output.components)
