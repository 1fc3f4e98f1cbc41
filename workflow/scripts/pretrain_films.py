"""Rule pretrain_films."""

import numpy as np

from micrograph import experiments, files, job
from micrograph.models import splits
from micrograph.networks import selfsupervised
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    given, params, words = snakemake.input, snakemake.params, snakemake.wildcards
    samples, table = files.read_table(given.samples), files.read_table(given.splits)
    seen = splits.rows_seen(table, words.protocol, experiments.fold_of(words.seen), samples["sample"])
    study = [images.read_png(samples["micrograph"][row]) for row in seen]
    pretrained = selfsupervised.pretrain(
        np.concatenate([np.stack(study), files.read_arrays(given.simulated)["pictures"]]),
        backbone=params.backbone,
        settings=params.settings,
        start=params.settings["start"],
        weights=next(iter(given.weights), None),
        precision=params.precision,
        device=params.device,
        rng=job.rng(params.seed, "pretrain_films", *words),
    )
    pretrained.write(snakemake.output.weights)
    files.write_table(snakemake.output.curve, pretrained.curve)
