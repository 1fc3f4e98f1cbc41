"""Evaluation of attribution maps: tests of every sample's maps, by the network of the fold that tests it, as a table.

Columns: sample batch fold y_true y_pred map measure feature value area. A row is one test of one map of one sample.
`map` is a row of `maps.MAP_TYPES`; with CONTROL_PREFIX before it the row is the control: the mean of the same test over
the maps of some other samples (`draw_controls`), in deletion and insertion, which run the network at every step, of one
of them. What maps have in common by their preferred places, their resolution, their class and their network is in both.
`area` is the expected value of a map that is independent of the sample and has no preferred place (pointing, mass); it
is empty elsewhere. There is no row for a map with a flag, a feature that the sample lacks or has everywhere, a
correlation with a constant map, and the control of a sample without controls.

    sample           batch       fold  y_true  y_pred  map          measure          feature     value  area
    MCV1-170324A-01  MCV1-170324    0     900     950  cam          pointing         boundaries  1      0.31
    MCV1-170324A-01  MCV1-170324    0     900     950  control_cam  pointing         boundaries  0.3    0.31
    MCV1-170324A-01  MCV1-170324    0     900     950  occlusion    mass             islands     0.21   0.17
    MCV1-170324A-01  MCV1-170324    0     900     950  occlusion    deletion                     0.44
    MCV1-170324A-01  MCV1-170324    0     900     950  cam_class    randomised_head              0.31
    MCV1-170324A-01  MCV1-170324    0     900     950  cam_class    agreement                    0.35

| measure         | value                                                   | a faithful map        |
|-----------------|---------------------------------------------------------|-----------------------|
| pointing        | whether the map's largest value lies on the feature     | (see below)           |
| mass            | share of the map's positive part on the feature         | (see below)           |
| deletion        | area under the curve while pixels are hidden            | below the control     |
| insertion       | area under the curve while pixels are shown             | above the control     |
| randomised_head | absolute rank correlation with maps of random heads     | well below 1          |
| randomised_all  | absolute rank correlation with maps of a random network | not above the control |
| agreement       | rank correlation of the CAM with the occlusion map      | above the control     |

Notes
-----
Pointing and mass show what the network responds to, not whether it should: nobody knows which features determine the
target. A value above the control shows where the network responds, on average over samples, not why: features that
lie together (particles at steps, boundaries around domains) stand for each other. Features finer than the map (a CAM of
7 x 7 values, windows of 8 pixels) are found by their density only. The randomisation test is necessary, not sufficient.
Two maps that agree can be wrong together.

All samples are tested, the wrongly predicted too, each for its network's own prediction. Samples of one batch are
similar and all samples of a fold share one network: intervals should resample batches, and do not apply to networks
that were trained otherwise. Real samples have no ground truth, and so neither pointing nor mass.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from micrograph import log
from micrograph.attribution import deletion_insertion, localisation, occlusion, randomisation_test, similarity
from micrograph.attribution.ground_truth import Masks
from micrograph.attribution.maps import CONTROL_PREFIX, Attributions
from micrograph.errors import UserError

COLUMNS = ("sample", "batch", "fold", "y_true", "y_pred",
           "map", "measure", "feature", "value", "area")  # fmt: skip
ORDERING = ("cam", "cam_class", "grad_cam", "occlusion")  # map types whose order deletion and insertion follow
MAX_CONTROLS = 10  # of a sample


class _Result(NamedTuple):
    """One test of one map: values (1 + k,) of the sample's own map and of its controls."""

    sample: int
    map_type: str
    measure: str
    values: NDArray
    feature: str = ""
    area: float = np.nan


