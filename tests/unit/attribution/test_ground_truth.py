"""Ground truth: masks in the frame of the micrograph, whatever the scan's shape, as shares of pixels."""

import numpy as np
import pytest
import scipy.ndimage

from micrograph.attribution import ground_truth
from micrograph.errors import UserError
from micrograph.networks import transforms
from micrograph.rng import random_stream
from micrograph.scans import rendering
from micrograph.simulation import simulate

WIDE_NM = 1000.0


def written(path, tall_nm=WIDE_NM, shape=(64, 64), **marked):
    """A truth file of these masks, the others empty."""
    masks = {name: marked.get(name, np.zeros(shape, bool)) for name in ground_truth.SIMULATED}
    simulate.write_truth(path, masks, (tall_nm / shape[0], WIDE_NM / shape[1]))
    return path


def blocks(lines, wide):
    """A mask without any symmetry: a large block at the upper left, a small one lower right."""
    mask = np.zeros((lines, wide), bool)
    mask[lines // 8 : lines // 2, wide // 8 : wide // 3] = True
    mask[3 * lines // 4 : 7 * lines // 8, 5 * wide // 8 : 3 * wide // 4] = True
    return mask


def four_averaged(values):
    """The mean over the windows of the micrograph's median filter."""
    return scipy.ndimage.uniform_filter(values[::-1], 2, mode="nearest")[::-1]


@pytest.mark.parametrize("aspect", ["pad", "crop", "stretch"])
@pytest.mark.parametrize(
    ("lines", "wide", "tall_nm"), [(256, 256, 1000), (384, 512, 750), (125, 256, 488), (74, 512, 290)]
)
def test_a_mask_lies_where_the_micrograph_shows_the_same_heights(tmp_path, aspect, lines, wide, tall_nm):
    mask = blocks(lines, wide)
    path = written(tmp_path / "t.npz", tall_nm, mask.shape, islands=mask)
    for side in (224, 80):
        grey = rendering.render(mask.astype(float), aspect=aspect, width_nm=WIDE_NM, tall_nm=tall_nm)[0]
        seen = transforms.resize(grey[None], side)[0] / 255.0
        found = ground_truth.feature_masks(path, side, aspect)
        inside = found["padding"] == 0
        rank = np.corrcoef(seen[inside], found["islands"][inside])[0, 1]
        for axis in (0, 1):
            for step in (-1, 1):
                moved = np.roll(found["islands"], step, axis)
                assert rank > np.corrcoef(seen[inside], moved[inside])[0, 1]
        assert np.abs(seen - found["islands"])[inside].mean() < 0.02
        assert (np.ptp(seen[found["padding"] == 1]) == 0) if aspect == "pad" and tall_nm < WIDE_NM else inside.all()


def test_a_mask_keeps_its_share_of_the_scan_and_the_rest_is_padding(tmp_path):
    mask = blocks(100, 200)
    found = ground_truth.feature_masks(written(tmp_path / "t.npz", 500.0, mask.shape, domains=mask), 80)
    assert list(found) == list(ground_truth.FEATURES)
    assert found["padding"].mean() == pytest.approx(0.5)
    assert found["domains"].mean() == pytest.approx(mask.mean() / 2, rel=1e-6)
    total = found["domains"] + found["background"] + found["padding"]
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert all(one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1 for one in found.values())
    assert not found["pits"].any()


def test_masks_of_a_simulated_sample_are_those_of_the_simulation(tmp_path):
    sheet = simulate.plan_samples(12, 6, {900: 0.5, 1000: 0.5}, random_stream(0, "plan"))
    row = sheet.iloc[0].to_dict()
    scan = simulate.simulate_scan(row, 0, tmp_path / "s.spm", tmp_path / "t.npz", pixels=64)
    found = ground_truth.feature_masks(tmp_path / "t.npz", 64, pixels=64)
    for name in ground_truth.SIMULATED:
        np.testing.assert_array_equal(found[name], four_averaged(scan.masks[name].astype(float)))


def test_files_that_hold_no_truth_are_refused(tmp_path):
    with pytest.raises(UserError, match="missing or damaged"):
        ground_truth.feature_masks(tmp_path / "none.npz", 16)
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(UserError, match="missing or damaged"):
        ground_truth.feature_masks(tmp_path / "bad.npz", 16)
    simulate.write_truth(tmp_path / "few.npz", {"domains": np.ones((4, 4), bool)}, (1.0, 1.0))
    with pytest.raises(UserError, match="no mask 'boundaries'"):
        ground_truth.feature_masks(tmp_path / "few.npz", 16)


def test_masks_are_found_in_all_shards_and_real_samples_have_none(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / f"{name}.npz")
    folders = [tmp_path / "a", tmp_path / "b"]
    assert list(ground_truth.find_masks(folders, ["b", "a"], 16, "pad", 32)) == ["b", "a"]
    assert ground_truth.find_masks([], ["c"], 16, "pad", 32) is None
    with pytest.raises(UserError, match="sample c has no ground truth"):
        ground_truth.find_masks(folders, ["a", "c"], 16, "pad", 32)
