"""Rule collect_augmented."""

from micrograph import io, log
from micrograph.scans import augmentation

with log.redirect_output(snakemake.log[0]):
    drawn = [io.read_table(path) for path in snakemake.input.tables]
    io.write_table(snakemake.output.images, augmentation.collect(io.read_table(snakemake.input.samples), drawn))
