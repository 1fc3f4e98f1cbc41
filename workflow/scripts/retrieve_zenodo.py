"""Rule retrieve_zenodo."""

from micrograph import io, log
from micrograph.retrieval import archive, zenodo

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    fetched, passed_over = zenodo.retrieve(params.url, params.records, params.files, params.folder)
    sheet, left_out = archive.films(fetched, params.classes, params.folder, passed_over)
    io.write_table(output.sheet, sheet)
    io.write_table(output.excluded, left_out)
