"""Rule onnx."""

from micrograph import log
from micrograph.prediction import onnx_model, storage

with log.redirect_output(snakemake.log[0]):
    onnx_model.write(snakemake.output.model, storage.read(snakemake.input.model))
