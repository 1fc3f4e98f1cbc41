"""Rule render_micrographs."""

from pathlib import Path

from micrograph import io, log
from micrograph.scans import conversion

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    levelled = io.read_table(snakemake.input.levelled)
    Path(output.micrographs).mkdir(parents=True, exist_ok=True)
    settings = conversion.Preprocessing(**snakemake.params.settings)
    drawn, rejected = conversion.render_shard(levelled, output.micrographs, settings)
    io.write_table(output.drawn, drawn)
    io.write_table(output.rejected, rejected)
