"""Rule retrieve_weights."""

from micrograph import log
from micrograph.retrieval import weights

with log.redirect_output(snakemake.log[0]):
    weights.retrieve(
        snakemake.wildcards.backbone,
        snakemake.wildcards.pretraining,
        snakemake.output.weights,
        base_url=snakemake.params.mirror,
        user_file=snakemake.params.own,
    )
