"""Rule score_networks."""

from micrograph import files, job, protocols
from micrograph.models import answers

with job.logged(snakemake.log[0]):
    words, params, output = snakemake.wildcards, snakemake.params, snakemake.output
    choices, predictions = answers.score_networks(
        [files.read_arrays(path) for path in snakemake.input.answers],
        files.read_table(snakemake.input.splits),
        protocol=words.protocol,
        policy=words.policy,
        scheme=words.scheme,
        classes=params.classes,
        rng=job.rng(params.seed, "score_networks", protocols.base(words.protocol), *words[1:]),
    )
    files.write_table(output.choices, choices)
    files.write_table(output.predictions, predictions)
