"""The tests of explanations as a table: planted maps come out as planted, controls beside them, flags left out."""

import copy

import numpy as np
import pytest
import torch

from micrograph.attribution import (
    attribute,
    deletion_insertion,
    evaluate,
    ground_truth,
    map_types,
    maps,
    masked_forward,
)
from micrograph.errors import UserError
from micrograph.networks import heads, pretraining, replace_head

BACKBONE, CLASSES, SIDE, FILMS = "timm:mobilenetv3_small_050", [900, 950, 1000], 64, 4
SETTINGS = {"patch": 16, "stride": 16, "baseline": "zero", "precision": "fp32", "memory_mb": 100}
SAMPLES = [f"film-{i}" for i in range(FILMS)]
BATCHES = dict(zip(SAMPLES, ["day-1", "day-1", "day-2", "day-3"], strict=True))
KEYS = ["sample", "map", "measure", "feature"]
WITHOUT_TRUTH = {"deletion", "insertion", "randomised_head", "randomised_all", "agreement"}


def films():
    return np.random.default_rng(5).integers(0, 256, (FILMS, SIDE, SIDE), dtype=np.uint8)


def masks():
    """Every film has one island, a quarter of the picture, in another corner each."""
    found = {}
    for i, sample in enumerate(SAMPLES):
        found[sample] = {feature: np.zeros((SIDE, SIDE), np.float32) for feature in ground_truth.FEATURES}
        top, left = 32 * (i // 2), 32 * (i % 2)
        found[sample]["islands"][top : top + 32, left : left + 32] = 1
        found[sample]["domains"][:] = 1
    return found


def made(head):
    start = pretraining.random_backbone(BACKBONE, np.random.default_rng(0))
    network = replace_head.replace_head(start, BACKBONE, head, CLASSES, 0.0, np.random.default_rng(1)).eval()
    heads.fit_label_scaling(network, np.array(CLASSES))
    facts = {
        "backbone": BACKBONE, "head": head, "classes": CLASSES, "fold": 3, "pixels": SIDE, "mean": [0.5] * 3,
        "std": [0.25] * 3, "settings": {"dropout": 0.0, "precision": "fp32"},
    }  # fmt: skip
    truths = [900, 950, 950, 1000]
    return network, facts, attribute.of_fold(network, facts, films(), SAMPLES, truths, CLASSES, SETTINGS, "cpu")


@pytest.fixture(scope="module")
def case():
    network, facts, arrays = made("nominal")
    where = np.stack([masks()[sample]["islands"][8::16, 8::16] for sample in SAMPLES])
    arrays["occlusion"] = np.repeat(where[:, None], len(CLASSES), axis=1) * 2 - 1  # knows the islands
    return network, facts, arrays


def table(case, known, seed=7, **more):
    network, facts, arrays = case
    rng = np.random.default_rng(seed)
    return evaluate.tested(network, facts, films(), arrays | more, known, BATCHES, SETTINGS, rng, "cpu")


def values(found, **words):
    for column, word in words.items():
        found = found[found[column] == word]
    return found["value"].tolist()


def test_a_map_that_knows_the_islands_scores_one_and_other_films_maps_do_not(case):
    found = table(case, masks())
    for name in ("occlusion", "occlusion_abs"):
        area = [0.25] * FILMS
        assert found[(found["map"] == name) & (found["measure"] == "mass")]["area"].tolist() == area
    assert values(found, map="occlusion", measure="mass", feature="islands") == [1.0] * FILMS
    assert values(found, map="occlusion", measure="pointing", feature="islands") == [1.0] * FILMS
    assert values(found, map="another_occlusion", measure="mass", feature="islands") == [0.0] * FILMS
    assert values(found, map="occlusion_abs", measure="mass", feature="islands") == [0.25] * FILMS
    assert values(found, measure="mass", feature="domains") == []  # everywhere: says nothing


def test_the_table_has_its_columns_a_control_of_every_row_and_is_sorted(case):
    found = table(case, masks())
    assert list(found.columns) == list(evaluate.COLUMNS)
    assert set(found["measure"]) == {*WITHOUT_TRUTH, "pointing", "mass"}
    assert not found.duplicated(KEYS).any() and found["value"].notna().all()
    own = found[~found["map"].str.startswith("another_")]
    controls = found.assign(map=found["map"].str.removeprefix("another_"))[found["map"].str.startswith("another_")]
    assert own[KEYS].to_numpy().tolist() == controls[KEYS].to_numpy().tolist()
    assert found.equals(found.sort_values(KEYS, kind="stable", ignore_index=True))
    first = found[found["sample"] == "film-2"].iloc[0]
    predicted = case[2]["predicted"][2]
    assert first[:5].tolist() == ["film-2", "day-2", 3, 950, predicted]
    assert (found["area"].notna() == found["measure"].isin(["pointing", "mass"])).all()


def test_the_control_of_deletion_and_insertion_is_one_other_films_map(case):
    network, facts, arrays = case
    days = np.array([BATCHES[sample] for sample in SAMPLES])
    rest = map_types.others(days, arrays["target"], np.ones(FILMS, bool), np.random.default_rng(7))
    assert max(map(len, rest)) > 1
    found = table(case, None)
    asked = masked_forward.MaskedForward(network, facts, "zero", device="cpu")
    for i, sample in enumerate(SAMPLES):

        def says(hidden, i=i):
            return deletion_insertion.strength("nominal", asked.outputs(films()[i], hidden), CLASSES)[
                :, arrays["target"][i]
            ]

        other = map_types.laid(arrays, "occlusion", rest[i][:1])
        told = [values(found, sample=sample, map="another_occlusion", measure=m)[0] for m in ("deletion", "insertion")]
        np.testing.assert_allclose(told, deletion_insertion.areas(other, says)[0], rtol=1e-4)


def test_real_films_have_neither_pointing_nor_mass(case):
    assert set(table(case, None)["measure"]) == WITHOUT_TRUTH


def test_a_map_with_a_flag_is_not_tested_and_is_nobodys_control(case):
    flags = np.array(["", "", maps.NOT_FINITE, ""])
    effects = case[2]["occlusion"].copy()
    effects[2] = np.nan
    found = table(case, masks(), occlusion_flag=flags, occlusion=effects)
    rows = found[found["map"].str.contains("occlusion")]
    assert set(rows["sample"]) == {SAMPLES[0], SAMPLES[1], SAMPLES[3]}
    assert values(found, map="another_occlusion", measure="mass", feature="islands") == [0.0] * 3
    assert SAMPLES[2] in set(found[found["map"] == "cam"]["sample"])


def test_a_network_that_sees_nothing_loses_nothing(case):
    network, facts, arrays = case
    blind = copy.deepcopy(network)
    with torch.no_grad():
        blind.get_submodule("classifier").last.weight.zero_()
        blind.get_submodule("classifier").last.bias.copy_(torch.tensor([0.0, np.log(2), 0.0]))
    same = evaluate.tested(
        blind, facts, films(), arrays, None, BATCHES, SETTINGS, np.random.default_rng(7), "cpu"
    )  # fmt: skip
    expected = np.array([0.25, 0.5, 0.25])[arrays["target"]]
    for measure in ("deletion", "insertion"):
        np.testing.assert_allclose(values(same, map="occlusion", measure=measure), expected, rtol=1e-6)


@pytest.mark.parametrize("head", ["nnrank", "corn", "regression"])
def test_every_scheme_is_tested(head):
    case = made(head)
    found = table(case, masks())
    assert {"cam", "grad_cam", "occlusion", "occlusion_abs"} <= set(found["map"])
    degrees = values(found, map="occlusion", measure="deletion")
    assert all((800 < one < 1100) if head == "regression" else (0 <= one <= 1) for one in degrees)


def test_the_same_seed_gives_the_same_table_and_the_arrays_are_left_alone(case):
    before = {name: np.copy(part) for name, part in case[2].items()}
    weights = {name: part.clone() for name, part in case[0].state_dict().items()}
    first, again = table(case, masks()), table(case, masks())
    assert first.equals(again)
    assert not first.equals(table(case, masks(), seed=8))
    assert all(np.array_equal(part, case[2][name]) for name, part in before.items())
    assert all(torch.equal(part, weights[name]) for name, part in case[0].state_dict().items())


def test_pictures_and_masks_of_other_films_are_refused(case):
    network, facts, arrays = case
    with pytest.raises(UserError, match="give the pictures that were explained"):
        evaluate.tested(network, facts, films()[:2], arrays, None, BATCHES, SETTINGS, np.random.default_rng(0))
    with pytest.raises(UserError, match="sample 'film-3' has no truth"):
        table(case, {name: masks()[name] for name in SAMPLES[:3]})
