"""Rule predict_cnn."""

from micrograph import io, log
from micrograph.networks import cnn_predictions
from micrograph.rng import random_stream
from micrograph.splits import protocols
from micrograph.splits.fit_spec import FitSpec
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    wildcards, params, output = snakemake.wildcards, snakemake.params, snakemake.output
    stream = (protocols.stream_name(wildcards.protocol), wildcards.pretraining, wildcards.policy, wildcards.scheme)
    choices, predictions = cnn_predictions.predict_cnn(
        [io.read_arrays(path) for path in snakemake.input.outputs],
        io.read_table(snakemake.input.splits),
        FitSpec(**wildcards, features="image", model="CNN"),
        Target.from_config(params.target),
        random_stream(params.seed, "score_networks", *stream),
    )
    io.write_table(output.search, choices)
    io.write_table(output.predictions, predictions)
