"""Looks: what a micrograph's texture is to the network that has not been fine-tuned (novelty.texture)."""

import numpy as np

from micrograph.networks import features
from micrograph.prediction import novelty

AT_ONCE = 128  # micrographs whose maps are in memory together


def embed(network, facts, micrographs, device="auto"):
    """(n, 2 channels) float32, a row a micrograph, in their order.

    network: with the weights before fine-tuning; facts: {backbone, mean, std} of the production model; micrographs:
    iterable of (rows, cols) uint8 of one size, or an array (n, rows, cols). In fp32: looks of other days must be alike.
    """
    found, waiting = [], []
    for micrograph in micrographs:
        waiting.append(micrograph)
        if len(waiting) == AT_ONCE:
            found.append(_textures(network, facts, np.stack(waiting), device))
            waiting = []
    if waiting:
        found.append(_textures(network, facts, np.stack(waiting), device))
    return np.concatenate(found)


def _textures(network, facts, images, device):
    blocks = {block.name: block for block in features.describe_blocks(facts["backbone"], images.shape[1])}
    block = blocks[novelty.BLOCK]
    maps = features.extract(
        network, {block.name: block.module}, images, facts["mean"], facts["std"], precision="fp32", device=device
    )
    return novelty.texture(maps[block.name], block.shape)
