"""Rule evaluate_attributions."""

from micrograph import io, log
from micrograph.attribution import attribute, evaluate, ground_truth
from micrograph.networks import checkpoints, transforms
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    given, params, words = snakemake.input, snakemake.params, snakemake.wildcards
    network, facts = checkpoints.read_network(f"{given.networks}/fold{words.fold}.safetensors")
    shown = attribute.tested_samples(io.read_table(given.images), io.read_table(given.splits), int(words.fold))
    tests = evaluate.tested(
        network,
        facts,
        transforms.read_images(shown["micrograph"], facts["pixels"]).numpy(),
        io.read_arrays(given.maps),
        ground_truth.shown(given.truth, shown["sample"], facts["pixels"], **params.drawn),
        dict(zip(shown["sample"], shown["batch"], strict=True)),
        params.settings,
        random_stream(params.seed, "test_explanations", *words),
        params.device,
    )
    io.write_table(snakemake.output.metrics, tests)
