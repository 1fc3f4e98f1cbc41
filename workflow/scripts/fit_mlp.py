"""Rules fit_mlp and fit_mlp_*: the MLP on fine-tuned features, one scheme after another."""

from micrograph import io, log
from micrograph.networks import mlp
from micrograph.rng import random_stream
from micrograph.splits import protocols
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    inputs, params, output = snakemake.input, snakemake.params, snakemake.output
    table, features = io.read_table(inputs.splits), io.FeatureSet.read(inputs.features)
    written = zip(params.fits, params.settings, output.models, output.searches, output.predictions, strict=True)
    for fit, settings, models, choices, predictions in written:
        spec = FitSpec(**fit)
        task = FitTask(spec, Target.from_config(params.target), mlp.param_grid(settings, params.param_grid))
        stream = (protocols.stream_name(spec.protocol), spec.pretraining, spec.policy, spec.scheme)
        rng = random_stream(params.seed, "fit_mlp", *stream)
        study = mlp.fit_folds(features, table, task, settings["epochs"], settings["patience"], rng, params.device)
        mlp.write_models(models, study.models)
        io.write_table(choices, study.search_results)
        io.write_table(predictions, study.predictions)
