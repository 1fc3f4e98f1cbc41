"""Rule deal_folds."""

from micrograph import files, job
from micrograph.models import splits

with job.logged(snakemake.log[0]):
    protocol, params = snakemake.wildcards.protocol, snakemake.params
    samples = files.read_table(snakemake.input.samples)
    table = splits.deal(samples, protocol, params.folds, job.rng(params.seed, "deal_folds", protocol))
    splits.check(table, protocol, params.classes)
    files.write_table(snakemake.output.splits, table)
