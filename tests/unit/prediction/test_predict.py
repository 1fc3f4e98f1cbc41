"""Predictions for new scans: films like the study's, scans out of distribution, bad files, many of them."""

import dataclasses
import datetime
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import micrograph
from micrograph import cli, io
from micrograph.errors import UserError
from micrograph.prediction import new_scans, page, predict, storage
from micrograph.scans import conversion, rendering, sample_sheet
from micrograph.simulation import nanoscope_writer
from micrograph.target import Target
from project import PROJECT
from tables_of_films import TARGET

from .conftest import CLASSES, PIXELS, simulate_scans


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Four new films, of another seed."""
    return simulate_scans(tmp_path_factory.mktemp("new"), 4, 4, seed=99)["scan"].tolist()


def write_scan(path, height_nm, width_nm=1000.0):
    lines = height_nm.shape[0]
    frame = nanoscope_writer.Frame(
        width_nm, width_nm, lines, date=f"{datetime.datetime(2023, 1, 2):%I:%M:%S %p %a %b %d %Y}",
        line_rate_hz=1.0, rotation_degrees=0.0,
    )  # fmt: skip
    nanoscope_writer.write(path, [nanoscope_writer.Channel("Height Sensor", "Trace", height_nm)], frame, "0x09400202")
    return path


def relief(pixels=PIXELS):
    """A hilly height map of some nanometres."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:pixels, 0:pixels] / pixels
    return 2 * np.sin(9 * x) * np.cos(7 * y) + rng.normal(0, 0.1, (pixels, pixels))


def photograph(path):
    """Sky, sun, hill and house."""
    y, x = np.mgrid[0:96, 0:96] / 96
    sky = np.stack([90 + 60 * y, 140 + 50 * y, 235 - 20 * y], axis=2)
    for inside, colour in (
        ((x - 0.7) ** 2 + (y - 0.25) ** 2 < 0.01, (255, 240, 120)),
        (y > 0.65 + 0.08 * np.sin(7 * x), (50, 110, 40)),
        ((abs(x - 0.3) < 0.1) & (y > 0.5) & (y < 0.75), (150, 60, 50)),
    ):
        sky[inside] = colour
    Image.fromarray(sky.astype(np.uint8)).save(path)
    return path


def test_a_scan_becomes_the_micrograph_that_the_study_would_have_made_of_it(study):
    settings = conversion.Preprocessing(pixels=PIXELS)
    for film in study.samples.itertuples():
        seen = conversion.convert_scan(film.scan, settings)
        np.testing.assert_array_equal(seen.micrograph, rendering.read_png(film.micrograph))
        assert seen.pixel_size_nm == pytest.approx(film.pixel_nm)
        assert seen.sha256 == film.source_sha256 and seen.channel == film.channel


def test_a_prediction_is_complete_and_consistent(model_path, new):
    prediction = micrograph.predict(new[0], model_path, device="cpu")
    assert prediction.error == "" and prediction.simulated and prediction.coverage == 0.8
    assert list(prediction.probabilities) == CLASSES and sum(prediction.probabilities.values()) == pytest.approx(1)
    mean = sum(celsius * value for celsius, value in prediction.probabilities.items())
    assert prediction.value == pytest.approx(mean)
    assert prediction.low < prediction.value < prediction.high
    assert max(prediction.probabilities, key=prediction.probabilities.get) in prediction.prediction_set
    held = set(prediction.constant.prediction_set)
    assert len(held) == 2 and f"without the scan: {min(held)} °C, {max(held)} °C, covers" in str(prediction)
    assert prediction.constant.low <= prediction.constant.high
    assert prediction.y_pred == max(prediction.probabilities, key=prediction.probabilities.get)
    distances = [near["distance"] for near in prediction.neighbours]
    assert distances == sorted(distances) and distances[-1] == prediction.distance and len(distances) == 5
    assert set(prediction.neighbours[0]) == {"distance", *sample_columns()}
    assert prediction.sha256 == hashlib.sha256(Path(new[0]).read_bytes()).hexdigest()
    assert (
        prediction.micrograph.shape == (PIXELS, PIXELS)
        and prediction.occlusion.shape == (32, 32)
        and prediction.cam.ndim == 2
    )


