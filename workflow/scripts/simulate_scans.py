"""Rule simulate_scans."""

from pathlib import Path

from micrograph import job
from micrograph.scans import sheets
from micrograph.simulated import simulate

with job.logged(snakemake.log[0]):
    params = snakemake.params
    shard, many = int(snakemake.wildcards.shard), params.scans_per_shard
    rows = sheets.read_shard(snakemake.input.sheet, params.classes, shard, many)
    for row in job.progress(rows.to_dict("records"), "films grown and scanned"):
        scan = Path(snakemake.output.scans, Path(row["scan"]).name)
        truth = Path(snakemake.output.truth, row["sample"] + ".npz")
        simulate.scan_sample(row, params.seed, scan, truth, params.pixels)
