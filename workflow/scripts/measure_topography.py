"""Rule measure_topography."""

from micrograph import io, log
from micrograph.topography import measure_samples
from micrograph.topography.measure import MeasureSettings

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    settings = MeasureSettings(**params.settings)
    drawn = io.read_table(given.drawn)
    measured = measure_samples.measure_shard(drawn, given.heights, given.micrographs, params.aspect, settings)
    io.write_table(snakemake.output.measured, measured)
