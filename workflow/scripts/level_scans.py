"""Rule level_scans."""

from pathlib import Path

from micrograph import files, job
from micrograph.scans import conversion, sheets

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    shard, many = int(snakemake.wildcards.shard), params.scans_per_shard
    rows = sheets.read_shard(snakemake.input.sheet, params.classes, shard, many)
    Path(output.heights).mkdir(parents=True, exist_ok=True)
    levelled, rejected = conversion.level_shard(rows, output.heights, conversion.Settings(**params.settings))
    files.write_table(output.levelled, levelled)
    files.write_table(output.rejected, rejected)
