"""Shards of scans: bad ones are listed and the others go on; nothing is lost on the way to the table of samples."""

import json
import resource
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from micrograph import io
from micrograph.errors import UserError
from micrograph.io import UnwritableError
from micrograph.scans import conversion, levelling, rendering
from micrograph.scans.conversion import Preprocessing
from micrograph.scans.height_map import HeightMap, read_gwy, write_gwy
from tables_of_films import COLUMNS

FOLDERS = ("heights", "micrographs")


def film(path, lines=64, pixels=64, seed=0):
    """A rough film of a micrometre's width, kept as a .gwy file, which needs no other program to be read."""
    rough = np.random.default_rng(seed).normal(size=(lines, pixels)).cumsum(axis=0).cumsum(axis=1)
    write_gwy(path, HeightMap(rough, 1000.0, 1000.0 * lines / pixels, "Height", "Trace", "x", "0", lines))
    return str(path)


@pytest.fixture
def sheet(tmp_path):
    """Three good films (one stopped early), a finished picture, a web page, an empty file and a blank scan."""
    raw = tmp_path / "raw"
    write_gwy(raw / "blank.gwy", HeightMap(np.ones((8, 8)), 1.0, 1.0, "Height", "", "x", "0", 8))
    (raw / "page.spm").write_text("<html>log in</html>", encoding="utf-8")
    (raw / "empty.spm").write_bytes(b"")
    picture = np.random.default_rng(9).integers(0, 256, (100, 100)).astype(np.uint8)
    Image.fromarray(picture).save(raw / "picture.png")
    scans = {
        "A": film(raw / "a.gwy"),
        "B": film(raw / "b.gwy", lines=20, seed=1),
        "C": film(raw / "c.gwy", seed=2),
        "P": str(raw / "picture.png"),
        "Q": str(raw / "page.spm"),
        "R": str(raw / "empty.spm"),
        "S": str(raw / "blank.gwy"),
    }
    table = pd.DataFrame({"sample": list(scans), "scan": list(scans.values())})
    rest = {"growth_celsius": 950, "growth_seconds": 600.0, "substrate": "C", "pressure_torr": 50.0, "batch": "day"}
    return table.assign(**rest, width_nm=[np.nan, np.nan, np.nan, 500.0, np.nan, np.nan, np.nan])


def convert(sheet, tmp_path, **settings):
    heights, micrographs = (tmp_path / name for name in FOLDERS)
    levelled, unread = conversion.level_shard(sheet, heights, Preprocessing(**settings))
    drawn, undrawn = conversion.render_shard(levelled, micrographs, Preprocessing(**settings))
    return drawn, pd.concat([unread, undrawn], ignore_index=True).sort_values("sample", ignore_index=True)


def test_a_shard_goes_on_without_its_bad_scans(sheet, tmp_path):
    drawn, rejected = convert(sheet, tmp_path)
    assert list(drawn["sample"]) == ["A", "B", "C", "P"]
    assert tuple(drawn.columns) == conversion.RENDERED
    reasons = dict(zip(rejected["sample"], rejected["reason"], strict=True))
    assert sorted(reasons) == ["Q", "R", "S"]
    for sample, words in {
        "Q": "page.spm: this is a web page",
        "R": "the file is empty",
        "S": "blank.gwy: the height map shows no relief",
    }.items():
        assert words in reasons[sample]
    assert sorted(path.name for path in (tmp_path / "micrographs").iterdir()) == ["A.png", "B.png", "C.png", "P.png"]
    assert sorted(path.name for path in (tmp_path / "heights").iterdir()) == ["A.gwy", "B.gwy", "C.gwy"]


def test_the_table_says_what_the_micrographs_show(sheet, tmp_path):
    drawn = convert(sheet, tmp_path)[0].set_index("sample")
    for path in drawn["micrograph"]:
        assert rendering.read_png(path).shape == (224, 224)
    assert drawn.loc["A", "pixel_nm"] == pytest.approx(1000 / 224)
    assert list(drawn.loc["B", ["lines", "pixels"]]) == [20, 64]
    assert drawn.loc["B", "tall_nm"] == pytest.approx(312.5)
    assert drawn.loc["P", "pixel_nm"] == pytest.approx(500 / 224)
    assert list(drawn.loc["P", ["channel", "direction", "width_nm"]]) == ["picture", "", 500.0]
    assert drawn["source_sha256"].nunique() == 4


