"""Rule plan_samples."""

from micrograph import log
from micrograph.rng import random_stream
from micrograph.scans import sample_sheet
from micrograph.simulation import simulate

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    chance = random_stream(params.seed, "plan_samples")
    sheet = simulate.plan_samples(params.samples, params.days, params.shares, chance, **params.extra)
    sample_sheet.write(
        snakemake.output.sheet, sample_sheet.assign_shard_paths(sheet, params.folder, params.scans_per_shard)
    )
