"""Rule measure_films."""

from micrograph import files, job
from micrograph.topography import films

with job.logged(snakemake.log[0]):
    given = snakemake.input
    drawn = files.read_table(given.drawn)
    measured = films.measure_shard(drawn, given.heights, given.micrographs, snakemake.params.aspect)
    files.write_table(snakemake.output.measured, measured)
