"""Rule augment."""

from functools import partial
from pathlib import Path

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.scans import augmentation, conversion
from micrograph.splits import policies
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, params, policy = snakemake.input, snakemake.params, snakemake.wildcards.policy
    samples = io.read_table(given.samples)
    classes = Target.from_config(params.target).add_to(samples)["y_true"]
    wanted = dict(zip(samples["sample"], policies.n_augmentations(classes), strict=True))
    Path(snakemake.output.images).mkdir(parents=True, exist_ok=True)
    table = augmentation.augment_shard(
        policy,
        augmentation.samples_of_shard(samples, given.micrographs),
        wanted,
        snakemake.output.images,
        given.heights,
        conversion.Preprocessing(**params.settings),
        rng_of=partial(random_stream, params.seed, "draw_copies", policy),
    )
    io.write_table(snakemake.output.table, table)
