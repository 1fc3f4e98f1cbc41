"""Random weights of a backbone in a file, as every other weights file is written."""

from micrograph.networks import backbones, pretraining, weights


def write(backbone, path, rng):
    """Write them and return `path`."""
    mean, std = backbones.normalisation(backbone, "scratch")
    facts = {"backbone": backbone, "pretraining": "scratch", "source": "random", "mean": mean, "std": std}
    weights.write(path, pretraining.scratch(backbone, rng).state_dict(), facts)
    return path
