"""Rule draw_micrographs."""

from pathlib import Path

from micrograph import files, job
from micrograph.scans import conversion

with job.logged(snakemake.log[0]):
    output = snakemake.output
    levelled = files.read_table(snakemake.input.levelled)
    Path(output.micrographs).mkdir(parents=True, exist_ok=True)
    settings = conversion.Settings(**snakemake.params.settings)
    drawn, rejected = conversion.draw_shard(levelled, output.micrographs, settings)
    files.write_table(output.drawn, drawn)
    files.write_table(output.rejected, rejected)
