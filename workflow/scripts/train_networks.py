"""Rule train_networks."""

from functools import partial
from itertools import cycle

from micrograph import io, log
from micrograph.networks import finetune, transforms
from micrograph.networks.training import TrainingSettings
from micrograph.rng import random_stream
from micrograph.scans import augmentation
from micrograph.splits import protocols
from micrograph.splits.fit_spec import NetworkSpec, folds_of
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    inputs, params, output, wildcards = snakemake.input, snakemake.params, snakemake.output, snakemake.wildcards
    table, splits = io.read_table(inputs.images), io.read_table(inputs.splits)
    settings = TrainingSettings.from_dict(params.settings)
    spec = NetworkSpec(wildcards.protocol, wildcards.pretraining, wildcards.policy, wildcards.head)
    errors = protocols.parse(spec.protocol).leaks & protocols.NOTEBOOK_ERRORS.keys()
    if spec.policy == "aug1" and errors:
        table = augmentation.with_notebook_errors(table, errors, random_stream(params.seed, "aug1_wrong_scan"))
    images = transforms.read_images(table["micrograph"], settings.pixels)
    grid = finetune.param_grid(spec.head, settings, params.param_grid)
    task = finetune.TuningTask(spec, params.backbone, grid, Target.from_config(params.target))
    stream = ("train_networks", protocols.stream_name(spec.protocol), spec.pretraining, spec.policy, spec.head)
    folds = folds_of(wildcards.chunk, splits["fold"].nunique())
    fits = {}
    for number, weights in zip(folds, cycle(inputs.weights or [None]), strict=False):
        rng, fold_rng = random_stream(params.seed, *stream, number).spawn(2)
        fold = finetune.select_fold(table, splits, number, spec, fold_rng)
        fits[number] = partial(finetune.fine_tune, fold, images, task, weights, rng, params.device)
    tuned = finetune.run_parallel(fits, snakemake.resources.folds_at_once)
    for number, one in tuned.items():
        one.write(f"{output.networks}/fold{number}.safetensors", params.data, params.param_grid)
    curves, outputs = finetune.collect_outputs(table, tuned)
    io.write_arrays(output.outputs, **outputs)
    io.write_table(output.curves, curves)
