"""Rule extract_features."""

from micrograph import feature_files, files, job
from micrograph.networks import backbones, features
from micrograph.scans import images

with job.logged(snakemake.log[0]):
    params = snakemake.params
    samples = files.read_table(snakemake.input.samples)
    mean, std = backbones.normalisation(params.backbone, snakemake.wildcards.pretraining)
    pictures = (images.read_png(path)[None] for path in job.progress(samples["micrograph"], "micrographs seen"))
    values = features.extract(
        backbones.load(params.backbone, snakemake.input.weights),
        features.modules_of(params.backbone),
        pictures,
        mean,
        std,
        batch=params.batch,
        precision=params.precision,
        device=params.device,
        normalise=params.normalise,
        count=len(samples),
    )
    for path, (block, module, shape, _) in zip(
        snakemake.output.features, features.describe(params.backbone), strict=True
    ):
        feature_files.write_features(path, samples["sample"], values[block], params.backbone, module, shape)
