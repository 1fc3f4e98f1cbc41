"""Rule compute_attributions."""

from micrograph import io, log
from micrograph.attribution import attribute, maps
from micrograph.networks import checkpoints, transforms

with log.redirect_output(snakemake.log[0]):
    inputs, params, fold = snakemake.input, snakemake.params, int(snakemake.wildcards.fold)
    network, metadata = checkpoints.read_network(f"{inputs.networks}/fold{fold}.safetensors")
    samples = attribute.tested_samples(io.read_table(inputs.images), io.read_table(inputs.splits), fold)
    images = transforms.read_images(samples["micrograph"], metadata["pixels"])
    settings = maps.AttributionSettings(**params.settings)
    arrays = attribute.attribute_fold(network, metadata, images, samples, settings, params.device)
    io.write_arrays(snakemake.output.maps, **arrays)
