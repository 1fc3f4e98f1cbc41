"""Rule retrieve_list."""

from micrograph import files, job
from micrograph.retrieval import list_database

with job.logged(snakemake.log[0]):
    given, output = snakemake.params, snakemake.output
    sheet, left_out = list_database.retrieve(
        given.url, given.credentials, given.query, given.classes, given.folder, given.requests_per_second
    )
    files.write_table(output.left_out, left_out)
    files.write_table(output.sheet, sheet)