def test_what_is_remarkable_in_a_file_reaches_the_table_the_log_and_the_summary(sheet, tmp_path, capsys):
    stopped = np.random.default_rng(3).normal(size=(64, 64))
    stopped[40:] = np.nan
    write_gwy(tmp_path / "raw" / "c.gwy", HeightMap(stopped, 1000.0, 1000.0, "Height", "Trace", "x", "0", 64))
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (50, 50, 3)).astype(np.uint8)).save(sheet["scan"][3])
    drawn, rejected = convert(sheet, tmp_path)
    remarks = drawn.set_index("sample")["remarks"]
    assert list(remarks[["A", "B"]]) == ["", ""]
    assert "24 of 64 lines" in remarks["C"] and "colours" in remarks["P"]
    log = capsys.readouterr().out
    samples, _, summary = conversion.collect(sheet, [drawn], [rejected], data="real")
    assert list(samples["remarks"]) == list(remarks)
    for text in (log, summary):
        assert [
            line.split(":")[0].strip() for line in text.splitlines() if "24 of 64" in line or "colours" in line
        ] == [
            *("C", "P"),
        ]


def test_heights_of_a_tiff_are_levelled_like_any_other_with_the_unit_of_the_sheet(sheet, tmp_path):
    heights = np.random.default_rng(5).normal(size=(64, 64))
    for name in ("P", "Q"):
        Image.fromarray(heights.astype(np.float32)).save(tmp_path / "raw" / f"{name}.tif")
        sheet.loc[sheet["sample"] == name, "scan"] = str(tmp_path / "raw" / f"{name}.tif")
    drawn, rejected = convert(sheet.assign(z_unit=["", "", "", "um", "um", "", ""]), tmp_path)
    drawn = drawn.set_index("sample")
    assert list(drawn.loc["P", ["channel", "width_nm", "tall_nm"]]) == ["TIFF heights", 500.0, 500.0]
    assert np.isnan(drawn.loc["Q", "width_nm"]) and np.isnan(drawn.loc["Q", "pixel_nm"])  # no width in file or sheet
    kept = read_gwy(tmp_path / "heights" / "Q.gwy")
    assert np.ptp(kept.height_nm) == pytest.approx(1e3 * np.ptp(heights), rel=0.2)
    assert (tmp_path / "micrographs" / "P.png").read_bytes() == (tmp_path / "micrographs" / "Q.png").read_bytes()
    _, rejected = convert(sheet, tmp_path / "none")
    assert "z_unit" in rejected.set_index("sample").loc["P", "reason"]


