"""Rule simulate_pictures."""

from micrograph import files, job
from micrograph.simulated import pictures

with job.logged(snakemake.log[0]):
    params = snakemake.params
    shares = {int(celsius): share for celsius, share in params.shares.items()}
    drawn = pictures.micrographs(
        params.films,
        params.pixels,
        shares,
        job.rng(params.seed, "simulate_pictures"),
        levelling=params.levelling,
        clip_percentiles=params.clip_percentiles,
    )
    files.write_arrays(snakemake.output.pictures, pictures=drawn)
