"""A network of a hundred thousand weights in place of an EfficientNet, where a test is not about the network itself."""

from micrograph.networks import backbones, checkpoints

BACKBONE = "timm:test_efficientnet"


def write_weights(path):
    """Write weights drawn by chance, the same each time, to `path`; a study takes them as networks.weights_file."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = backbones.build(BACKBONE, n_classes=3)
    checkpoints.write(path, network.state_dict(), {"backbone": BACKBONE, "pretraining": "imagenet"})
    return path
