"""What in a sheet may be wrong without being an error."""

import datetime

import numpy as np
import pandas as pd
import pytest

from micrograph.scans import hazards
from micrograph.simulation import nanoscope_writer
from micrograph.target import Target


@pytest.fixture
def scan(tmp_path):
    """scan(name): the path of a NanoScope file whose header says that it was scanned on 15 December 2021."""

    def write(name):
        date = f"{datetime.datetime(2021, 12, 15, 4, 49, 10):%I:%M:%S %p %a %b %d %Y}"
        heights = np.random.default_rng(1).random((16, 16))
        frame = nanoscope_writer.Frame(1000, 1000, 16, date=date, line_rate_hz=1, rotation_degrees=0)
        channels = [nanoscope_writer.Channel("Height Sensor", "Trace", heights)]
        nanoscope_writer.write(tmp_path / name, channels, frame, "0x09400202")
        return str(tmp_path / name)

    return write


def sheet(*rows):
    return pd.DataFrame(rows, columns=["sample", "batch", "scan"])


def test_a_batch_that_is_the_day_of_the_scan_looks_guessed(scan):
    rows = sheet(("a", "2021-12-15", scan("a.spm")), ("b", "growth 7", scan("b.spm")))
    (sentence,) = hazards.find(rows)
    assert sentence.startswith("The batch of 1 of 2 scans is the day of the scan (a)")


def test_fields_of_view_that_count_as_films_of_their_own_are_named(scan):
    rows = sheet(
        *((name, "growth 7", scan(f"{name}.spm")) for name in ("x_500nm", "x_1um", "x_center", "y-01", "y-02"))
    )  # as in film_names, x_center is a film's place; sizes are not, since they may be its thickness
    (sentence,) = hazards.find(rows)
    assert "x_500nm, x_1um, x_center." in sentence and "y-01" not in sentence
    (sentence,) = hazards.find(rows.assign(film=["x", "x", "x", "y1", "y2"]))
    assert sentence == "Films with several scans: 1 (x); each counts as one film."


def test_scans_are_of_one_film_where_the_names_of_films_say_so(scan, tmp_path):
    (tmp_path / "other").mkdir()
    names = ("film1_center.0_00001", "film1_edge.0_00002", "film1_edge.0_00002_flat", "other/film1_center.0_00003")
    rows = sheet(*((f"s{place}", "growth 7", scan(f"{name}.spm")) for place, name in enumerate(names)))
    (sentence,) = hazards.find(rows)
    assert "s0, s1, s2." in sentence and "s3" not in sentence  # another folder has films of its own
    labelled = [f"{folder}MCV1-211201A-01_{place}.spm" for folder, place in (("", "c"), ("other/", "e"))]
    (sentence, *_) = hazards.find(sheet(*((name, "growth 7", scan(name)) for name in labelled)))
    assert ", ".join(labelled) in sentence


def test_a_name_with_another_day_than_the_header_is_a_contradiction(scan):
    later, earlier = scan("2021-12-16 film.spm"), scan("2021-12-01 film.spm")
    (sentence,) = hazards.find(sheet(("a", "day", later), ("b", "day", earlier)))
    assert "a (name 2021-12-16, header 2021-12-15)" in sentence and "b (" not in sentence


def test_labels_hold_the_growth_day_and_missing_files_say_nothing(scan, tmp_path):
    label = "MCV1-211216A-01"
    (sentence,) = hazards.find(sheet((label, "MCV1-211216A", scan(f"{label}.spm"))))
    assert f"{label} (name 2021-12-16, header 2021-12-15)" in sentence
    assert hazards.find(sheet(("a", "2021-12-15", str(tmp_path / "none.spm")))) == []


def test_classes_of_few_growth_days_are_named_with_their_films_and_days():
    target = Target.from_config({"column": "growth_celsius", "classes": [900, 950]})
    rows = [(f"a{film}", f"day {film // 2}", f"a{film}.spm", 900) for film in range(5)]
    rows += [(f"b{film}", f"day {film}", f"b{film}.spm", 950) for film in range(hazards.FEW_DAYS)]
    samples = pd.DataFrame(rows, columns=["sample", "batch", "scan", "y_true"])
    (sentence,) = hazards.find(samples, target)
    assert "900 °C: 5 on 3." in sentence and "950" not in sentence
    assert hazards.find(samples) == []
    (sentence,) = [text for text in hazards.find(samples.assign(film="one"), target) if "Classes" in text]
    assert "900 °C: 1 on 3." in sentence
