"""Rule permute_labels."""

from functools import partial

from micrograph import files, job
from micrograph.models import permutations

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    names = dict.fromkeys(fit["features"].split("_cev")[0] for fit in params.fits)
    arrays = {block: files.read_arrays(path) for block, path in zip(names, given.blocks, strict=True)}
    predictions = permutations.permuted_predictions(
        files.read_table(given.samples),
        {block: (each["samples"], each["values"]) for block, each in arrays.items()},
        params.fits,
        params.draws,
        folds=params.folds,
        classes=params.classes,
        search=params.search,
        stream=partial(job.rng, params.seed),
    )
    files.write_table(snakemake.output.predictions, predictions)
