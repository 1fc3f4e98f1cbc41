"""Rule pretrain_supervised."""

from micrograph import io, log
from micrograph.networks import supervised
from micrograph.networks.training import TrainingSettings
from micrograph.rng import random_stream
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    pretrained = supervised.pretrain(
        io.read_arrays(inputs.images)["micrographs"],
        io.read_table(inputs.samples),
        Target.from_config(params.target),
        backbone=params.backbone,
        start=params.start,
        settings=TrainingSettings.from_dict(params.settings),
        weights=next(iter(inputs.weights), None),
        device=params.device,
        rng=random_stream(params.seed, "pretrain_supervised"),
    )
    pretrained.write(snakemake.output.weights)
    io.write_table(snakemake.output.curve, pretrained.curve)