def evaluate(
    tested: occlusion.FoldNetwork, images: NDArray[np.uint8], samples: pd.DataFrame, attributions: Attributions,
    masks: Mapping[str, Callable[[], Masks]] | None, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Test the maps of the samples of one fold.

    Parameters
    ----------
    tested : FoldNetwork
        Network of the fold.
    images : ndarray of uint8, shape (n, side, side)
        As the network takes them, in the order of the attributions.
    samples : DataFrame
        Columns sample and batch, in the same order (`attribute.tested_samples`).
    attributions : Attributions
    masks : mapping of str to callable, or None
        Reads the features of a sample (`ground_truth.find_masks`); None for real samples.
    rng : Generator

    Returns
    -------
    DataFrame
        COLUMNS, sorted by sample, map, measure and feature.

    Raises
    ------
    UserError
        If the images, the samples or the masks are not those of the attributions.
    """
    _check(images, samples, attributions, masks)
    batches = samples["batch"].to_numpy()
    valid = np.logical_and.reduce([attributions.valid(name) for name in attributions.map_types()])
    controls = draw_controls(batches, attributions.target, valid, rng)
    forward = occlusion.MaskedForward(tested, attributions.baseline)
    results: list[_Result] = []
    for i in log.progress(range(len(attributions)), "samples whose maps are tested"):
        pixel_maps = _pixel_maps(attributions, i, controls[i])
        if masks is not None:
            results += _localisation(pixel_maps, masks[attributions.samples[i]](), i)
        results += _curves(pixel_maps, forward, images[i], attributions, i)
        results += _agreement(pixel_maps, attributions, i, controls[i])
    randomised = randomisation_test.randomisation_test(tested, images, attributions, controls, rng)
    results += [_Result(*row) for row in randomised]
    return _table(results, attributions, batches, tested.metadata["fold"])


def draw_controls(
    batches: ArrayLike, targets: ArrayLike, valid: ArrayLike, rng: np.random.Generator, most: int = MAX_CONTROLS
) -> list[NDArray[np.intp]]:
    """Draw the control samples of every sample.

    Parameters
    ----------
    batches, targets : array_like of shape (n,)
        Growth batch and predicted target of every sample.
    valid : array_like of bool, shape (n,)
        Whether all maps of a sample are valid; others cannot be a control.
    rng : Generator
    most : int
        Number of controls of a sample, at most.

    Returns
    -------
    list of n ndarray of int
        Indices in random order, empty where there is no other valid sample.

    Notes
    -----
    Controls are of another batch: samples of a batch are similar, and with one of them as control a map of what a batch
    has in common would seem to show nothing. They have the same target, since maps of the predicted class are unlike
    those of another class. Where there are none of both kinds any sample of another batch is taken, and where all are
    of one batch any other.
    """
    batches, targets, valid = np.asarray(batches), np.asarray(targets), np.asarray(valid)
    drawn = []
    for i in range(len(batches)):
        other = valid & (np.arange(len(batches)) != i)
        other_batch = other & (batches != batches[i])
        preferred = (other_batch & (targets == targets[i]), other_batch)
        candidates = next((some for some in preferred if some.any()), other)
        drawn.append(rng.permutation(np.flatnonzero(candidates))[:most])
    return drawn


def _check(images, samples, attributions, masks):
    """UserError where the images, the samples or the masks are not those of the attributions."""
    names, side = attributions.samples, attributions.side
    if images.shape != (len(names), side, side) or images.dtype != np.uint8:
        raise UserError(
            f"images of shape {images.shape} and type {images.dtype} for the maps of {len(names)} samples at {side} "
            "pixels; give the images that the maps were computed of."
        )
    if list(samples["sample"]) != list(names):
        raise UserError("the samples are not those of the maps, in their order; compute the maps of this fold again.")
    missing = [sample for sample in names if masks is not None and sample not in masks]
    if missing:
        raise UserError(f"sample '{missing[0]}' has no ground truth; simulate it again, or give none for real samples.")


def _pixel_maps(attributions, i, controls):
    """{map type: (1 + k, side, side)}: the valid maps of sample i and those of its controls."""
    rows = np.append(i, controls).astype(int)
    valid = [name for name in attributions.map_types() if attributions.valid(name)[i]]
    return {name: attributions.pixel_maps(name, rows) for name in valid}


def _localisation(pixel_maps: Mapping[str, NDArray], masks: Mapping[str, NDArray], i: int) -> Iterator[_Result]:
    """Yield pointing game and mass."""
    for map_type, values in pixel_maps.items():
        for measure, feature, shares, area in localisation.localisation(values, masks):
            yield _Result(i, map_type, measure, shares, feature, area)


def _curves(
    pixel_maps: Mapping[str, NDArray],
    forward: occlusion.MaskedForward,
    image: NDArray[np.uint8],
    attributions: Attributions,
    i: int,
) -> Iterator[_Result]:
    """Yield deletion and insertion by a sample's own maps and by those of one control."""

    def predict(masks):
        outputs = forward.outputs(image, masks)
        values = deletion_insertion.curve_values(attributions.scheme, outputs, attributions.classes)
        return values[:, attributions.target[i]]

    names = [name for name in ORDERING if name in pixel_maps]
    if names:
        areas = iter(deletion_insertion.areas(np.concatenate([pixel_maps[name][:2] for name in names]), predict))
        for name in names:
            both = np.stack([next(areas) for _ in pixel_maps[name][:2]])
            yield _Result(i, name, "deletion", both[:, 0])
            yield _Result(i, name, "insertion", both[:, 1])


def _agreement(
    pixel_maps: Mapping[str, NDArray], attributions: Attributions, i: int, controls: NDArray[np.intp]
) -> Iterator[_Result]:
    """Yield the agreement of class activation maps with occlusion maps."""
    for name, other in similarity.OCCLUSION_OF.items():
        if name in pixel_maps and other in pixel_maps:
            yield _Result(i, name, "agreement", similarity.agreement(attributions, name, i, controls))


def _table(results, attributions, batches, fold):
    """Return the results as the table: a row of the sample's own value and one of the control."""
    rows = []
    for result in results:
        if not np.isfinite(result.values[0]):
            continue
        i, controls = result.sample, result.values[1:][np.isfinite(result.values[1:])]
        values = {result.map_type: result.values[0]}
        values |= {CONTROL_PREFIX + result.map_type: controls.mean()} if len(controls) else {}
        rows += [
            (attributions.samples[i], batches[i], fold, attributions.y_true[i], attributions.y_pred[i],
             map_type, result.measure, result.feature, float(value), result.area)
            for map_type, value in values.items()
        ]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["sample", "map", "measure", "feature"], kind="stable", ignore_index=True)
