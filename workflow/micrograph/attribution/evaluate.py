"""Are the explanations true? One long table of tests of every film's maps, by the network of the fold that tests it.

Columns: sample batch fold y_true y_pred map measure feature value area. A row is one test of one map
of one film. `map` is cam, cam_class or grad_cam, occlusion, occlusion_abs; with "another_" before it (another_cam) the
row is the control: the mean of the same test over some other films' maps (kinds.others: films of other batches with the
same answer, where there are any); in deletion and insertion, which ask the network at every step, the map of ONE other
film, drawn by chance. What maps have in common because of where they are strong, how coarse they are, for which class
and by which network they were made is in both. `area` is what a map scores that has no relation to any film
and no favourite place (pointing, mass); empty elsewhere. A test that says nothing has no row: of a map with a flag (all
zero, not finite), on a feature that the film does not have or has everywhere, of a correlation with a flat map; and
films without others have no control.

    sample           batch       fold  truth  predicted  map          measure          feature     value  area
    MCV1-170324A-01  MCV1-170324    0    900        950  cam          pointing         boundaries  1      0.31
    MCV1-170324A-01  MCV1-170324    0    900        950  another_cam  pointing         boundaries  0.3    0.31
    MCV1-170324A-01  MCV1-170324    0    900        950  occlusion    mass             islands     0.21   0.17
    MCV1-170324A-01  MCV1-170324    0    900        950  occlusion    deletion                     0.44
    MCV1-170324A-01  MCV1-170324    0    900        950  cam_class    randomised_head              0.31
    MCV1-170324A-01  MCV1-170324    0    900        950  cam_class    agreement                    0.35

| measure         | value                                                  | module        | a true map            |
|-----------------|--------------------------------------------------------|---------------|-----------------------|
| pointing        | whether the map's largest value lies on the feature    | pointing.py   | (see below)           |
| mass            | share of the map's positive part on the feature        | pointing.py   | (see below)           |
| deletion        | mean evidence while its pixels go, largest first       | curves.py     | below the control     |
| insertion       | mean evidence while they come, largest first           | curves.py     | above the control     |
| randomised_head | size of the rank correlation with redrawn heads' maps  | randomised.py | well below 1          |
| randomised_all  | the same with a wholly redrawn network's               | randomised.py | not above the control |
| agreement       | rank correlation of the CAM with the occlusion map     | alike.py      | above the control     |

Pointing and mass ask whether a network looks at what a film has, not whether it should: nobody knows which features
tell the temperature. A value at the control is no fault of the map; one above it says where the network looks, on
average over films, not why: where features lie together (particles at steps, seams around domains) one stands for the
other. They cannot find what is finer than the map (a CAM of 3 x 3 values, windows of 8 pixels) but by its density.
Deletion and insertion ask whether the map ranks pixels as the network uses them; pictures with pixels hidden are like
none that it was trained on. Randomised maps ask whether the map depends on what was learnt; passing is no proof that
the map is right. Agreement asks whether two explanations that are computed in different ways say the same; two can be
wrong together.

All films are tested, the wrongly predicted too, each for the answer that its network gave. Films of one batch are alike
and all films of a fold share one network: intervals are to be drawn over batches (results.scores), and say nothing of
networks that were trained otherwise, nor of the few films and the one redrawn network of a fold that the randomised
rows rest on (randomised.FILMS). Real films have no truth, and so neither pointing nor mass.
"""

import numpy as np
import pandas as pd

from micrograph import log
from micrograph.attribution import (
    deletion_insertion,
    localisation,
    map_types,
    masked_forward,
    randomisation_test,
    similarity,
)
from micrograph.errors import UserError

COLUMNS = ("sample", "batch", "fold", "y_true", "y_pred",
           "map", "measure", "feature", "value", "area")  # fmt: skip
ORDERING = ("cam", "cam_class", "grad_cam", "occlusion")  # whose order deletion and insertion follow: maps with a sign


