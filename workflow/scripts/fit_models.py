"""Rules fit_models and fit_models_*: shallow models on features, fit by fit."""

from micrograph import feature_files, files, job, protocols
from micrograph.models import fitting, storage

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table = files.read_table(given.splits)
    features = {path: feature_files.read_scores(path) for path in dict.fromkeys(given.features)}
    written = zip(params.fits, given.features, output.models, output.choices, output.predictions, strict=True)
    for fit, path, models, choices, predictions in written:
        words = [fit[name] for name in ("pretraining", "policy", "features", "scheme", "model")]
        study = fitting.fit_study(
            *features[path],
            table,
            protocol=fit["protocol"],
            policy=fit["policy"],
            scheme=fit["scheme"],
            model=fit["model"],
            classes=params.classes,
            search=params.search,
            rng=job.rng(params.seed, "fit_models", protocols.base(fit["protocol"]), *words),
            workers=snakemake.threads,
        )
        storage.write_models(models, study.models)
        files.write_table(choices, study.choices)
        files.write_table(predictions, study.predictions)
