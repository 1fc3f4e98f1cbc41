"""Rule measure_topography."""

from micrograph import io, log
from micrograph.topography import measure_samples

with log.redirect_output(snakemake.log[0]):
    given = snakemake.input
    drawn = io.read_table(given.drawn)
    measured = measure_samples.measure_shard(drawn, given.heights, given.micrographs, snakemake.params.aspect)
    io.write_table(snakemake.output.measured, measured)
