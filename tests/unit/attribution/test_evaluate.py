"""The table of tests: maps with known answers, controls, flags left out."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from micrograph.attribution import attribute, deletion_insertion, evaluate, ground_truth, maps
from micrograph.attribution.occlusion import FoldNetwork, MaskedForward
from micrograph.errors import UserError

from .conftest import CLASSES, random_images, small_network

SIDE, N = 64, 4
SETTINGS = maps.AttributionSettings(patch=16, stride=16, memory_mb=100)
IMAGES = random_images(N, SIDE)
SAMPLES = pd.DataFrame({
    "sample": [f"film-{i}" for i in range(N)],
    "batch": ["day-1", "day-1", "day-2", "day-3"],
    "y_true": [900, 950, 950, 1000],
})  # fmt: skip
NAMES = SAMPLES["sample"].tolist()
KEYS = ["sample", "map", "measure", "feature"]
WITHOUT_TRUTH = {"deletion", "insertion", "randomised_head", "randomised_all", "agreement"}


def masks():
    """Every sample has one island, a quarter of the image, in another corner each."""
    found = {}
    for i, sample in enumerate(NAMES):
        found[sample] = {feature: np.zeros((SIDE, SIDE), np.float32) for feature in ground_truth.FEATURES}
        top, left = 32 * (i // 2), 32 * (i % 2)
        found[sample]["islands"][top : top + 32, left : left + 32] = 1
        found[sample]["domains"][:] = 1
    return found


def attributed(head):
    network, metadata = small_network(head, SIDE)
    arrays = attribute.attribute_fold(network, metadata, IMAGES, SAMPLES, SETTINGS, "cpu")
    return network, metadata, maps.Attributions.from_arrays(arrays)


@pytest.fixture(scope="module")
def case():
    """Occlusion maps that equal the islands."""
    network, metadata, attributions = attributed("nominal")
    islands = np.stack([masks()[sample]["islands"][8::16, 8::16] for sample in NAMES])
    known = np.repeat(islands[:, None], len(CLASSES), axis=1) * 2 - 1
    return network, metadata, replace(attributions, occlusion=known)


def table(case, truth, seed=7, **changes):
    network, metadata, attributions = case
    rng = np.random.default_rng(seed)
    changed = replace(attributions, **changes)
    truth = truth and {name: partial(dict, own) for name, own in truth.items()}
    return evaluate.evaluate(FoldNetwork(network, metadata, device="cpu"), IMAGES, SAMPLES, changed, truth, rng)


def values(found, **columns):
    for column, value in columns.items():
        found = found[found[column] == value]
    return found["value"].tolist()


def test_a_map_that_equals_the_islands_scores_one_and_other_samples_maps_do_not(case):
    found = table(case, masks())
    for name in ("occlusion", "occlusion_abs"):
        assert found[(found["map"] == name) & (found["measure"] == "mass")]["area"].tolist() == [0.25] * N
    assert values(found, map="occlusion", measure="mass", feature="islands") == [1.0] * N
    assert values(found, map="occlusion", measure="pointing", feature="islands") == [1.0] * N
    assert values(found, map="control_occlusion", measure="mass", feature="islands") == [0.0] * N
    assert values(found, map="occlusion_abs", measure="mass", feature="islands") == [0.25] * N
    assert values(found, measure="mass", feature="domains") == []  # everywhere


def test_the_table_has_its_columns_a_control_of_every_row_and_is_sorted(case):
    found = table(case, masks())
    assert list(found.columns) == list(evaluate.COLUMNS)
    assert set(found["measure"]) == {*WITHOUT_TRUTH, "pointing", "mass"}
    assert not found.duplicated(KEYS).any() and found["value"].notna().all()
    is_control = found["map"].str.startswith("control_")
    controls = found.assign(map=found["map"].str.removeprefix("control_"))[is_control]
    assert found[~is_control][KEYS].to_numpy().tolist() == controls[KEYS].to_numpy().tolist()
    assert found.equals(found.sort_values(KEYS, kind="stable", ignore_index=True))
    first = found[found["sample"] == "film-2"].iloc[0]
    assert first[:5].tolist() == ["film-2", "day-2", 3, 950, case[2].y_pred[2]]
    assert (found["area"].notna() == found["measure"].isin(["pointing", "mass"])).all()


def test_the_control_of_deletion_and_insertion_is_one_other_samples_map(case):
    network, metadata, attributions = case
    rng = np.random.default_rng(7)
    controls = evaluate.draw_controls(SAMPLES["batch"], attributions.target, np.ones(N, bool), rng)
    assert max(map(len, controls)) > 1
    found = table(case, None)
    forward = MaskedForward(FoldNetwork(network, metadata, device="cpu"), "zero")
    for i, sample in enumerate(NAMES):

        def predict(masks, i=i):
            outputs = forward.outputs(IMAGES[i], masks)
            return deletion_insertion.curve_values("nominal", outputs, CLASSES)[:, attributions.target[i]]

        other = attributions.pixel_maps("occlusion", controls[i][:1])
        rows = [values(found, sample=sample, map="control_occlusion", measure=m) for m in ("deletion", "insertion")]
        np.testing.assert_allclose(np.ravel(rows), deletion_insertion.areas(other, predict)[0], rtol=1e-4)


def test_a_map_with_a_flag_is_neither_tested_nor_a_control(case):
    effects = case[2].occlusion.copy()
    effects[2] = np.nan
    found = table(case, masks(), occlusion_flag=np.array(["", "", maps.NOT_FINITE, ""]), occlusion=effects)
    rows = found[found["map"].str.contains("occlusion")]
    assert set(rows["sample"]) == {NAMES[0], NAMES[1], NAMES[3]}
    assert values(found, map="control_occlusion", measure="mass", feature="islands") == [0.0] * 3
    assert NAMES[2] in set(found[found["map"] == "cam"]["sample"])


@pytest.mark.parametrize("head", ["nnrank", "corn", "regression"])
def test_every_scheme_is_tested(head):
    found = table(attributed(head), masks())
    assert {"cam", "grad_cam", "occlusion", "occlusion_abs"} <= set(found["map"])
    areas = values(found, map="occlusion", measure="deletion")
    assert all((800 < one < 1100) if head == "regression" else (0 <= one <= 1) for one in areas)


def test_images_samples_and_masks_of_others_are_refused(case):
    tested, attributions, rng = FoldNetwork(*case[:2]), case[2], np.random.default_rng(0)
    with pytest.raises(UserError, match="images of shape"):
        evaluate.evaluate(tested, IMAGES[:2], SAMPLES, attributions, None, rng)
    with pytest.raises(UserError, match="the samples are not those"):
        evaluate.evaluate(tested, IMAGES, SAMPLES[::-1], attributions, None, rng)
    with pytest.raises(UserError, match="sample 'film-3' has no ground truth"):
        table(case, {name: masks()[name] for name in NAMES[:3]})


# Controls


def draw(batches, targets, valid, seed=0):
    return evaluate.draw_controls(batches, targets, valid, np.random.default_rng(seed))


def test_controls_are_valid_samples_of_other_batches_where_there_are_any():
    batches, valid = np.array(["a", "a", "a", "b", "b"]), np.array([True, True, False, True, False])
    same = np.zeros(5, int)
    assert [sorted(rows) for rows in draw(batches, same, valid)] == [[3], [3], [3], [0, 1], [0, 1]]
    assert [sorted(rows) for rows in draw(batches[:3], same[:3], valid[:3])] == [[1], [0], [0, 1]]
    assert [len(rows) for rows in draw(["a"], [0], [True])] == [0]


def test_controls_have_the_same_target_where_there_is_one_in_control_batch():
    batches, targets, valid = np.array(["a", "a", "b", "b", "c"]), np.array([0, 1, 0, 1, 2]), np.ones(5, bool)
    assert [sorted(rows) for rows in draw(batches, targets, valid)] == [[2], [3], [0], [1], [0, 1, 2, 3]]


def test_controls_are_few_random_and_never_the_sample_itself():
    given = np.arange(50).astype(str), np.zeros(50, int), np.ones(50, bool)
    found, again = draw(*given), draw(*given)
    assert {len(rows) for rows in found} == {evaluate.MAX_CONTROLS}
    assert all(i not in rows and len(set(rows)) == len(rows) for i, rows in enumerate(found))
    assert all((one == other).all() for one, other in zip(found, again, strict=True))
    assert any((one != other).any() for one, other in zip(found, draw(*given, seed=1), strict=True))
