"""Rule retrieve_list."""

from micrograph import io, log
from micrograph.retrieval import list_database
from micrograph.scans import sample_sheet
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    target = Target.from_config(params.target)
    sheet, excluded = list_database.retrieve(
        params.url,
        params.credentials,
        params.query,
        target,
        params.folder,
        params.requests_per_second,
    )
    io.write_table(output.excluded, excluded)
    sample_sheet.write(output.sheet, sheet)
