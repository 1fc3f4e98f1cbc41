"""Rule extract_features."""

from micrograph import io, log
from micrograph.networks import backbones, checkpoints, features, transforms

with log.redirect_output(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    first = int(wildcards.chunk) * params.micrographs_per_job
    samples = io.read_table(snakemake.input.samples)[first : first + params.micrographs_per_job]
    mean, std = backbones.normalisation(params.backbone, wildcards.pretraining)
    values = features.extract(
        checkpoints.load(params.backbone, snakemake.input.weights),
        backbones.get(params.backbone).blocks,
        transforms.read_images(samples["micrograph"], params.pixels).numpy(),
        *((mean, std) if params.normalise else features.IDENTITY),
        batch_size=params.batch_size,
        precision=params.precision,
        device=params.device,
    )
    blocks = features.describe_blocks(params.backbone, params.pixels)
    for path, block in zip(snakemake.output.features, blocks, strict=True):
        io.write_features(path, samples["sample"], values[block.name], params.backbone, block.module, block.shape)