def sample_columns():
    return ("sample", "batch", "y_true", "y_true_value", "growth_seconds", "substrate", "pressure_torr")


def test_a_film_of_the_study_is_its_own_nearest_neighbour(model, study):
    film = study.samples.iloc[3]
    near = predict.predict(film["scan"], model, device="cpu").neighbours[0]
    assert near["sample"] == film["sample"] and near["distance"] < 1e-5
    assert near["growth_seconds"] == film["growth_seconds"]


def unusual(tmp_path):
    """{name: (path, parts of the reasons)} of scans that are unlike the study's."""
    hills = relief()
    return {
        "photograph": (photograph(tmp_path / "photograph.png"), ["in colours", "its width is unknown"]),
        "far": (write_scan(tmp_path / "far.spm", hills, 10000.0), ["it is 10 µm wide, the study's samples 1000 nm"]),
        "coarse": (write_scan(tmp_path / "coarse.spm", relief(16)), ["it has 16 lines", "pixels of 62.5 nm"]),
        "fine": (write_scan(tmp_path / "fine.spm", relief(512)), ["it has 512 lines", "pixels of 1.953 nm"]),
        "noise": (
            write_scan(tmp_path / "noise.spm", np.random.default_rng(0).normal(0, 0.02, (PIXELS, PIXELS))),
            ["a height range of"],
        ),
    }


def test_a_photograph_a_blank_scan_another_size_and_another_resolution_are_out_of_distribution(model, tmp_path):
    for name, (path, parts) in unusual(tmp_path).items():
        prediction = predict.predict(path, model, device="cpu")
        assert prediction.out_of_distribution and prediction.error == "", name
        assert all(any(part in reason for reason in prediction.reasons) for part in parts), (name, prediction.reasons)


def test_a_blank_scan_is_an_error_and_out_of_distribution(model, tmp_path):
    flat = write_scan(tmp_path / "flat.spm", np.zeros((PIXELS, PIXELS)))
    tilted = write_scan(tmp_path / "tilted.spm", np.add.outer(np.arange(PIXELS), np.zeros(PIXELS)) * 1.0)
    Image.new("L", (64, 64), 7).save(tmp_path / "grey.png")
    for path in (flat, tilted, tmp_path / "grey.png"):
        (prediction,) = predict.predict_scans([path], model, "cpu")
        assert (
            prediction.out_of_distribution
            and prediction.reasons == ("its height range is zero",)
            and str(path) in prediction.error
        )
        assert prediction.y_pred is None and prediction.micrograph is None
        with pytest.raises(UserError, match="remove"):
            predict.predict(path, model, device="cpu")


def test_the_width_of_a_picture_can_be_given(model, tmp_path):
    y, x = np.mgrid[0:64, 0:64]
    Image.fromarray(np.uint8(90 + 60 * np.sin(x / 3) * np.cos(y / 4))).save(tmp_path / "p.png")
    unknown, known = (
        predict.predict(tmp_path / "p.png", model, width_nm=wide, device="cpu") for wide in (None, 1000.0)
    )
    assert any("width is unknown" in reason for reason in unknown.reasons)
    assert not any("wide" in reason for reason in known.reasons)
    assert np.isnan(unknown.pixel_size_nm) and known.pixel_size_nm == pytest.approx(1000 / PIXELS)


@pytest.mark.parametrize("wide", [-3, 0, "wide", np.nan, np.inf, True, [1.0]])
def test_a_width_that_is_none_is_a_fault(model, tmp_path, wide):
    Image.fromarray(np.uint8(np.arange(64 * 64).reshape(64, 64) % 251)).save(tmp_path / "p.png")
    with pytest.raises(UserError, match=r"p.png: width_nm is "):
        predict.predict(tmp_path / "p.png", model, width_nm=wide, device="cpu")


