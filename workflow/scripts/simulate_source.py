"""Rule simulate_source."""

import numpy as np
import pandas as pd

from micrograph import io, log
from micrograph.rng import random_stream
from micrograph.scans import varied_micrographs
from micrograph.simulation import laboratories
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    shares = {int(celsius): share for celsius, share in params.shares.items()}
    film_rng, view_rng = random_stream(params.seed, "simulate_source").spawn(2)
    rows, micrographs = [], []
    target = Target.from_config(params.target)
    films = laboratories.simulate_films(params.samples, target, shares, params.width_nm, film_rng)
    for row, height_nm in films:
        rows.append(row)
        micrographs.append(varied_micrographs.render_varied(height_nm, params.pixels, view_rng))
    io.write_table(snakemake.output.samples, pd.DataFrame(rows).drop(columns="scan"))
    io.write_arrays(snakemake.output.images, micrographs=np.stack(micrographs))
