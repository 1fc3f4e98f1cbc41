"""Rule pretrain."""

import numpy as np

from micrograph import io, log
from micrograph.networks import self_supervised
from micrograph.rng import random_stream
from micrograph.scans import rendering
from micrograph.splits import splitters
from micrograph.splits.fit_spec import fold_of

with log.redirect_output(snakemake.log[0]):
    inputs, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
    samples, table = io.read_table(inputs.samples), io.read_table(inputs.splits)
    rows = splitters.fit_index(table, wildcards.protocol, fold_of(wildcards.seen), samples["sample"])
    study = np.stack([rendering.read_png(samples["micrograph"][row]) for row in rows])
    pretrained = self_supervised.pretrain(
        np.concatenate([study, io.read_arrays(inputs.simulated)["micrographs"]]),
        backbone=params.backbone,
        settings=params.settings,
        weights=next(iter(inputs.weights), None),
        precision=params.precision,
        device=params.device,
        rng=random_stream(params.seed, "pretrain_films", wildcards.protocol, wildcards.seen),
    )
    pretrained.write(snakemake.output.weights)
    io.write_table(snakemake.output.curve, pretrained.curve)