def test_names_that_are_not_utf8_are_written_with_their_bytes_escaped(model_path, tmp_path, new):
    model = storage.read(model_path)
    good, bad = (os.fsencode(tmp_path) + name for name in (b"/good\xff.spm", b"/bad\xfe\n.spm"))
    try:
        for path, data in ((good, Path(new[0]).read_bytes()), (bad, b"no scan")):
            with open(path, "wb") as file:
                file.write(data)
    except OSError:
        pytest.skip("this file system takes no such names")
    found = list(predict.predict_scans(sample_sheet.list_scans(tmp_path), model, "cpu"))
    assert [one.scan for one in found] == [f"{tmp_path}/bad\\xfe\\x0a.spm", f"{tmp_path}/good\\xff.spm"]
    assert found[0].error.startswith(found[0].scan) and not found[1].error
    template, index = PROJECT / "workflow" / "report" / "new.html.j2", tmp_path / "new" / "index.html"
    io.write_table(tmp_path / "new.tsv", page.write(found, model, template, index, tmp_path / "new" / "parts"))
    assert io.read_table(tmp_path / "new.tsv")["scan"].tolist() == [os.path.basename(one.scan) for one in found]
    assert all(name in index.read_text("utf-8") for name in ("good\\xff.spm", "<li>bad\\xfe\\x0a.spm: "))
    with pytest.raises(UserError) as error:
        predict.predict(os.fsdecode(bad), model, device="cpu")
    assert str(error.value).startswith(found[0].scan)


@pytest.fixture
def mixed(tmp_path, new):
    """A folder of good scans, bad files, hidden ones, and one in a folder of its own."""
    folder = tmp_path / "mixed"
    (folder / "deeper").mkdir(parents=True)
    for place, path in enumerate(new):
        target = folder / ("deeper" if place == 3 else "") / f"scan{place}.spm"
        target.write_bytes(Path(path).read_bytes())
    (folder / "notes.txt").write_text("grown on Monday\n")
    (folder / "cut.spm").write_bytes(Path(new[0]).read_bytes()[:9000])
    (folder / "empty.spm").touch()
    (folder / ".hidden").write_text("x")
    write_scan(folder / "flat.spm", np.zeros((PIXELS, PIXELS)))
    return folder


def test_a_folder_is_answered_file_by_file_and_bad_ones_get_their_error(model, mixed, monkeypatch):
    monkeypatch.setattr(predict, "BATCH_SIZE", 2)
    found = {
        str(one.scan).rpartition("mixed/")[2]: one
        for one in predict.predict_scans(sample_sheet.list_scans(mixed), model, "cpu")
    }
    names = ["cut.spm", "deeper/scan3.spm", "empty.spm", "flat.spm", "notes.txt", "scan0.spm", "scan1.spm", "scan2.spm"]
    assert list(found) == names
    errors = {name for name, one in found.items() if one.error}
    assert errors == {"cut.spm", "empty.spm", "flat.spm", "notes.txt"}
    assert all(name in found[name].error and "\n" not in found[name].error for name in errors)
    alone = predict.predict(mixed / "scan2.spm", model, device="cpu")
    assert found["scan2.spm"].probabilities == pytest.approx(alone.probabilities, rel=1e-4)
    assert found["scan2.spm"].neighbours[0]["sample"] == alone.neighbours[0]["sample"]


def test_no_more_scans_are_in_memory_than_a_batch(model, new, monkeypatch):
    monkeypatch.setattr(predict, "BATCH_SIZE", 2)
    read = []
    convert = conversion.convert_scan
    monkeypatch.setattr(
        conversion, "convert_scan", lambda path, preprocessing: read.append(path) or convert(path, preprocessing)
    )
    found = predict.predict_scans(new, model, "cpu")
    next(found)
    assert len(read) == 2
    list(found)
    assert read == new


def test_one_bad_file_does_not_take_the_others_with_it(model, new, monkeypatch):
    convert = conversion.convert_scan

    def broken(path, preprocessing):
        if path == new[1]:
            raise MemoryError("no room\nfor it")
        return convert(path, preprocessing)

    monkeypatch.setattr(conversion, "convert_scan", broken)
    found = list(predict.predict_scans(new, model, "cpu"))
    assert [bool(one.error) for one in found] == [False, True, False, False]
    assert found[1].error.endswith("MemoryError: no room for it")


