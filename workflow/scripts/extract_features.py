"""Rule extract_features."""

import numpy as np

from micrograph import io, log
from micrograph.networks import backbones, checkpoints, features
from micrograph.scans import rendering

with log.redirect_output(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    first = int(wildcards.chunk) * params.micrographs_per_job
    samples = io.read_table(snakemake.input.samples)[first : first + params.micrographs_per_job]
    mean, std = backbones.normalisation(params.backbone, wildcards.pretraining)
    values = features.extract(
        checkpoints.load(params.backbone, snakemake.input.weights),
        backbones.get(params.backbone).blocks,
        (rendering.read_png(path)[None] for path in log.progress(samples["micrograph"], "micrographs read")),
        *((mean, std) if params.normalise else features.IDENTITY),
        batch_size=params.batch_size,
        precision=params.precision,
        device=params.device,
        count=len(samples),
    )
    blocks = features.describe_blocks(params.backbone, params.pixels)
    for path, block in zip(snakemake.output.features, blocks, strict=True):
        own = values.get(block.name, np.empty((0, block.n_features), np.float32))  # empty where scans were rejected
        io.write_features(path, samples["sample"], own, params.backbone, block.module, block.shape)
