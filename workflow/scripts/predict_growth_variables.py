"""Rule predict_growth_variables."""

from functools import partial

from micrograph import io, log
from micrograph.models import growth_variables
from micrograph.rng import random_stream
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    target, features = Target.from_config(params.target), io.FeatureChunks(given.features)
    predictions, variables = growth_variables.predict(
        target.add_to(io.read_table(given.samples)).set_index("sample").loc[features.samples].reset_index(),
        features.table(),
        target,
        params.extra_columns,
        explained_variance=params.settings["explained_variance"][0] / 100,
        folds=params.folds,
        repeats=params.settings["repeats"],
        stream=partial(random_stream, params.seed),
    )
    io.write_table(output.predictions, predictions)
    io.write_table(output.variables, variables)