def test_a_bad_file_a_missing_one_and_a_wrong_model_raise(model, weights_path, tmp_path, new):
    (tmp_path / "empty.spm").touch()
    with pytest.raises(UserError, match="the file is empty"):
        micrograph.predict(tmp_path / "empty.spm", model)
    with pytest.raises(UserError, match="no such file"):
        micrograph.predict(tmp_path / "none.spm", model)
    with pytest.raises(UserError, match="not a final model"):
        micrograph.predict(new[0], weights_path)


def test_the_table_has_a_row_a_file_and_a_column_a_class(model, mixed):
    rows = [predict.row(one, TARGET) for one in predict.predict_scans(sample_sheet.list_scans(mixed), model, "cpu")]
    frame = predict.table(rows, TARGET)
    assert frame.columns[:8].tolist() == [
        *("scan", "error", "out_of_distribution", "reasons", "y_pred", "p_900", "p_950", "p_1000")
    ]
    good = frame[frame["error"] == ""]
    assert len(good) == 4 and len(frame) == 8
    np.testing.assert_allclose(good[["p_900", "p_950", "p_1000"]].sum(axis=1), 1, atol=0.002)
    assert set(" ".join(good["set"]).split()) <= {"900", "950", "1000"}
    checked, constant = model.facts["checked"], model.facts["constant"]
    assert set(good["constant_set"]) == {" ".join(map(str, constant["classes"]))}
    for name, fact in (("set", "covered"), ("interval", "within")):
        assert set(good[f"constant_{name}_covered_pct"]) == {round(100 * checked[f"constant_{fact}_by_day"][0], 1)}
    limits = good[["constant_low", "constant_high"]].to_numpy()
    np.testing.assert_allclose(limits, [constant["interval"]] * 4, atol=0.05)
    assert good["Sq"].gt(0).all() and (good["low"] >= 900).all() and (good["high"] <= 1000).all()
    assert (good[[f"neighbour_{place}" for place in range(1, 6)]] != "").all(axis=None)
    assert (frame.loc[frame["error"] != "", "y_pred"] == "").all()
    flat = frame[frame["scan"].str.endswith("flat.spm")].iloc[0]
    assert flat["out_of_distribution"] == "yes" and flat["reasons"] == "its height range is zero"


def test_endless_intervals_are_empty_cells(model, new):
    facts = model.facts | {"calibration": model.facts["calibration"] | {"reach": None, "set_limit": None}}
    endless = storage.FinalModel(model.network, model.backbone, facts, model.embeddings, model.images)
    prediction = predict.predict(new[0], endless, device="cpu")
    assert prediction.low == -np.inf and prediction.prediction_set == tuple(CLASSES)
    frame = predict.table([predict.row(prediction, TARGET)], TARGET)
    assert frame[["low", "high"]].isna().all(axis=None)


