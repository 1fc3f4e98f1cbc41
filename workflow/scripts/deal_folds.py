"""Rule deal_folds."""

from micrograph import files, job, protocols
from micrograph.models import splits, variations

with job.logged(snakemake.log[0]):
    protocol, params = snakemake.wildcards.protocol, snakemake.params
    read, dealt = protocols.read(protocol), protocols.dealt(protocol)
    # Drawn by what is varied alone: strict and published are shuffled alike, and a share has the folds of the whole.
    chance = job.rng(params.seed, "relabel", str(read.shuffled), read.draw)
    labelled = variations.relabelled(files.read_table(snakemake.input.samples), protocol, params.folds, chance)
    table = splits.deal(labelled, protocol, params.folds, job.rng(params.seed, "deal_folds", dealt))
    splits.check(table, protocol, params.classes, labelled)
    thinned = variations.thinned(table, protocol, job.rng(params.seed, "thin", dealt))
    files.write_table(snakemake.output.splits, thinned)
