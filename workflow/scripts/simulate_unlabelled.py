"""Rule simulate_unlabelled."""

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.simulation import unlabelled

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    shares = {int(celsius): share for celsius, share in params.shares.items()}
    drawn = unlabelled.micrographs(
        params.films,
        params.pixels,
        shares,
        random_stream(params.seed, "simulate_pictures"),
        levelling=params.levelling,
        clip_percentiles=params.clip_percentiles,
    )
    io.write_arrays(snakemake.output.images, pictures=drawn)
