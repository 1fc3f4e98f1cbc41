"""Random weights of a backbone in a file, as every other weights file is written."""

from micrograph.networks import backbones, checkpoints, pretraining


def write(backbone, path, rng):
    """Write them and return `path`."""
    mean, std = backbones.normalisation(backbone, "scratch")
    facts = {"backbone": backbone, "pretraining": "scratch", "source": "random", "mean": mean, "std": std}
    checkpoints.write(path, pretraining.random_backbone(backbone, rng).state_dict(), facts)
    return path
