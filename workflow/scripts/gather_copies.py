"""Rule gather_copies."""

from micrograph import files, job
from micrograph.scans import copies

with job.logged(snakemake.log[0]):
    drawn = [files.read_table(path) for path in snakemake.input.drawn]
    files.write_table(snakemake.output.copies, copies.gather(files.read_table(snakemake.input.samples), drawn))
