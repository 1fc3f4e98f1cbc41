"""Rule permute_labels."""

from functools import partial
from pathlib import Path

from micrograph import feature_files, files, job
from micrograph.models import permutations

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    blocks = {}
    for path in given.features:
        blocks.setdefault(Path(path).parent.name, []).append(path)
    predictions = permutations.permuted_predictions(
        files.read_table(given.samples),
        {block: feature_files.FeatureChunks(paths) for block, paths in blocks.items()},
        params.fits,
        params.draws,
        folds=params.folds,
        classes=params.classes,
        search=params.search,
        stream=partial(job.rng, params.seed),
    )
    files.write_table(snakemake.output.predictions, predictions)