def tested(network, facts, images, arrays, masks, batches, settings, rng, device="auto"):
    """The table of one fold's films, sorted by sample, map, measure and feature.

    network, facts: of headed.read, left alone; images: (m, side, side) uint8, as the network sees them, in the order of
    arrays["samples"]; arrays: what explain.of_fold made of them; masks: {sample: {feature: (side, side)}} (truth.Masks,
    read when wanted), or None for real films; batches: {sample: batch}; settings: with `precision`, fp32 or bf16;
    device: auto, cpu or cuda. Raises UserError for pictures or masks that are not those of the arrays.
    """

    samples = arrays["samples"]
    _check(images, arrays, masks)
    days = np.array([batches[sample] for sample in samples])
    clean = np.logical_and.reduce([map_types.usable(arrays, name) for name in map_types.there(arrays)])
    rest = map_types.others(days, arrays["target"], clean, rng)
    asked = masked_forward.MaskedForward(network, facts, str(arrays["baseline"]), settings["precision"], device)
    rows = []
    for i in log.progress(range(len(samples)), "explanations tested"):
        laid = laid_over(arrays, i, rest[i])
        if masks is not None:
            rows += [(i, *row) for row in _found(laid, masks[samples[i]])]
        rows += [(i, *row) for row in _curves(laid, asked, images[i], arrays, i)]
        rows += [(i, *row) for row in _agreement(laid, arrays, i, rest[i])]
    again = randomisation_test.tested(network, facts, images, arrays, rest, settings, rng, device)
    rows += [(i, name, measure, "", values, np.nan) for i, name, measure, values in again]
    return _table(rows, arrays, days, facts)


def laid_over(arrays, i, rest):
    """{kind: (1 + k, side, side)}: the usable maps of film i, and those of the rest (k,), over its picture."""
    rows = np.append(i, rest).astype(int)
    return {
        name: map_types.laid(arrays, name, rows)
        for name in map_types.there(arrays)
        if map_types.usable(arrays, name)[i]
    }


def _check(images, arrays, masks):
    samples, side = arrays["samples"], int(arrays["side"])
    if images.shape != (len(samples), side, side) or images.dtype != np.uint8:
        raise UserError(
            f"pictures of shape {images.shape} and type {images.dtype} for {len(samples)} films explained at {side} "
            "pixels; give the pictures that were explained."
        )
    missing = [sample for sample in samples if masks is not None and sample not in masks]
    if missing:
        raise UserError(f"sample '{missing[0]}' has no truth; simulate its film again, or give none for real films.")


def _found(laid, masks):
    """Pointing and mass: rows (kind, measure, feature, values (1 + k,), area)."""
    for name, maps in laid.items():
        for row in localisation.tested(maps, masks):
            yield name, *row


def _curves(laid, asked, picture, arrays, i):
    """Deletion and insertion by a film's own maps and by those of one other film."""

    def says(hidden):
        outputs = asked.outputs(picture, hidden)
        return deletion_insertion.strength(str(arrays["scheme"]), outputs, arrays["classes"])[:, arrays["target"][i]]

    names = [name for name in ORDERING if name in laid]
    if names:
        areas = iter(deletion_insertion.areas(np.concatenate([laid[name][:2] for name in names]), says))
        for name in names:
            both = np.stack([next(areas) for _ in laid[name][:2]])
            yield from ((name, measure, "", both[:, k], np.nan) for k, measure in enumerate(("deletion", "insertion")))


def _agreement(laid, arrays, i, rest):
    for name, other in similarity.AGREE.items():
        if name in laid and other in laid:
            yield name, "agreement", "", similarity.agreement(arrays, name, i, rest), np.nan


def _table(rows, arrays, days, facts):
    """The rows (film, kind, measure, feature, values (1 + k,), area) as the table: own values and controls."""
    films = list(zip(arrays["samples"], days, arrays["truth"], arrays["predicted"], strict=True))
    made = []
    for i, name, measure, feature, values, area in rows:
        sample, batch, truth, predicted = films[i]
        told = values[1:][np.isfinite(values[1:])]
        pair = {name: values[0]} | ({map_types.ANOTHER + name: told.mean()} if len(told) else {})
        made += [
            (sample, batch, int(facts["fold"]), truth, predicted, kind, measure, feature, float(value), area)
            for kind, value in pair.items()
            if np.isfinite(values[0])
        ]
    table = pd.DataFrame(made, columns=COLUMNS)
    return table.sort_values(["sample", "map", "measure", "feature"], kind="stable", ignore_index=True)
