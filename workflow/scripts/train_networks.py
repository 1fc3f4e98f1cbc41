"""Rule train_networks."""

from functools import partial
from itertools import cycle

from micrograph import experiments, files, job, protocols
from micrograph.networks import finetune, pictures, together

with job.logged(snakemake.log[0]):
    given, params, output, words = snakemake.input, snakemake.params, snakemake.output, snakemake.wildcards
    copies, splits = files.read_table(given.copies), files.read_table(given.splits)
    images = pictures.read(copies["micrograph"], params.settings["pixels"])
    kind = {name: getattr(words, name) for name in ("protocol", "pretraining", "policy", "head")}
    drawn, folds = list(kind.values())[1:], experiments.folds_of(words.chunk, splits["fold"].nunique())
    fold_by_fold = {
        fold: partial(
            finetune.fine_tune,
            *(splits, fold, images, copies["sample"], copies["copy"]),
            backbone=params.backbone,
            weights=weights,
            classes=params.classes,
            settings=params.settings,
            search=params.search,
            device=params.device,
            rng=job.rng(params.seed, "train_networks", protocols.base(words.protocol), *drawn, fold),
            **kind,
        )
        for fold, weights in zip(folds, cycle(given.weights or [None]), strict=False)
    }
    tuned = together.run(fold_by_fold, snakemake.resources.folds_at_once)
    for fold, one in tuned.items():
        one.write(f"{output.networks}/fold{fold}.safetensors", params.data)
    curves, answers = finetune.gathered(copies["sample"], copies["copy"], tuned)
    files.write_arrays(output.answers, **answers)
    files.write_table(output.curves, curves)
