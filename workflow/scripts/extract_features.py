"""Rule extract_features."""

import numpy as np

from micrograph import io, log
from micrograph.networks import backbones, features
from micrograph.scans import rendering

with log.redirect_output(snakemake.log[0]):
    params, words = snakemake.params, snakemake.wildcards
    first = int(words.chunk) * params.micrographs_per_job
    samples = io.read_table(snakemake.input.samples)[first : first + params.micrographs_per_job]
    mean, std = backbones.normalisation(params.backbone, words.pretraining)
    pictures = (rendering.read_png(path)[None] for path in log.progress(samples["micrograph"], "micrographs seen"))
    values = features.extract(
        backbones.load(params.backbone, snakemake.input.weights),
        features.modules_of(params.backbone),
        pictures,
        mean,
        std,
        batch=params.batch_size,
        precision=params.precision,
        device=params.device,
        normalise=params.normalise,
        count=len(samples),
    )
    for path, (block, module, shape, width) in zip(
        snakemake.output.features, features.describe(params.backbone, params.pixels), strict=True
    ):
        own = values.get(block, np.empty((0, width), np.float32))  # a chunk is empty where scans were rejected
        io.write_features(path, samples["sample"], own, params.backbone, module, shape)
