"""Rule collect_micrographs."""

from micrograph import io, log
from micrograph.scans import conversion, sample_sheet

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    columns = sample_sheet.Columns.from_config(params.target, params.extra_columns)
    sheet = sample_sheet.read(snakemake.input.sheet, columns, files_must_exist=False)
    drawn = [io.read_table(path) for path in snakemake.input.drawn]
    refused = [io.read_table(path) for path in snakemake.input.rejected]
    samples, rejected, summary = conversion.collect(
        sheet, drawn, refused, params.data, params.on_bad_scan, params.quality, columns
    )
    io.write_table(output.samples, samples)
    io.write_table(output.rejected, rejected)
    io.write_text(output.summary, summary + "\n")
