"""Rule retrieve_zenodo."""

from micrograph import io, log
from micrograph.retrieval import published_data, zenodo
from micrograph.scans import sample_sheet
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    target = Target.from_config(params.target)
    downloaded, excluded = zenodo.retrieve(params.url, params.records, params.files, params.folder)
    sheet, excluded = published_data.make_samples(downloaded, target, params.folder, excluded)
    sample_sheet.write(output.sheet, sheet)
    io.write_table(output.excluded, excluded)
