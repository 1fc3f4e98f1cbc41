"""Rule permute_labels."""

from functools import partial
from pathlib import Path

from micrograph import io, log
from micrograph.models import permuted_labels, registry
from micrograph.rng import random_stream
from micrograph.splits.fit_spec import FitSpec, FitTask
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    blocks = {}
    for path in given.features:
        blocks.setdefault(Path(path).parent.name, []).append(path)
    specs = [FitSpec(**fit) for fit in params.fits]
    grids = [registry.param_grid(one.model, one.scheme, one.protocol, params.param_grid) for one in specs]
    target = Target.from_config(params.target)
    predictions = permuted_labels.permuted_predictions(
        target.add_to(io.read_table(given.samples)),
        {block: io.FeatureChunks(paths) for block, paths in blocks.items()},
        [FitTask(spec, target, grid) for spec, grid in zip(specs, grids, strict=True)],
        params.n_permutations,
        params.folds,
        params.scan_weights,
        partial(random_stream, params.seed),
    )
    io.write_table(snakemake.output.predictions, predictions)
