"""Pre-training domains: on what a backbone was trained before it saw this study, and where those weights come from.

Adding a domain is adding a row to PRETRAINING. Whatever the origin, downstream there is one safetensors file of
weights that says what it is (weights.write), so that features and fine-tuning read every domain alike.
"""

from dataclasses import dataclass

from micrograph.errors import UserError, lookup
from micrograph.networks import backbones


@dataclass(frozen=True)
class Domain:
    """One domain: the origin of its weights (a row of ORIGINS) and what the pictures were, in words for a table."""

    origin: str
    words: str


PRETRAINING = {
    "imagenet": Domain("fetched", "photographs of things, labelled (ImageNet)"),
    "micronet": Domain("fetched", "micrographs of many materials, labelled (MicroNet)"),
    "scratch": Domain("drawn", "nothing: random weights"),
    "films": Domain("trained", "micrographs of films, without labels, inside this study"),
}

# Where weights come from: fetched (retrieval.weights), drawn (scratch), trained (selfsupervised.pretrain).
ORIGINS = ("fetched", "drawn", "trained")


def domain(pretraining):
    """The row of a pretraining; UserError that lists the known."""
    return lookup(pretraining, PRETRAINING, "pretraining")


def normalisation(backbone, pretraining, path=None):
    """(mean, std) of red, green and blue in 0..1 for pictures that a network of this pretraining is shown.

    What the weights file at `path` says about itself, else what the backbone's table says. Weights of this study's own
    (scratch, films) take pictures as the backbone's first published weights do, so that domains differ in nothing else.
    """
    domain(pretraining)
    facts = backbones.describe_file(path) if path else {}
    if "mean" in facts and "std" in facts:
        return tuple(facts["mean"]), tuple(facts["std"])
    return backbones.normalisation(backbone, pretraining)


def load_backbone(backbone, pretraining, path=None, rng=None):
    """The backbone that training starts from, in evaluation mode.

    With the weights at `path`; without a path with random ones, which only scratch may have. UserError otherwise, and where
    the file holds weights of another pretraining.
    """
    row = domain(pretraining)
    if path is None:
        if row.origin != "drawn":
            raise UserError(
                f"pretraining {pretraining} of {backbone} needs a file of weights; fetch or train them first."
            )
        return scratch(backbone, rng)
    stored = backbones.describe_file(path).get("pretraining", pretraining)
    if stored != pretraining:
        raise UserError(f"{path}: holds {stored} weights, not {pretraining}; set the pretraining to {stored}.")
    return backbones.load(backbone, path)


def scratch(backbone, rng, classes=1000):
    """The backbone with the random weights its library begins with, drawn from the rng, in evaluation mode."""

    from micrograph.networks.device import seeded  # with torch

    with seeded(rng):
        return backbones.build(backbone, classes).eval()
