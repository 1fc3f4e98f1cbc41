"""The two libraries that networks come from: what a network is to us, and how each library builds one.

torch, torchvision and timm are imported where they are needed: reading this costs nothing.
"""

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

from micrograph.errors import UserError

SIZE = 224
BLOCK_ROWS = {"block2": 28, "block3": 14, "block4": 7}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Weights:
    """Where the weights of one pretraining come from, and how its pictures were normalised (red, green, blue).

    source: a URL, or "PACKAGE/FILE" of an installed Python package. sha256: the whole file's; empty where nobody has
    published it, then the first download is pinned. prefix: its first digits, where the file name carries them.
    in_order: the file's tensors are taken in their order, shape by shape, because its names are another library's.
    """

    source: str
    mean: tuple
    std: tuple
    sha256: str = ""
    prefix: str = ""
    in_order: bool = False


@dataclass(frozen=True)
class Backbone:
    """One network: the library it is from and its name there, its blocks and its weights.

    blocks: {block: (module, (channels, rows, cols))}.
    """

    origin: str
    network: str
    blocks: dict
    classifier: str
    weights: dict = field(default_factory=dict)


@contextmanager
def without_compiler():
    """Import torchvision or timm in the block without torch._dynamo, PyTorch's compiler.

    It takes a second to import, as long as PyTorch itself. Both libraries only ask it whether it can compile for a
    device, and to leave some of their functions alone; nothing here compiles.
    """
    names = ("torch._dynamo", "torch._dynamo.utils")
    if names[0] in sys.modules:
        yield
        return
    compiler, asked = (ModuleType(name) for name in names)
    compiler.disable = lambda function, *args, **kwargs: function
    asked.is_compile_supported = lambda device: False
    sys.modules.update(zip(names, (compiler, asked), strict=True))
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)


def build_torchvision(network, classes):
    """A torchvision classifier with random weights; UserError for an unknown name."""
    with without_compiler():
        from torchvision import models

    if network not in models.list_models(module=models):
        raise UserError(f"torchvision has no classifier '{network}'; its models page lists those it has.")
    return models.get_model(network, weights=None, num_classes=classes)


def build_timm(network, classes):
    """A timm classifier with random weights; UserError for an unknown name."""
    with without_compiler():
        import timm

    if not timm.is_model(network):
        raise UserError(f"timm has no network '{network}'; timm.list_models() lists those it has.")
    return timm.create_model(network, pretrained=False, num_classes=classes)


BUILDERS = {"torchvision": build_torchvision, "timm": build_timm}
