"""Rule retrieve_list."""

from micrograph import io, log
from micrograph.retrieval import list_database

with log.redirect_output(snakemake.log[0]):
    given, output = snakemake.params, snakemake.output
    sheet, left_out = list_database.retrieve(
        given.url, given.credentials, given.query, given.classes, given.folder, given.requests_per_second
    )
    io.write_table(output.excluded, left_out)
    io.write_table(output.sheet, sheet)
