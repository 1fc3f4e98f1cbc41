"""Rule plan_samples."""

from micrograph import files, job
from micrograph.scans import sheets
from micrograph.simulated import simulate

with job.logged(snakemake.log[0]):
    params = snakemake.params
    chance = job.rng(params.seed, "plan_samples")
    sheet = simulate.plan(params.samples, params.days, params.shares, chance, operators=params.operators)
    files.write_table(snakemake.output.sheet, sheets.in_shards(sheet, params.folder, params.scans_per_shard))
