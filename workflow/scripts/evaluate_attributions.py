"""Rule evaluate_attributions."""

from micrograph import io, log
from micrograph.attribution import attribute, evaluate, ground_truth, maps, occlusion
from micrograph.networks import checkpoints, transforms
from micrograph.rng import random_stream

with log.redirect_output(snakemake.log[0]):
    inputs, params, fit = snakemake.input, snakemake.params, snakemake.wildcards
    network, metadata = checkpoints.read_network(f"{inputs.networks}/fold{fit.fold}.safetensors")
    samples = attribute.tested_samples(io.read_table(inputs.images), io.read_table(inputs.splits), int(fit.fold))
    stream = ("test_explanations", fit.protocol, fit.pretraining, fit.policy, fit.scheme, fit.fold)
    metrics = evaluate.evaluate(
        occlusion.FoldNetwork(network, metadata, params.settings["precision"], params.device),
        transforms.read_images(samples["micrograph"], metadata["pixels"]).numpy(),
        samples,
        maps.read([inputs.maps]),
        ground_truth.find_masks(inputs.truth, samples["sample"], metadata["pixels"], **params.drawn),
        random_stream(params.seed, *stream),
    )
    io.write_table(snakemake.output.metrics, metrics)
