"""Rule compute_attributions."""

from micrograph import io, log
from micrograph.attribution import attribute
from micrograph.networks import checkpoints, transforms

with log.redirect_output(snakemake.log[0]):
    given, params, fold = snakemake.input, snakemake.params, int(snakemake.wildcards.fold)
    network, facts = checkpoints.read_network(f"{given.networks}/fold{fold}.safetensors")
    shown = attribute.tested_samples(io.read_table(given.images), io.read_table(given.splits), fold)
    maps = attribute.of_fold(
        network,
        facts,
        transforms.read_images(shown["micrograph"], facts["pixels"]),
        shown["sample"],
        shown["growth_celsius"],
        params.classes,
        params.settings,
        params.device,
    )
    io.write_arrays(snakemake.output.maps, **maps)
