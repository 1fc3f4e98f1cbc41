"""Rule gather_micrographs."""

from micrograph import files, job
from micrograph.scans import conversion, sheets

with job.logged(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    sheet = sheets.read(snakemake.input.sheet, params.classes, files_must_exist=False)
    drawn = [files.read_table(path) for path in snakemake.input.drawn]
    refused = [files.read_table(path) for path in snakemake.input.rejected]
    samples, rejected, summary = conversion.gather(sheet, drawn, refused, params.data, params.on_bad_scan)
    files.write_table(output.samples, samples)
    files.write_table(output.rejected, rejected)
    files.write_text(output.summary, summary + "\n")
