"""Rules fit_pca and fit_pca_*: principal components of one or more blocks."""

from pathlib import Path

import numpy as np

from micrograph import io, log
from micrograph.models import pca, randomised_pca
from micrograph.rng import random_stream
from micrograph.splits import protocols, splitters

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    table = io.read_table(snakemake.input.splits)
    names = {path: Path(path).stem.split("_cev") for path in snakemake.output.components}
    for block in dict.fromkeys(block for block, _ in names.values()):
        chunks = io.FeatureChunks(path for path in snakemake.input.features if Path(path).parent.name == block)
        fit_indices = [
            splitters.fit_index(table, params.protocol, fold, chunks.samples) for fold in sorted(set(table["fold"]))
        ]
        paths = {int(cev) / 100: path for path, (own, cev) in names.items() if own == block}
        if len(chunks.samples) <= params.pca["exact_pca_up_to"]:
            method = "exact"
            fits = pca.fit_folds(pca.inner_products(chunks.table()), fit_indices, list(paths))
        else:
            method = f"randomised, {params.pca['randomised_components']} components at most"
            rng = random_stream(params.seed, "randomised_pca", params.pretraining, block)
            fits = randomised_pca.fit_folds(
                lambda chunks=chunks: chunks.blocks(randomised_pca.CHUNK_SAMPLES),
                fit_indices,
                list(paths),
                params.pca["randomised_components"],
                rng,
            )
        if "one_component_fewer" in protocols.parse(params.protocol).leaks:
            fits = {variance: [fit.without_last() for fit in own] for variance, own in fits.items()}
        for variance, path in paths.items():
            io.FeatureSet(
                chunks.samples,
                np.zeros(len(chunks.samples), int),
                [fit.scores for fit in fits[variance]],
                [fit.explained_variance_ratio for fit in fits[variance]],
                [fit.fit_index for fit in fits[variance]],
            ).write(path)
            kept = [f"{fit.scores.shape[1]} ({fit.explained_variance_ratio.sum():.1%})" for fit in fits[variance]]
            print(
                f"{block}: {method}; {len(chunks.samples)} samples; requested variance {variance:.0%}; "
                f"components of each fold (explained variance): {', '.join(kept)}"
            )
