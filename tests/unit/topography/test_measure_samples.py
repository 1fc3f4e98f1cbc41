"""The films of a study: heights in nm, finished pictures in grey values, and never both in one column."""

import numpy as np
import pandas as pd
import pytest

from made_up_surfaces import gaussian
from micrograph.errors import UserError
from micrograph.scans import rendering
from micrograph.scans.conversion import IMAGE_CHANNEL
from micrograph.scans.height_map import HeightMap, write_gwy
from micrograph.topography import measure_samples
from micrograph.topography.measure import MEASURES, measure_map


def a_film(folder, sample, lines=64, pixels=64, height=True, sized=True, aspect="pad"):
    """The drawn row of a film 250 nm wide, its height map (unless it is a finished picture) and micrograph."""
    width_nm, tall_nm = (250.0, 250.0 * lines / pixels) if sized else (np.nan, np.nan)
    height_nm = 2 * gaussian((lines, pixels), (4, 4), (8, 8), seed=sum(sample.encode()))
    if height:
        found = HeightMap(height_nm, width_nm, tall_nm, "Height", "Trace", "x", "0", lines)
        write_gwy(folder / "heights" / f"{sample}.gwy", found)
    size_nm = {"width_nm": width_nm, "tall_nm": tall_nm} if sized else {}
    grey, _ = rendering.render(height_nm, 128, aspect=aspect, **size_nm)
    rendering.write_png(folder / "micrographs" / f"{sample}.png", grey)
    channel = "Height" if height else IMAGE_CHANNEL
    shape = {"lines": lines, "pixels": pixels, "width_nm": width_nm, "tall_nm": tall_nm}
    return {"sample": sample, "channel": channel, **shape}


def measured(folder, *rows, aspect="pad"):
    return measure_samples.measure_shard(pd.DataFrame(rows), folder / "heights", folder / "micrographs", aspect)


def samples(*names):
    return pd.DataFrame({"sample": names})


def test_a_height_map_is_measured_in_nm_with_its_own_pixels(tmp_path):
    table = measured(tmp_path, a_film(tmp_path, "b", lines=48), a_film(tmp_path, "a"))
    assert list(table.columns) == list(measure_samples.COLUMNS)
    assert table[["sample", "unit"]].to_numpy().tolist() == [["a", "grey"], ["a", "nm"], ["b", "grey"], ["b", "nm"]]
    own = table[table["unit"] == "nm"].set_index("sample").loc["a"]
    expected = measure_map(2 * gaussian((64, 64), (4, 4), (8, 8), seed=97), (250 / 64, 250 / 64))
    for name in MEASURES:
        assert own[name] == pytest.approx(expected[name], nan_ok=True), name
    assert own["down_nm"] == own["across_nm"] == 250 / 64


def test_lengths_on_the_micrograph_are_those_of_the_heights(tmp_path):
    table = measured(tmp_path, a_film(tmp_path, "a", 256, 256)).set_index("unit")
    for name in ("correlation_along_nm", "Sal_nm", "grain_diameter_nm"):
        assert table.loc["grey", name] == pytest.approx(table.loc["nm", name], rel=0.2), name
    assert table.loc["grey", "Sq"] > 10  # of 255 greys


@pytest.mark.parametrize("sized", [True, False])
def test_a_stretched_image_is_measured_in_its_own_lengths(tmp_path, sized):
    row = a_film(tmp_path, "a", lines=64, pixels=128, height=False, sized=sized, aspect="stretch")
    found = measured(tmp_path, row, aspect="stretch").iloc[0]
    width = 250.0 if sized else 1000.0
    assert (found["across_nm"], found["down_nm"]) == pytest.approx((width / 128, width / 2 / 128))


def test_the_bands_around_a_padded_image_are_not_measured(tmp_path):
    row = a_film(tmp_path, "a", lines=32, height=False)
    found = measured(tmp_path, row).iloc[0]
    shown = rendering.read_png(tmp_path / "micrographs" / "a.png")[32:96]
    assert found["Sq"] == pytest.approx(shown.std())
    assert found["down_nm"] == pytest.approx(250 / 128)


def test_a_study_of_height_maps_is_measured_in_nm(tmp_path):
    shards = [measured(tmp_path, a_film(tmp_path, name)) for name in ("b", "a")]
    table, message = measure_samples.collect(samples("a", "b"), shards)
    assert table["sample"].tolist() == ["a", "b"] and set(table["unit"]) == {"nm"}
    assert "2 samples" in message and "nm" in message


def test_one_exported_image_brings_all_films_to_grey_values_and_is_reported(tmp_path):
    rows = a_film(tmp_path, "a"), a_film(tmp_path, "b", height=False, sized=False)
    table, message = measure_samples.collect(samples("a", "b"), [measured(tmp_path, *rows)])
    assert table["unit"].tolist() == ["grey", "grey"]
    assert table["size"].tolist() == ["known", "assumed"]
    assert table["across_nm"].tolist() == pytest.approx([250 / 128, 1000 / 128])
    assert "1 of them are images" in message and "1 images of unknown width" in message


def test_a_shard_without_films_is_no_trouble(tmp_path):
    empty = measured(tmp_path, a_film(tmp_path, "a")).iloc[:0]
    table, _ = measure_samples.collect(samples("a"), [empty, measured(tmp_path, a_film(tmp_path, "a"))])
    assert table["sample"].tolist() == ["a"]


def test_shards_of_another_run_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not of one run"):
        measure_samples.collect(samples("a", "c"), [measured(tmp_path, a_film(tmp_path, "a"), a_film(tmp_path, "b"))])


def test_a_damaged_height_map_is_named(tmp_path):
    row = a_film(tmp_path, "a")
    (tmp_path / "heights" / "a.gwy").write_bytes(b"no height map")
    with pytest.raises(UserError, match="a.gwy"):
        measured(tmp_path, row)


def test_a_micrograph_of_one_grey_is_named(tmp_path):
    row = a_film(tmp_path, "film-7", height=False)
    rendering.write_png(tmp_path / "micrographs" / "film-7.png", np.full((128, 128), 9, np.uint8))
    with pytest.raises(UserError, match="film-7: .*one height"):
        measured(tmp_path, row)
