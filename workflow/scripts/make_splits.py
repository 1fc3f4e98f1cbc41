"""Rule make_splits."""

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.splits import film_scans, permutation, protocols, splitters, subsampling
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    protocol, params = snakemake.wildcards.protocol, snakemake.params
    parsed, stream = protocols.parse(protocol), protocols.split_stream_name(protocol)
    # strict and published have the same permuted labels, and a share has the folds of the whole.
    rng = random_stream(params.seed, "relabel", str(parsed.shuffled), parsed.permutation)
    target = Target.from_config(params.target)
    samples = target.add_to(io.read_table(snakemake.input.samples))
    labelled = permutation.permute_labels(samples, protocol, params.folds, rng)
    rng = random_stream(params.seed, "deal_folds", stream)
    table = splitters.split(labelled, protocol, params.folds, rng, target, params.primary)
    splitters.check(table, protocol, target, labelled, params.primary)
    kept = subsampling.subsample_batches(table, protocol, random_stream(params.seed, "thin", stream))
    rng = random_stream(params.seed, "scan_weights", stream)
    io.write_table(snakemake.output.splits, film_scans.add_repeats(kept, params.scan_weights, rng))
