"""Rule permute_labels."""

from functools import partial
from pathlib import Path

from micrograph import io, log
from micrograph.models import permuted_labels
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    blocks = {}
    for path in given.features:
        blocks.setdefault(Path(path).parent.name, []).append(path)
    predictions = permuted_labels.permuted_predictions(
        io.read_table(given.samples),
        {block: io.FeatureChunks(paths) for block, paths in blocks.items()},
        params.fits,
        params.n_permutations,
        folds=params.folds,
        classes=params.classes,
        search=params.param_grid,
        stream=partial(random_stream, params.seed),
    )
    io.write_table(snakemake.output.predictions, predictions)