def test_a_new_picture_in_colours_is_warned_of_and_one_in_grey_is_not(tmp_path):
    grey = np.random.default_rng(1).integers(0, 256, (40, 40)).astype(np.uint8)
    colours = np.dstack([grey, grey[::-1], grey])
    for name, array, warned in (("grey", np.dstack([grey] * 3), 0), ("colours", colours, 1)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
        scan = conversion.convert_scan(tmp_path / f"{name}.png")
        assert len(scan.warnings) == warned and scan.remarks == () and scan.channel == conversion.IMAGE_CHANNEL
        assert np.isnan(scan.measures["relief_nm"])
    scan = conversion.convert_scan(film(tmp_path / "a.gwy"))
    assert scan.warnings == () and scan.measures["relief_nm"] > 0


def test_the_height_range_leaves_out_half_a_percent_at_each_end():
    heights = np.arange(201.0).reshape(3, 67)  # the 0.5th percentile of 0..200 is 1, the 99.5th 199
    assert conversion.height_range_nm(heights) == pytest.approx(198)
    heights[0, 0] = -1e6
    assert conversion.height_range_nm(heights) == pytest.approx(198)


def test_height_maps_are_kept_level_with_their_origin(sheet, tmp_path):
    convert(sheet, tmp_path, levelling="median")
    kept = read_gwy(tmp_path / "heights" / "A.gwy")
    assert (kept.source, kept.channel, kept.lines) == ("a.gwy", "Height", 64)
    assert abs(kept.height_nm.mean()) < 1e-6
    assert b"levelling\0smedian\0" in (tmp_path / "heights" / "A.gwy").read_bytes()


def test_the_sheet_overrides_the_levelling_of_a_scan_and_flags_reach_the_table_of_samples(sheet, tmp_path):
    sheet = sheet.assign(levelling=["", "facet", "median", "", "", "", ""])
    drawn, rejected = convert(sheet, tmp_path, levelling="published")
    limits = {"masked_pct": 101, "line_offset_pct": 1e9, "scar_pct": 101, "noise_ratio": 1e9, "jumps": -1}
    samples, _, summary = conversion.collect(sheet, [drawn], [rejected], "real", quality_thresholds=limits)
    assert tuple(samples.columns) == (*conversion.CONDITIONS, *conversion.FILES)
    assert list(samples["levelling"]) == ["published", "facet", "median", ""]
    assert list(samples["quality"]) == ["jumps", "jumps", "jumps", ""]  # the image has no heights to judge
    assert "3 scans have a quality flag" in summary
    assert b"levelling\0sfacet\0" in (tmp_path / "heights" / "B.gwy").read_bytes()
    expected = levelling.level(read_gwy(sheet.loc[2, "scan"]).height_nm, "median")
    np.testing.assert_allclose(read_gwy(tmp_path / "heights" / "C.gwy").height_nm, expected, atol=1e-9)


def test_a_shard_in_two_steps_through_its_tables_gives_the_same(sheet, tmp_path):
    whole = convert(sheet, tmp_path / "one")[0]
    levelled, rejected = conversion.level_shard(sheet.to_dict("records"), tmp_path / "two" / "heights")
    io.write_table(tmp_path / "levelled.tsv", levelled, significant=17)
    assert tuple(levelled.columns) == conversion.LEVELLED and len(rejected) == 3
    assert list(levelled["height"] == "") == [False, False, False, True]
    drawn = conversion.render_shard(io.read_table(tmp_path / "levelled.tsv"), tmp_path / "two" / "micrographs")[0]
    pd.testing.assert_frame_equal(
        drawn.drop(columns="micrograph"), whole.drop(columns="micrograph"), rtol=1e-12, check_dtype=False
    )
    for sample in whole["sample"]:
        one, two = (tmp_path / way / "micrographs" / f"{sample}.png" for way in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_stopping_at_bad_scans_tells_all_their_sentences_and_keeps_what_was_converted(sheet, tmp_path):
    drawn, rejected = convert(sheet, tmp_path)
    with pytest.raises(UserError) as caught:
        conversion.collect(sheet, [drawn], [rejected], data="real", on_bad_scan="stop")
    for words in ("4 of 7 scans read, 3 rejected", "Q: ", "R: ", "S: ", "set scans.on_bad_scan to skip"):
        assert words in str(caught.value)
    assert len(list((tmp_path / FOLDERS[1]).rglob("*.png"))) == 4
    with pytest.raises(UserError, match="scans.on_bad_scan 'weep' is not known; choose one of: skip, stop"):
        conversion.collect(sheet, [drawn], [rejected], data="real", on_bad_scan="weep")


def test_an_unforeseen_failure_of_one_scan_is_listed_with_its_kind(sheet, tmp_path):
    sheet["scan"] = sheet["scan"].astype(object)
    sheet.loc[0, "scan"] = 17  # no path at all
    drawn, rejected = convert(sheet, tmp_path)
    assert "A" not in set(drawn["sample"])
    assert rejected.set_index("sample").loc["A", "reason"].startswith("17: TypeError: ")


def test_a_full_disk_ends_the_job_and_rejects_no_scan(sheet, tmp_path):
    """A limit on the size of files stands for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(UnwritableError, match=r"A.gwy: cannot be written \(File too large\)"):
            convert(sheet, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.rglob(".partial-*")) and not list(tmp_path.rglob("A.gwy"))


def test_a_folder_that_takes_no_files_ends_the_job(sheet, tmp_path):
    (tmp_path / "taken").write_bytes(b"a file")
    with pytest.raises(UnwritableError, match="cannot be written"):
        conversion.level_shard(sheet, tmp_path / "taken")


def test_scans_that_are_not_square_can_be_refused(sheet, tmp_path):
    drawn, rejected = convert(sheet, tmp_path, aspect="refuse")
    assert "B" not in set(drawn["sample"])
    assert "b.gwy: the scan is not square" in rejected.set_index("sample").loc["B", "reason"]


def test_the_shards_join_to_one_table_of_all_samples(sheet, tmp_path):
    shards = [convert(sheet.iloc[rows], tmp_path / name) for rows, name in ((slice(3, 7), "0"), (slice(0, 3), "1"))]
    samples, rejected, text = conversion.collect(sheet, *zip(*shards, strict=True), data="simulated")
    assert tuple(samples.columns) == (*conversion.CONDITIONS, *conversion.FILES)
    assert list(samples["sample"]) == ["A", "B", "C", "P"]
    assert set(samples["data"]) == {"simulated"} and set(samples["growth_celsius"]) == {950}
    assert list(rejected["sample"]) == ["Q", "R", "S"]
    assert text.startswith("4 of 7 scans read, 3 rejected:\n  Q: ") and text.count("\n") == 3


def test_copies_of_one_scan_are_pointed_out(sheet, tmp_path):
    copy = tmp_path / "raw" / "copy.gwy"
    copy.write_bytes((tmp_path / "raw" / "a.gwy").read_bytes())
    sheet = pd.concat([sheet, sheet.iloc[:1].assign(sample="Z", scan=str(copy))], ignore_index=True)
    tables = ([table] for table in convert(sheet, tmp_path))
    samples, _, text = conversion.collect(sheet, *tables, data="real")
    assert list(samples["sample"]) == ["A", "B", "C", "P", "Z"]
    assert "A, Z are one scan (identical files)" in text.splitlines()[-1]


def test_one_scan_in_several_files_is_one_batch_and_is_pointed_out(tmp_path):
    rng = np.random.default_rng(5)
    relief, other = (gaussian_filter(rng.normal(size=(64, 64)), 2) * 30 for _ in range(2))
    tilted = relief + np.linspace(0, 40, 64)[:, None] + rng.normal(size=(64, 64)) * 0.2
    grey = np.interp(relief, np.percentile(relief, [1, 99]), [0, 255]).astype(np.uint8)
    for name, array in (("raw", tilted), ("flat", relief), ("other", other)):
        write_gwy(tmp_path / f"{name}.gwy", HeightMap(array, 1000, 1000, "Height", "Trace", "a", name, 64))
    Image.fromarray(grey).save(tmp_path / "export.png")
    files = {"a": "raw.gwy", "b": "flat.gwy", "c": "other.gwy", "d": "export.png"}
    sheet = pd.DataFrame({"sample": list(files), "scan": [str(tmp_path / file) for file in files.values()]})
    sheet = sheet.assign(
        growth_celsius=[950, 950, 950, 1000], batch=["m", "t", "w", "f"], width_nm=[np.nan, np.nan, np.nan, 500]
    )
    tables = ([table] for table in convert(sheet, tmp_path))
    samples, _, text = conversion.collect(sheet, *tables, data="real", columns=COLUMNS)
    assert samples["batch"].tolist() == ["m", "m", "w", "m"]
    (line,) = (line for line in text.splitlines() if "one scan" in line)
    assert all(part in line for part in ("a, b, d", "m, t, f", "950 and 1000"))


def test_copies_of_a_scan_of_the_same_film_are_left_out_and_other_scans_stay(tmp_path):
    rng = np.random.default_rng(5)
    reliefs = [gaussian_filter(rng.normal(size=(64, 64)), 2) * 30 for _ in range(3)]
    tilted = reliefs[0] + np.linspace(0, 40, 64)[:, None] + rng.normal(size=(64, 64)) * 0.2
    for name, array in zip(("flat", "raw", "edge", "worked"), (reliefs[0], tilted, *reliefs[1:]), strict=True):
        write_gwy(tmp_path / f"{name}.gwy", HeightMap(array, 1000, 1000, "Height", "Trace", "a", name, 64))
    files = {"a@1": "flat.gwy", "a@2": "raw.gwy", "a@3": "edge.gwy", "a@4": "worked.gwy", "b": "edge.gwy"}
    sheet = pd.DataFrame({"sample": list(files), "scan": [str(tmp_path / file) for file in files.values()]})
    sheet = sheet.assign(film=[*"aaaab"], growth_celsius=950, batch=[*"mmmmt"], width_nm=np.nan)
    sheet = sheet.assign(
        kind=["processed", "raw", "", "processed", ""], position=["center", "center", "edge", "edge", ""]
    )
    tables = ([table] for table in convert(sheet, tmp_path))
    samples, rejected, text = conversion.collect(sheet, *tables, data="real")
    assert samples["sample"].tolist() == ["a@2", "a@3", "b"] and samples["film"].tolist() == [*"aab"]
    assert dict(zip(rejected["sample"], rejected["reason"], strict=True)) == {
        "a@1": "a copy of a@2, a scan of the same film",
        "a@4": "a copy of a@3, a scan of the same film",
    }
    assert "2 copies" in text and samples["batch"].nunique() == 1  # of another film a copy joins the batches


def test_fewer_than_two_samples_are_refused_with_the_reasons(sheet, tmp_path):
    few = sheet.iloc[3:]
    with pytest.raises(UserError, match="fewer than two samples .*1 of 4 scans read, 3 rejected"):
        conversion.collect(few, *([table] for table in convert(few, tmp_path)), data="real")


def test_a_sample_that_no_shard_holds_is_noticed(sheet, tmp_path):
    accepted, rejected = convert(sheet.iloc[:5], tmp_path)
    with pytest.raises(ValueError, match="5 samples, the sheet 7"):
        conversion.collect(sheet, [accepted], [rejected], data="real")


def test_an_empty_shard_is_an_empty_table(tmp_path):
    drawn, rejected = convert(pd.DataFrame(columns=["sample", "scan", "width_nm"]), tmp_path)
    assert len(drawn) == len(rejected) == 0 and tuple(drawn.columns) == conversion.RENDERED


def test_memory_does_not_grow_with_the_number_of_scans(tmp_path):
    scans = [{"sample": f"s{index}", "scan": film(tmp_path / f"{index}.gwy", 128, 128, index)} for index in range(8)]
    peaks = []
    for rows in (scans[:1], scans[:1], scans):  # the first run pays for imports
        tracemalloc.start()
        convert(rows, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]


@pytest.mark.parametrize("size", [64, 200])
def test_no_grey_differs_from_the_published_way_on_written_scans(tmp_path, monkeypatch, pytestconfig, size):
    pytest.importorskip("pySPM")
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath))
    from benchmarks import bench_conversion

    bench_conversion.write_scan(tmp_path / "film.spm", size)
    assert bench_conversion.differing_pixels(tmp_path / "film.spm") == 0


def test_no_grey_differs_from_the_published_way_on_real_scans(shared_scans, monkeypatch, pytestconfig):
    pytest.importorskip("pySPM")
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath))
    from benchmarks import bench_conversion

    golden = json.loads((shared_scans / "golden.json").read_text(encoding="utf-8"))
    real = [name for name, expected in golden.items() if expected["channels"]]
    assert len(real) == 4
    for name in real:
        channel = "Height Sensor" if name.startswith("v940") else "Height"
        assert bench_conversion.differing_pixels(shared_scans / name, channel) == 0
