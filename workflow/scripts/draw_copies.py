"""Rule draw_copies."""

from functools import partial
from pathlib import Path

from micrograph import files, job
from micrograph.models import policies
from micrograph.scans import conversion, copies

with job.logged(snakemake.log[0]):
    given, params, policy = snakemake.input, snakemake.params, snakemake.wildcards.policy
    samples = files.read_table(given.samples)
    wanted = dict(zip(samples["sample"], policies.copies_wanted(samples["growth_celsius"]), strict=True))
    Path(snakemake.output.pictures).mkdir(parents=True, exist_ok=True)
    table = copies.draw_shard(
        policy,
        copies.of_shard(samples, given.micrographs),
        wanted,
        snakemake.output.pictures,
        given.heights,
        conversion.Settings(**params.settings),
        rng_of=partial(job.rng, params.seed, "draw_copies", policy),
    )
    files.write_table(snakemake.output.copies, table)
