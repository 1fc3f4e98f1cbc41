"""Copies of samples: windows at the scan's own resolution, AutoAugmented micrographs, and what must not change."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from micrograph.errors import UserError
from micrograph.rng import random_stream
from micrograph.scans import augmentation, conversion, rendering
from micrograph.scans.conversion import Preprocessing
from micrograph.scans.height_map import HeightMap, read_gwy, write_gwy

SMALL = Preprocessing(pixels=24)


def rough(lines, pixels, seed=0):
    return np.random.default_rng(seed).normal(size=(lines, pixels)).cumsum(axis=0).cumsum(axis=1)


def converted(tmp_path, settings=SMALL, **scans):
    """The samples table, with heights and micrographs on disk, of scans: name -> (heights, width_nm, tall_nm)."""
    raw = tmp_path / "raw"
    for name, (height_nm, width_nm, tall_nm) in scans.items():
        write_gwy(raw / f"{name}.gwy", HeightMap(height_nm, width_nm, tall_nm, "Height", "", name, "0", len(height_nm)))
    rows = [{"sample": name, "scan": str(raw / f"{name}.gwy"), "width_nm": np.nan} for name in scans]
    return rendered_from(tmp_path, rows, settings)


def rendered_from(tmp_path, rows, settings=SMALL):
    levelled, unread = conversion.level_shard(pd.DataFrame(rows), tmp_path / "heights", settings)
    drawn, undrawn = conversion.render_shard(levelled, tmp_path / "micrographs", settings)
    assert not len(unread) and not len(undrawn)
    return drawn


def copied(tmp_path, samples, policy="aug1", wanted=3, settings=SMALL, seed=7, folder="copies"):
    number = dict.fromkeys(samples["sample"], wanted)
    rng_of = partial(random_stream, seed, "draw_copies", policy)
    return augmentation.augment_shard(
        policy, samples, number, tmp_path / folder, tmp_path / "heights", settings, rng_of=rng_of
    )


def pictures(table):
    return [rendering.read_png(path) for path in table["micrograph"]]


def places(field, window):
    """Where a window lies in a field, pixel for pixel."""
    views = np.lib.stride_tricks.sliding_window_view(field, window.shape)
    return [tuple(int(at) for at in place) for place in np.argwhere((views == window).all(axis=(2, 3)))]


def test_crops_are_windows_of_the_scan_at_its_own_resolution(tmp_path):
    samples = converted(tmp_path, A=(rough(40, 40), 1000.0, 1000.0))
    table = copied(tmp_path, samples)
    assert tuple(table.columns) == augmentation.COLUMNS
    assert list(table["augmentation"]) == [0, 1, 2, 3] and table["pixel_nm"].tolist() == pytest.approx([25.0] * 4)
    found = read_gwy(tmp_path / "heights" / "A.gwy")
    field = rendering.render(found.height_nm, pixels=40)[0]
    corners = [places(field, window) for window in pictures(table)]
    assert corners[0] == [(8, 8)], "copy 0 is the window in the middle"
    assert [len(corner) for corner in corners] == [1] * 4
    assert len({corner[0] for corner in corners}) == 4
    assert [path.rsplit("/", 1)[1] for path in table["micrograph"]] == [f"A_{copy}.png" for copy in range(4)]


def test_a_grey_is_the_same_height_in_every_window_and_in_the_micrograph(tmp_path):
    """A film on two levels: wherever a window lies, it shows the greys of the whole scan and is not stretched anew."""
    steps = np.where(np.arange(48) // 4 % 2, 2.0, 0.0) * np.ones((48, 1))
    steps[:, :6] = 8.0
    samples = converted(tmp_path, settings=Preprocessing(pixels=24, levelling="median"), A=(steps, 1000.0, 1000.0))
    table = copied(tmp_path, samples, wanted=8)
    found = read_gwy(tmp_path / "heights" / "A.gwy")
    greys = set(np.unique(rendering.render(found.height_nm, pixels=48)[0]))
    for window in pictures(table):
        assert set(np.unique(window)) <= greys
    assert max(window.max() for window in pictures(table)[:1]) < 255, "the high rim lies outside the middle"


def test_a_scan_no_larger_than_a_window_is_taken_whole_and_reported(tmp_path, capsys):
    samples = converted(tmp_path, A=(rough(12, 12), 1000.0, 1000.0), B=(rough(24, 24), 1000.0, 1000.0))
    table = copied(tmp_path, samples)
    said = capsys.readouterr().out
    assert "A: 12 pixels a side" in said
    assert table["pixel_nm"].tolist() == pytest.approx([1000 / 24] * 8)
    for sample, own in zip(samples["sample"], pictures(samples), strict=True):
        for window in pictures(table[table["sample"] == sample]):
            np.testing.assert_array_equal(window, own)


def test_windows_of_a_stopped_scan_show_all_of_it_that_they_can(tmp_path):
    """30 of 60 lines: the field is padded above and below, and every window of 24 lies within the scan."""
    samples = converted(tmp_path, A=(rough(30, 60), 1000.0, 500.0), B=(rough(10, 60), 1000.0, 1000 / 6))
    table = copied(tmp_path, samples, wanted=20)
    fields = {}
    for sample, lines in (("A", 30), ("B", 10)):
        found = read_gwy(tmp_path / "heights" / f"{sample}.gwy")
        fields[sample] = rendering.render(found.height_nm, 60, width_nm=1000, tall_nm=1000 * lines / 60)[0]
    tops = {"A": set(), "B": set()}
    for row, window in zip(table.itertuples(), pictures(table), strict=True):
        tops[row.sample] |= {place[0] for place in places(fields[row.sample], window)}
    assert min(tops["A"]) >= 15 and max(tops["A"]) <= 45 - 24
    assert min(tops["B"]) >= 35 - 24 and max(tops["B"]) <= 25
    assert len(tops["A"]) > 3 and len(tops["B"]) > 3


def test_windows_are_square_in_nanometres_where_pixels_are_not(tmp_path):
    samples = converted(tmp_path, A=(rough(32, 64), 1000.0, 1000.0))
    table = copied(tmp_path, samples)
    assert table["pixel_nm"].tolist() == pytest.approx([1000 / 32] * 4)
    field = rendering.render(read_gwy(tmp_path / "heights" / "A.gwy").height_nm, 32, width_nm=1, tall_nm=1)[0]
    assert all(places(field, window) for window in pictures(table))


def test_a_field_that_is_cropped_to_a_square_gives_windows_of_the_square(tmp_path):
    settings = Preprocessing(pixels=24, aspect="crop")
    samples = converted(tmp_path, settings, A=(rough(30, 60), 1000.0, 500.0))
    table = copied(tmp_path, samples, settings=settings)
    field = rendering.render(read_gwy(tmp_path / "heights" / "A.gwy").height_nm[:, 15:45], 30)[0]
    assert field.shape == (30, 30)
    assert [window.shape for window in pictures(table)] == [(24, 24)] * 4
    assert table["pixel_nm"].tolist() == pytest.approx([1000 / 60] * 4)


def test_a_field_that_is_stretched_gives_windows_of_all_of_it(tmp_path):
    settings = Preprocessing(pixels=24, aspect="stretch")
    samples = converted(tmp_path, settings, A=(rough(30, 60), 1000.0, 500.0))
    table = copied(tmp_path, samples, settings=settings, wanted=20)
    whole = rendering.render(read_gwy(tmp_path / "heights" / "A.gwy").height_nm, 60, aspect="stretch")[0]
    found = [places(whole, window) for window in pictures(table)]
    assert all(len(each) == 1 for each in found) and found[0] == [(18, 18)]
    assert np.ptp([top for ((top, _),) in found]) > 18  # not in a band of 30 lines


def test_exported_images_are_cropped_as_pictures(tmp_path):
    grey = np.random.default_rng(3).integers(0, 256, (50, 50)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "p.png")
    samples = rendered_from(tmp_path, [{"sample": "P", "scan": str(tmp_path / "p.png"), "width_nm": 500.0}])
    table = copied(tmp_path, samples)
    assert places(grey, pictures(table)[0]) == [(13, 13)]
    assert all(len(places(grey, window)) == 1 for window in pictures(table))
    assert table["pixel_nm"].tolist() == pytest.approx([10.0] * 4)


def test_autoaugment_is_torchvisions_on_the_8_bit_micrograph(tmp_path):
    import torch
    from torchvision.transforms import AutoAugment

    samples = converted(tmp_path, A=(rough(40, 40), 1000.0, 1000.0))
    table = copied(tmp_path, samples, policy="aug2", wanted=4)
    assert table.loc[0, "micrograph"] == samples.loc[0, "micrograph"], "copy 0 is the micrograph itself"
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == [f"A_{copy}.png" for copy in (1, 2, 3, 4)]
    rng, own = random_stream(7, "draw_copies", "aug2", "A"), pictures(samples)[0]
    for picture in pictures(table)[1:]:
        torch.manual_seed(int(rng.integers(augmentation.SEEDS)))
        np.testing.assert_array_equal(picture, np.array(AutoAugment()(Image.fromarray(own))))
    assert table["pixel_nm"].nunique() == 1


def test_autoaugment_leaves_the_micrograph_and_torchs_generator_alone():
    import torch

    grey = rendering.to_uint8(rough(32, 32) * 9 + 128)
    before, state = grey.copy(), torch.random.get_rng_state()
    changed = [augmentation._autoaugment(grey, np.random.default_rng(seed)) for seed in range(40)]
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(grey, before)
    assert {(picture.shape, picture.dtype) for picture in changed} == {(grey.shape, grey.dtype)}
    assert len({picture.tobytes() for picture in changed}) > 10


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_a_samples_images_do_not_depend_on_its_shard(tmp_path, policy):
    samples = converted(tmp_path, A=(rough(40, 40), 1.0, 1.0), B=(rough(40, 40, seed=1), 1.0, 1.0))
    together = copied(tmp_path, samples.iloc[::-1], policy, folder="both")
    assert list(together["sample"]) == ["A"] * 4 + ["B"] * 4
    alone = pd.concat([copied(tmp_path, samples.iloc[[row]], policy, folder=f"{row}") for row in (0, 1)])
    other = copied(tmp_path, samples, policy, seed=8, folder="other")
    for one, two in zip(pictures(together), pictures(alone), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(not np.array_equal(one, two) for one, two in zip(pictures(together), pictures(other), strict=True))


def test_every_sample_has_as_many_copies_as_are_wanted(tmp_path):
    samples = converted(tmp_path, A=(rough(30, 30), 1.0, 1.0), B=(rough(30, 30, seed=1), 1.0, 1.0))
    rng_of = partial(random_stream, 0)
    table = augmentation.augment_shard(
        "aug1", samples, {"A": 1, "B": 5}, tmp_path / "c", tmp_path / "heights", SMALL, rng_of=rng_of
    )
    assert table.groupby("sample")["augmentation"].max().to_dict() == {"A": 1, "B": 5}


def test_shards_join_sorted_and_a_policy_without_images_has_the_micrographs():
    samples = pd.DataFrame({"sample": ["A", "B"], "micrograph": ["m/A.png", "m/B.png"], "pixel_nm": 4.0, "batch": "x"})
    own = augmentation.collect(samples, [])
    assert own.to_dict("list") == {
        "sample": ["A", "B"], "augmentation": [0, 0], "micrograph": ["m/A.png", "m/B.png"], "pixel_nm": [4.0, 4.0],
    }  # fmt: skip
    shards = [
        pd.DataFrame({"sample": [s] * 2, "augmentation": [1, 0], "micrograph": "p", "pixel_nm": 4.0}) for s in "BA"
    ]
    joined = augmentation.collect(samples, shards)
    assert list(zip(joined["sample"], joined["augmentation"], strict=True)) == [("A", 0), ("A", 1), ("B", 0), ("B", 1)]
    with pytest.raises(ValueError, match="not of the same samples"):
        augmentation.collect(samples, shards[:1])


def test_a_shard_is_known_by_the_folder_of_its_micrographs():
    samples = pd.DataFrame({"sample": ["A", "B"], "micrograph": ["m/00/A.png", "m/01/B.png"]})
    assert list(augmentation.samples_of_shard(samples, "m/01/")["sample"]) == ["B"]


def test_an_empty_shard_is_an_empty_table(tmp_path):
    table = copied(tmp_path, pd.DataFrame(columns=(*conversion.CONDITIONS, *conversion.FILES)))
    assert tuple(table.columns) == augmentation.COLUMNS and not len(table) and (tmp_path / "copies").is_dir()


def test_a_policy_without_images_is_refused(tmp_path):
    with pytest.raises(UserError, match="policy 'aug3' is not known; choose one of: aug1, aug2"):
        copied(tmp_path, pd.DataFrame(columns=(*conversion.CONDITIONS, *conversion.FILES)), policy="aug3")


def test_a_damaged_height_map_is_named(tmp_path):
    samples = converted(tmp_path, A=(rough(40, 40), 1000.0, 1000.0))
    (tmp_path / "heights" / "A.gwy").write_bytes(b"GWYP")
    with pytest.raises(UserError, match=r"raw/A.gwy: .*heights/A.gwy: not a height map"):
        copied(tmp_path, samples)


def test_the_faults_of_the_papers_crops_repeat_one_and_take_it_from_another_sample():
    numbers = {"a": 2, "b": 3, "c": 2}
    rows = [(name, number, f"{name}{number}.png", 1.0) for name, last in numbers.items() for number in range(last + 1)]
    images = pd.DataFrame(rows, columns=list(augmentation.COLUMNS))
    one = augmentation.with_notebook_errors(images, {"aug1_one_crop"}, np.random.default_rng(0))
    assert one["micrograph"].tolist() == (
        ["a0.png", "a2.png", "a2.png", "b0.png", "b3.png", "b3.png", "b3.png", "c0.png", "c2.png", "c2.png"]
    )
    both = augmentation.with_notebook_errors(images, {"aug1_one_crop", "aug1_wrong_scan"}, np.random.default_rng(0))
    for name, own in both.groupby("sample"):
        first, *crops = own["micrograph"]
        assert first == f"{name}0.png" and len(set(crops)) == 1 and crops[0][0] != name
    wrong = augmentation.with_notebook_errors(images, {"aug1_wrong_scan"}, np.random.default_rng(0)).query(
        "augmentation > 0"
    )
    assert (wrong["micrograph"].str[0] != wrong["sample"]).all()
    assert wrong.groupby("sample")["micrograph"].nunique().to_dict() == {"a": 2, "b": 2, "c": 2}
