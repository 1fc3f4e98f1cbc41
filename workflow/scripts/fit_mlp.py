"""Rule fit_mlp."""

from micrograph import feature_files, files, job, protocols
from micrograph.networks import mlp

with job.logged(snakemake.log[0]):
    words, params = snakemake.wildcards, snakemake.params
    study = mlp.fit_study(
        *feature_files.read_scores(snakemake.input.features),
        files.read_table(snakemake.input.splits),
        protocol=words.protocol,
        policy=words.policy,
        scheme=words.scheme,
        classes=params.classes,
        search=params.search,
        settings=params.settings,
        device=params.device,
        rng=job.rng(params.seed, "fit_mlp", protocols.base(words.protocol), *words[1:]),
    )
    mlp.write_models(snakemake.output.models, study.models)
    files.write_table(snakemake.output.choices, study.choices)
    files.write_table(snakemake.output.predictions, study.predictions)
