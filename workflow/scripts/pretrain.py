"""Rule pretrain."""

import numpy as np

from micrograph import io, log
from micrograph.networks import self_supervised
from micrograph.rng import random_stream
from micrograph.scans import rendering
from micrograph.splits import splitters
from micrograph.splits.fit_spec import fold_of

with log.redirect_output(snakemake.log[0]):
    given, params, words = snakemake.input, snakemake.params, snakemake.wildcards
    samples, table = io.read_table(given.samples), io.read_table(given.splits)
    seen = splitters.fit_index(table, words.protocol, fold_of(words.seen), samples["sample"])
    study = [rendering.read_png(samples["micrograph"][row]) for row in seen]
    pretrained = self_supervised.pretrain(
        np.concatenate([np.stack(study), io.read_arrays(given.simulated)["pictures"]]),
        backbone=params.backbone,
        settings=params.settings,
        start=params.settings["start"],
        weights=next(iter(given.weights), None),
        precision=params.precision,
        device=params.device,
        rng=random_stream(params.seed, "pretrain_films", *words),
    )
    pretrained.write(snakemake.output.weights)
    io.write_table(snakemake.output.curve, pretrained.curve)
