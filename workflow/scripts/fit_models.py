"""Rule fit_models."""

from micrograph import feature_files, files, job, protocols
from micrograph.models import fitting, storage

with job.logged(snakemake.log[0]):
    names, copies, scores = feature_files.read_scores(snakemake.input.features)
    words, params = snakemake.wildcards, snakemake.params
    study = fitting.fit_study(
        names,
        copies,
        scores,
        files.read_table(snakemake.input.splits),
        protocol=words.protocol,
        policy=words.policy,
        scheme=words.scheme,
        model=words.model,
        classes=params.classes,
        search=params.search,
        rng=job.rng(params.seed, "fit_models", protocols.base(words.protocol), *words[1:]),
        workers=snakemake.threads,
    )
    storage.write_models(snakemake.output.models, study.models)
    files.write_table(snakemake.output.choices, study.choices)
    files.write_table(snakemake.output.predictions, study.predictions)
