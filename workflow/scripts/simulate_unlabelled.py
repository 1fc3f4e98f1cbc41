"""Rule simulate_unlabelled."""

import numpy as np

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.scans import levelling, rendering
from micrograph.simulation import unlabelled

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    shares = {int(celsius): share for celsius, share in params.shares.items()}
    rng = random_stream(params.seed, "simulate_pictures")
    micrographs = np.empty((params.films, params.pixels, params.pixels), np.uint8)
    for index, height_nm in enumerate(unlabelled.height_maps(params.films, params.pixels, shares, rng)):
        level_nm = levelling.level(height_nm, params.levelling, overwrite=True)
        micrographs[index], _ = rendering.render(level_nm, params.pixels, params.clip_percentiles)
    io.write_arrays(snakemake.output.images, micrographs=micrographs)
