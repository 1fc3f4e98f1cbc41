"""Networks called by their full name, "torchvision:NAME" or "timm:NAME": their row of the table, found and not written.

One forward pass without numbers (torch's meta device) tells every module's output shape. A block is the outermost
module that is last to give maps of 28, 14 or 7 rows; the pool is the outermost one behind it that gives one number a
channel. A network that has no such module (transformers over tokens, DenseNet, whose pooling is a bare function) is
refused with a sentence.
"""

from functools import lru_cache

from micrograph.errors import UserError, lookup
from micrograph.networks.libraries import (
    BLOCK_ROWS,
    BUILDERS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    SIZE,
    Backbone,
    Weights,
    without_compiler,
)


@lru_cache(maxsize=32)
def found(name):
    """The Backbone of "LIBRARY:NETWORK"; UserError where library, network or one of its blocks is missing."""
    library, _, network = name.partition(":")
    build = lookup(library, BUILDERS, "library of networks")
    steps = dry_run(name, build, network)
    blocks = {}
    for block, rows in BLOCK_ROWS.items():
        maps = [step for step in steps if step[2][1:] == (rows, rows)]
        blocks[block] = outermost(maps, name, f"maps of {rows}x{rows}")
    names = [module for module, *_ in steps]
    heads = [module for module, inner, _ in steps if inner == () and not any(n.startswith(f"{module}.") for n in names)]
    head = heads[-1] if heads else ""
    behind = [step for step in steps[names.index(blocks["block4"][0]) + 1 :] if not head.startswith(f"{step[0]}.")]
    pools = [step for step in behind if step[1][1:] == (7, 7) and step[2][1:] == (1, 1)]
    blocks["pool"] = outermost(pools, name, "one number a channel behind them")
    return Backbone(library, network, blocks, head, SOURCES[library](network))


def outermost(steps, name, what):
    """(module, output shape) of the last among the least nested steps; UserError where there is none."""
    if not steps:
        raise UserError(f"backbone '{name}' has no module that gives {what} at 224x224; choose a convolutional one.")
    depth = min(module.count(".") for module, *_ in steps)
    module, _, shape = [step for step in steps if step[0].count(".") == depth][-1]
    return module, shape


def dry_run(name, build, network):
    """Every module in the order in which it finishes: (module, input shape, output shape).

    Shapes are (channels, rows, cols). A module that is not fed maps has the input shape ().
    """
    import torch

    steps = []

    def note(module_name):
        def hook(module, given, result):
            if given and torch.is_tensor(given[0]) and torch.is_tensor(result) and module_name:
                shapes = [tuple(tensor.shape[1:]) for tensor in (given[0], result)]
                inner = shapes[0] if len(shapes[0]) == 3 else ()
                steps.append((module_name, inner, shapes[1] if len(shapes[1]) == 3 else (*shapes[1], 1, 1)))

        return hook

    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        model = build(network, 1000).eval().to("meta")
        for module_name, module in model.named_modules():
            module.register_forward_hook(note(module_name))
        try:
            model(torch.empty(1, 3, SIZE, SIZE, device="meta"))
        except Exception as error:
            raise UserError(
                f"backbone '{name}' does not run on a picture of 224x224 ({error}); choose another."
            ) from None
    return steps


def torchvision_weights(network):
    """{imagenet: Weights} of torchvision's own first ImageNet weights; empty where it has none."""
    with without_compiler():
        from torchvision import models

    offered = models.get_model_weights(network)
    chosen = getattr(offered, "IMAGENET1K_V1", None)
    if chosen is None:
        return {}
    inputs = chosen.transforms()
    prefix = chosen.url.rsplit("-", 1)[-1].removesuffix(".pth")
    return {"imagenet": Weights(chosen.url, tuple(inputs.mean), tuple(inputs.std), prefix=prefix)}


def timm_weights(network):
    """{own: Weights}: timm's weights live on a hub that needs its own client, so only a file of your own serves."""
    with without_compiler():
        import timm

    inputs = timm.get_pretrained_cfg(network)
    mean, std = (inputs.mean, inputs.std) if inputs else (IMAGENET_MEAN, IMAGENET_STD)
    return {"imagenet": Weights("", tuple(mean), tuple(std))}


SOURCES = {"torchvision": torchvision_weights, "timm": timm_weights}
