"""Rule simulate_scans."""

from pathlib import Path

import pandas as pd

from micrograph import io, log
from micrograph.scans import sample_sheet
from micrograph.simulation import films, simulate

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    shard, many = int(snakemake.wildcards.shard), params.scans_per_shard
    columns = sample_sheet.Columns(extra=tuple(params.simulated_columns))
    rows = sample_sheet.read_shard(snakemake.input.sheet, columns, shard, many)
    measured = []
    for row in log.progress(rows.to_dict("records"), "films grown and scanned"):
        scan = Path(snakemake.output.scans, Path(row["scan"]).name)
        truth = Path(snakemake.output.truth, row["sample"] + ".npz")
        simulate.simulate_scan(row, params.seed, scan, truth, params.pixels)
        measured.append({"sample": row["sample"]} | films.measure_domains(*simulate.read_truth(truth)))
    io.write_table(snakemake.output.measured, pd.DataFrame(measured))
