"""Rule predict."""

from micrograph import io, log
from micrograph.prediction import page, predict, storage

with log.redirect_output(snakemake.log[0]):
    given, output = snakemake.input, snakemake.output
    model = storage.read(given.model)
    predictions = predict.predict_scans(snakemake.params.scans, model, snakemake.params.device)
    io.write_table(output.predictions, page.write(predictions, model, given.template, output.page, output.parts))
