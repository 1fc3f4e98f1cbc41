"""Rules fit_mlp and fit_mlp_*: the MLP on fine-tuned features, scheme by scheme."""

from micrograph import feature_files, files, job, protocols
from micrograph.networks import mlp

with job.logged(snakemake.log[0]):
    given, params, output = snakemake.input, snakemake.params, snakemake.output
    table, features = files.read_table(given.splits), feature_files.read_scores(given.features)
    written = zip(params.fits, params.settings, output.models, output.choices, output.predictions, strict=True)
    for fit, settings, models, choices, predictions in written:
        words = [fit[name] for name in ("pretraining", "policy", "scheme")]
        study = mlp.fit_study(
            *features,
            table,
            protocol=fit["protocol"],
            policy=fit["policy"],
            scheme=fit["scheme"],
            classes=params.classes,
            search=params.search,
            settings=settings,
            device=params.device,
            rng=job.rng(params.seed, "fit_mlp", protocols.base(fit["protocol"]), *words),
        )
        mlp.write_models(models, study.models)
        files.write_table(choices, study.choices)
        files.write_table(predictions, study.predictions)
