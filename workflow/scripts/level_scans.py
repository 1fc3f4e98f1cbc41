"""Rule level_scans."""

from pathlib import Path

from micrograph import io, log
from micrograph.scans import conversion, sample_sheet

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    shard, many = int(snakemake.wildcards.shard), params.scans_per_shard
    columns = sample_sheet.Columns(extra=tuple(params.simulated_columns))
    rows = params.rows or sample_sheet.read_shard(snakemake.input.sheet, columns, shard, many)
    Path(output.heights).mkdir(parents=True, exist_ok=True)
    levelled, rejected = conversion.level_shard(rows, output.heights, conversion.Preprocessing(**params.settings))
    io.write_table(output.levelled, levelled)
    io.write_table(output.rejected, rejected)
