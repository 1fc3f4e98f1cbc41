"""Does a map depend on what the network has learnt? Maps of networks with weights drawn anew.

J. Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018: a map that stays as it is when the head's weights,
or all weights, are random shows the picture's edges or the network's geometry, and explains nothing that was learnt.

The value is the size of Spearman's correlation, without its sign, between the film's map and the map of the redrawn
network for the same target, the mean over HEADS draws of the head. Without its sign, because a random head is as likely
to prefer a class as to shun it: with its sign the mean would be about 0 for any linear head, whatever the map shows.
(The maps themselves keep their signs.) So unrelated maps do not score 0 either, the less so the coarser they are; what
unrelated maps score says the control, other films' maps against the same redrawn map. A value above the control means
that the map shows, for a part, what any network would see in this film; with a redrawn head alone, what the trained
layers before it find remarkable, whichever class it speaks for.

The paper's sum of maps never reads the head: its value for a redrawn head is 1 by its definition, which is worth
knowing of a map that is shown as the reason for a class.

A network drawn anew begins as its library has it, its batch normalisation measured on the films at hand (without, its
signals fade on the way and its maps are rounding errors). Windows of the occlusion map are taken at every few places
only, WINDOWS an axis or fewer, and films are drawn by chance, FILMS a fold at most: one draw of all weights a fold is
what limits this test, not the number of films, and intervals over batches do not hold the chance of that draw.
"""

import copy

import numpy as np
import torch

from micrograph.attribution import cam, map_types, maps, masked_forward, similarity, target_score
from micrograph.networks import backbones, heads, pretraining, replace_head, transforms
from micrograph.networks.device import deterministic, resolve_device

HEADS = 8
FILMS = 12
WINDOWS = 6


def tested(network, facts, images, arrays, rest, settings, rng, device="auto"):
    """Rows (film, kind, measure, values): a film's own value and those of its control, (1 + k,).

    network, facts: of the fold (headed.read), left alone; images: (m, side, side) uint8; arrays: the fold's
    explanations; rest: the other films of each film (kinds.others); settings: with `precision`.
    """
    good = np.flatnonzero(np.logical_or.reduce([map_types.usable(arrays, name) for name in map_types.there(arrays)]))
    films = np.sort(rng.permutation(good)[:FILMS])
    if not len(films):
        return []
    others = {
        "randomised_head": network,
        "randomised_all": anew(facts, _colour(images, facts, resolve_device(device)), rng),
    }
    rows = []
    for measure, other in others.items():
        drawn = _maps(other, facts, images[films], arrays, films, settings, rng, device)
        for place, i in enumerate(films):
            rows += [(i, name, measure, values) for name, values in _compared(arrays, drawn, place, i, rest[i])]
    return rows


def anew(facts, colour, rng):
    """A network of the same make, all of it drawn from the rng; its batch normalisation is measured on the pictures.

    facts: backbone, head, classes; colour: (n, 3, side, side) float tensor, as the network takes it.
    """
    start = pretraining.random_backbone(facts["backbone"], rng)
    network = (
        replace_head.replace_head(start, facts["backbone"], facts["head"], facts["classes"], 0.0, rng)
        .eval()
        .to(colour.device)
    )
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
            module.train()
    with torch.no_grad(), deterministic():
        for batch in colour.split(masked_forward.BATCH):
            if len(batch) > 1 or len(colour) == 1:
                network(batch)
    return network.eval()


def draw_heads(network, facts, rng, device="cpu", count=HEADS):
    """`count` heads as that of the network, with weights drawn from the rng, in evaluation mode."""
    own = network.get_submodule(backbones.get(facts["backbone"]).classifier)
    width = next(part for part in own.modules() if isinstance(part, torch.nn.Linear)).in_features
    made = [heads.make_head(facts["head"], width, facts["classes"], 0.0, rng) for _ in range(count)]
    return [head.eval().to(device) for head in made]


def _maps(network, facts, images, arrays, films, settings, rng, device):
    """{kind: [(films, h, w) of each drawn head]}, each film's map of its own target."""
    spot = resolve_device(device)
    drawn = draw_heads(network, facts, rng, spot)
    targets = arrays["target"][films]
    effects = _effects(network, drawn, facts, images, arrays, targets, settings, device)
    with deterministic():
        seen = cam.look(copy.deepcopy(network).to(spot), facts["backbone"], _colour(images, facts, spot))
        weighted = [_gradient(seen, head, str(arrays["scheme"]), arrays["classes"], targets) for head in drawn]
    summed = cam.summed(seen.maps).detach().cpu().numpy()
    name = next(name for name in maps.WEIGHTED if name in arrays)
    return {"cam": [summed] * len(drawn), name: weighted, "occlusion": list(effects)}


def _gradient(seen, head, scheme, classes, targets):
    """Grad-CAM (films, h, w) of each film's target with another head; of a linear head Zhou's map but for a factor."""
    with torch.enable_grad():
        columns = cam.differentiable(scheme, head(seen.pooled), classes)
        wanted = columns[np.arange(len(targets)), targets].sum()
        (slopes,) = torch.autograd.grad(wanted, seen.maps, retain_graph=True)
    return (slopes.mean((2, 3), keepdim=True) * seen.maps).sum(1).detach().cpu().numpy()


def _effects(network, drawn, facts, images, arrays, targets, settings, device):
    """(heads, films, rows, cols) effects of some windows on the evidence for each film's target."""
    side, patch = int(arrays["side"]), int(arrays["patch"])
    starts = _some(maps.positions(side, patch, int(arrays["stride"])))
    pixels = np.arange(side)
    along = (starts[:, None] <= pixels) & (pixels < starts[:, None] + patch)
    windows = along[:, None, :, None] & along[None, :, None, :]
    hidden = np.concatenate([np.zeros((1, side, side), bool), windows.reshape(-1, side, side)])
    asked = masked_forward.MaskedForward(network, facts, str(arrays["baseline"]), settings["precision"], device)
    found = np.empty((len(drawn), len(images), len(starts), len(starts)))
    for i, picture in enumerate(images):
        pooled = asked.pooled(picture, hidden)
        for head, effects in zip(drawn, found, strict=True):
            with torch.inference_mode():
                outputs = head(pooled).cpu().numpy()
            says = target_score.evidence(str(arrays["scheme"]), outputs, arrays["classes"])[:, targets[i]]
            effects[i] = (says[0] - says[1:]).reshape(len(starts), len(starts))
    return found


def _some(starts):
    """Every few of the windows' starts along an axis, WINDOWS or fewer."""
    return starts[:: -(-len(starts) // WINDOWS)]


def _compared(arrays, drawn, place, i, rest):
    """(kind, values (1 + k,)) of one film: its own maps and those of the rest against the drawn ones."""
    rows = np.append(i, rest).astype(int)
    for name, redrawn in drawn.items():
        if map_types.usable(arrays, name)[i]:
            trained = map_types.raw(arrays, name, rows)
            if name == "occlusion":
                step = -(-trained.shape[-1] // WINDOWS)
                trained = trained[:, ::step, ::step]
            every = np.abs([similarity.spearman(one[place], trained) for one in redrawn])
            told = np.isfinite(every).all(axis=1)
            if told.any():
                yield name, every[told].mean(axis=0)


def _colour(images, facts, device):
    grey = torch.from_numpy(np.ascontiguousarray(images)).to(device)[:, None]
    return transforms.normalise(grey, facts["mean"], facts["std"])
