"""Rules fit_models and fit_models_*: shallow models on features, fit by fit."""

from dataclasses import astuple

from micrograph import io, log
from micrograph.models import registry, storage
from micrograph.models.fit import fit_folds
from micrograph.rng import random_stream
from micrograph.splits import protocols
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table = io.read_table(given.splits)
    features = {path: io.FeatureSet.read(path) for path in dict.fromkeys(given.features)}
    written = zip(params.fits, given.features, output.models, output.searches, output.predictions, strict=True)
    for fit, path, models, choices, predictions in written:
        spec = FitSpec(**fit)
        grid = registry.param_grid(spec.model, spec.scheme, spec.protocol, params.param_grid)
        task = FitTask(spec, Target.from_config(params.target), grid)
        rng = random_stream(params.seed, "fit_models", protocols.stream_name(spec.protocol), *astuple(spec)[1:])
        study = fit_folds(features[path], table, task, rng, workers=snakemake.threads)
        storage.write_models(models, study.models)
        io.write_table(choices, study.search_results)
        io.write_table(predictions, study.predictions)
