"""Rules fit_models and fit_models_*: shallow models on features, fit by fit."""

from micrograph import io, log
from micrograph.models import storage
from micrograph.models.fit import fit_folds
from micrograph.rng import random_stream
from micrograph.splits import protocols

with log.redirect_output(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table = io.read_table(given.splits)
    features = {path: io.FeatureSet.read(path) for path in dict.fromkeys(given.features)}
    written = zip(params.fits, given.features, output.models, output.searches, output.predictions, strict=True)
    for fit, path, models, choices, predictions in written:
        names = [fit[name] for name in ("pretraining", "policy", "features", "scheme", "model")]
        study = fit_folds(
            features[path].sample,
            features[path].augmentation,
            features[path].values,
            table,
            protocol=fit["protocol"],
            policy=fit["policy"],
            scheme=fit["scheme"],
            model=fit["model"],
            classes=params.classes,
            search=params.param_grid,
            rng=random_stream(params.seed, "fit_models", protocols.without_leaks(fit["protocol"]), *names),
            workers=snakemake.threads,
        )
        storage.write_models(models, study.models)
        io.write_table(choices, study.search_results)
        io.write_table(predictions, study.predictions)
