"""Rule predict."""

from micrograph import io, log
from micrograph.prediction import page, predict, storage

with log.redirect_output(snakemake.log[0]):
    given, output = snakemake.input, snakemake.output
    model = storage.read(given.model)
    said = predict.predict_scans(snakemake.params.scans, model, snakemake.params.device)
    io.write_table(output.predictions, page.write(said, model, given.template, output.page, output.parts))
