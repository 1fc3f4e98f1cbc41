"""Rule train_networks."""

from functools import partial
from itertools import cycle

from micrograph import io, log
from micrograph.networks import finetune, transforms
from micrograph.rng import random_stream
from micrograph.splits import protocols
from micrograph.splits.fit_spec import folds_of

with log.redirect_output(snakemake.log[0]):
    given, params, output, words = snakemake.input, snakemake.params, snakemake.output, snakemake.wildcards
    copies, splits = io.read_table(given.images), io.read_table(given.splits)
    images = transforms.read(copies["micrograph"], params.settings["pixels"])
    kind = {name: getattr(words, name) for name in ("protocol", "pretraining", "policy", "head")}
    drawn, folds = list(kind.values())[1:], folds_of(words.chunk, splits["fold"].nunique())
    fold_by_fold = {
        fold: partial(
            finetune.fine_tune,
            *(splits, fold, images, copies["sample"], copies["copy"]),
            backbone=params.backbone,
            weights=weights,
            classes=params.classes,
            settings=params.settings,
            search=params.param_grid,
            device=params.device,
            rng=random_stream(params.seed, "train_networks", protocols.without_leaks(words.protocol), *drawn, fold),
            **kind,
        )
        for fold, weights in zip(folds, cycle(given.weights or [None]), strict=False)
    }
    tuned = finetune.run(fold_by_fold, snakemake.resources.folds_at_once)
    for fold, one in tuned.items():
        one.write(f"{output.networks}/fold{fold}.safetensors", params.data)
    curves, answers = finetune.gathered(copies["sample"], copies["copy"], tuned)
    io.write_arrays(output.outputs, **answers)
    io.write_table(output.curves, curves)