def test_the_command_prints_a_prediction_and_fails_where_a_file_is_no_scan(new, model_path, tmp_path, capsys):
    assert cli.main(["predict", str(new[0]), "--model", str(model_path), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{predict.predict(new[0], model_path, device='cpu')}\n"
    shutil.copy(new[0], tmp_path / "a.spm")
    (tmp_path / "b.spm").write_text("no scan", encoding="utf-8")
    out = f"{tmp_path}-new"
    arguments = ["predict", str(tmp_path), "--model", str(model_path), "--out", out, "--device", "cpu"]
    assert cli.main(arguments) == 1
    table = io.read_table(f"{out}/predictions.tsv")
    assert table["error"].notna().tolist() == [False, True] and os.path.isfile(f"{out}/index.html")
    with pytest.raises(SystemExit, match="exists and is kept"):
        cli.main(arguments)


def test_a_scan_that_the_model_was_trained_on_is_recognised_by_its_checksum(model, new):
    (first,) = predict.predict_scans([new[0]], model, "cpu")
    assert first.trained_on == ""
    films = model.facts["films"] | {
        "source_sha256": ["other", first.sha256, *[""] * len(model.facts["films"]["sample"])]
    }
    (known,) = predict.predict_scans([new[0]], dataclasses.replace(model, facts=model.facts | {"films": films}), "cpu")
    assert known.trained_on == films["sample"][1] and f"trained on this scan ({known.trained_on})" in str(known)
    assert known.trained_on in known.answer[2]


def test_an_interval_ends_at_what_was_grown_with_the_reason():
    films = [900, 950, 1000]
    assert predict._interval(950.0, 20.0, films, TARGET) == {"value": 950, "low": 930, "high": 970, "interval_end": ""}
    found = predict._interval(990.0, 30.0, films, TARGET)
    assert (found["low"], found["high"]) == (960, 1000) and "ends at 1000 °C" in found["interval_end"]
    # Of bins the value, a mean of their middles, may lie beyond what was grown: an interval is never upside down.
    minutes = Target.from_config({"column": "growth_minutes", "bins": [0, 10, 20, 30]})
    found = predict._interval(25.0, 1.0, [2.0, 12.0, 22.0], minutes)
    assert (found["low"], found["high"]) == (22, 22) and "ends at 22 min" in found["interval_end"]


def test_a_value_without_a_unit_is_a_bare_number():
    ratio = Target.from_config({"column": "ratio", "classes": [-2, -1, 1.5]})
    constant = predict.Constant((-2, -1), -2, 1.5, 0.9, 0.9)
    one = predict.Prediction(
        "a.spm", target=ratio, y_pred=-1, probabilities={-2: 0.2, -1: 0.5, 1.5: 0.3}, prediction_set=(-2, -1),
        value=-0.5, low=-1.0, high=0.2, coverage=0.9, constant=constant,
    )  # fmt: skip
    assert "interval -1.0 to 0.2 (without the scan: -2 to 1.5, covers 90 %)" in str(one)


def test_in_a_notebook_a_prediction_is_short_and_nothing_is_printed(model, new, capsys):
    prediction = predict.predict(new[1], model, device="cpu")
    assert capsys.readouterr() == ("", "")
    assert len(repr(prediction)) < 120 and os.path.basename(new[1]) in repr(prediction)
    html = prediction._repr_html_()
    assert "data:image/png;base64," in html and str(prediction.y_pred) in html or prediction.out_of_distribution
    failed = predict.Prediction("<b>.spm", error="<b>.spm: not a scan")
    assert "<b>" not in failed._repr_html_() and "not a scan" in repr(failed)


def test_the_terminal_shows_file_answer_set_and_flags_and_the_page(tmp_path):
    made = [
        predict.Prediction("a.spm", y_pred=950, prediction_set=(900, 950), cautions=("Few films.",)),
        predict.Prediction("odd.spm", y_pred=950, out_of_distribution=True, reasons=("far",), trained_on="s1"),
        predict.Prediction("none.spm", error="none.spm: empty"),
    ]
    table = predict.table([predict.row(one, TARGET) for one in made], TARGET)
    lines = new_scans.summary(table, tmp_path / "index.html", "°C")
    assert [line.split(maxsplit=1)[0] for line in lines[:4]] == ["file", "a.spm", "odd.spm", "none.spm"]
    assert "950 °C" in lines[1] and "900, 950" in lines[1]
    assert "950" not in lines[2] and "out of distribution; trained on (s1)" in lines[2] and "not read" in lines[3]
    assert lines[4:6] == ["none.spm: empty", "Caution: Few films."] and str(tmp_path / "index.html") in lines[-1]


def test_large_numbers_of_a_table_read_from_its_file_keep_their_digits(tmp_path):
    pressure = Target.from_config({"column": "pressure_pa", "unit": "Pa", "classes": [1013250, 2026500]})
    one = predict.Prediction(
        "a.spm", target=pressure, y_pred=1013250, probabilities={1013250: 0.6, 2026500: 0.4}, prediction_set=(1013250,)
    )
    io.write_table(tmp_path / "predictions.tsv", predict.table([predict.row(one, pressure)], pressure))
    lines = new_scans.summary(io.read_table(tmp_path / "predictions.tsv"), tmp_path / "index.html", "Pa")
    assert "1013250 Pa  1013250" in lines[1]
