"""Rule deal_folds."""

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.splits import permutation, protocols, splitters, subsampling

with log.redirect_output(snakemake.log[0]):
    protocol, params = snakemake.wildcards.protocol, snakemake.params
    read, dealt = protocols.parse(protocol), protocols.dealt(protocol)
    # Drawn by what is varied alone: strict and published are shuffled alike, and a share has the folds of the whole.
    chance = random_stream(params.seed, "relabel", str(read.shuffled), read.draw)
    labelled = permutation.permute_labels(io.read_table(snakemake.input.samples), protocol, params.folds, chance)
    table = splitters.split(labelled, protocol, params.folds, random_stream(params.seed, "deal_folds", dealt))
    splitters.check(table, protocol, params.classes, labelled)
    thinned = subsampling.subsample_batches(table, protocol, random_stream(params.seed, "thin", dealt))
    io.write_table(snakemake.output.splits, thinned)
