"""Rule predict."""

from micrograph import files, job
from micrograph.prediction import page, predict, storage

with job.logged(snakemake.log[0]):
    given, output = snakemake.input, snakemake.output
    model = storage.read(given.model)
    said = predict.many(snakemake.params.scans, model, snakemake.params.device)
    files.write_table(output.predictions, page.write(said, model, given.template, output.page, output.parts))
