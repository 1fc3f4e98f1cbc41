"""Rule level_scans."""

from pathlib import Path

from micrograph import files, job
from micrograph.scans import conversion, sheets

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    sheet = sheets.read(snakemake.input.sheet, params.classes, files_must_exist=False)
    rows = sheets.shard(sheet, int(snakemake.wildcards.shard), params.scans_per_shard)
    Path(output.heights).mkdir(parents=True, exist_ok=True)
    levelled, rejected = conversion.level_shard(rows, output.heights, conversion.Settings(**params.settings))
    files.write_table(output.levelled, levelled)
    files.write_table(output.rejected, rejected)
