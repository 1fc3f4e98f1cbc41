"""Rule check_levelling."""

import pandas as pd

from micrograph import io, log
from micrograph.measurement import folder
from micrograph.scans.conversion import Preprocessing

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    rows = pd.concat(map(io.read_table, snakemake.input.levelled)).dropna(subset="height").sort_values("sample")
    settings = Preprocessing(**params.settings)
    folder.write_check(rows.to_dict("records"), snakemake.output.out, settings, params.quality, params.data)
