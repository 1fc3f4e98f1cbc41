"""The page on new scans: whole, self-contained, true to the predictions."""

import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from micrograph.prediction import page, predict, storage
from micrograph.scans import sample_sheet
from project import PROJECT

from .conftest import simulate_scans

TEMPLATE = PROJECT / "workflow" / "report" / "new.html.j2"


@pytest.fixture(scope="module")
def stored(model_path):
    """The final model as it is read."""
    return storage.read(model_path)


@pytest.fixture(scope="module")
def predictions(stored, tmp_path_factory):
    """Predictions of three films and two bad files, one of them with a name that HTML could trip over."""
    folder = tmp_path_factory.mktemp("new")
    paths = simulate_scans(folder, 3, 3, seed=12)["scan"].tolist()
    (folder / "<b>&.txt").write_text("no scan")
    (folder / "empty.spm").touch()
    return list(predict.predict_scans([*paths, folder / "<b>&.txt", folder / "empty.spm"], stored, "cpu"))


@pytest.fixture
def written(predictions, stored, tmp_path):
    frame = page.write(predictions, stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    return tmp_path, (tmp_path / "index.html").read_text(encoding="utf-8"), frame


def test_the_page_has_every_prediction(written, predictions):
    _, text, frame = written
    assert len(frame) == 5
    for one in predictions[:3]:
        card = text[text.index(f'id="scan-{predictions.index(one) + 1}"') :]
        card = card[: card.index("</article>")]
        assert (f"</small>{one.y_pred} °C" in card) != one.out_of_distribution
        assert f"{one.low:.0f} to {one.high:.0f} °C" in card
        assert " or ".join(f"{each} °C" for each in one.prediction_set) in card
        constant = one.constant
        assert f"without the scan: {' or '.join(f'{each} °C' for each in constant.prediction_set)}, covers" in card
        assert f"{constant.low:g} to {constant.high:g} °C, covers {100 * constant.interval_covered:.0f} %" in card
        assert all(f"{100 * value:.0f} %" in card for value in one.probabilities.values())
        assert all(near["sample"] in card for near in one.neighbours)
        assert ("<strong>Out of distribution" in card) == one.out_of_distribution
    assert "5 files: 3 scans predicted" in text and "2 could not be read" in text


def test_bad_files_are_listed_with_their_error_and_no_markup_of_theirs(written):
    _, text, _ = written
    assert "empty.spm: the file is empty" in text
    assert "<b>&" not in text and "&lt;b&gt;&amp;.txt" in text


def test_every_image_exists_and_nothing_is_loaded_from_elsewhere(written):
    folder, text, _ = written
    sources = re.findall(r'src="([^"]+)"', text)
    assert sources and all((folder / source).is_file() for source in sources)
    links = re.findall(r'href="(parts/[^"]+)"', text)
    assert {link.rpartition(".")[2] for link in links} >= {"pdf", "svg", "png"} and 'href="predictions.tsv"' in text
    assert {f"parts/{path.name}" for path in (folder / "parts").iterdir()} == {*sources, *links}
    assert not re.findall(r"https?://|<script", text)
    assert "default-src 'none'" in text


def test_cautions_about_the_model_are_on_the_page_and_in_every_row_of_the_table(predictions, stored, written, tmp_path):
    few = "Too few films to conclude: 9 growth days, at least 12 are needed."
    assert few in written[1] and (written[2].loc[written[2]["error"] == "", "caution"] == few).all()
    time = {"numbers": [], "cautions": ["Time <is> suspect."], "rule": ""}
    doubted = replace(stored, facts=stored.facts | {"time": time, **model_of_many_films(stored.facts)})
    made = predict.predict(predictions[0].scan, doubted, device="cpu")
    frame = page.write([made], doubted, TEMPLATE, tmp_path / "t" / "index.html", tmp_path / "t" / "parts")
    assert frame["caution"].tolist() == ["Time <is> suspect."]
    assert "Time &lt;is&gt; suspect." in (tmp_path / "t" / "index.html").read_text(encoding="utf-8")


def model_of_many_films(facts):
    """The facts that say of how many films and days."""
    return {"cross_validated": facts["cross_validated"] | {"batches": 44}, "discordant": 30}


def test_simulated_films_are_named_where_they_were_used_and_nowhere_else(predictions, stored, written, tmp_path):
    assert "trained on simulated films" in written[1]
    real = replace(stored, facts=stored.facts | {"data": "real films"})
    page.write(predictions, real, TEMPLATE, tmp_path / "r" / "index.html", tmp_path / "r" / "parts")
    assert "simulated" not in (tmp_path / "r" / "index.html").read_text(encoding="utf-8")


def test_many_scans_go_on_over_pages_that_link_each_other(predictions, stored, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "CARDS_PER_PAGE", 2)
    page.write(predictions, stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    first, second = (
        (tmp_path / "index.html").read_text("utf-8"),
        (tmp_path / "parts" / "page_2.html").read_text("utf-8"),
    )
    assert 'href="parts/page_2.html"' in first and 'href="../index.html"' in second
    assert first.count("<article") == 2 and second.count("<article") == 1
    assert all((tmp_path / "parts" / name).is_file() for name in re.findall(r'src="([^"]+)"', second))
    assert "empty.spm" in first and "empty.spm" not in second


def test_the_same_predictions_give_the_same_bytes(predictions, stored, written, tmp_path):
    other = tmp_path / "again"
    page.write(predictions, stored, TEMPLATE, other / "index.html", other / "parts")
    for path in sorted(written[0].glob("parts/*")):
        assert path.read_bytes() == (other / "parts" / path.name).read_bytes()
    assert written[1] == (other / "index.html").read_text(encoding="utf-8")


def test_a_page_of_bad_files_alone_still_explains_itself(predictions, stored, tmp_path):
    frame = page.write(predictions[3:], stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(frame) == 2 and "0 scans predicted" in text and "How to read this" in text


def test_no_map_is_drawn_where_its_flag_is_set(predictions, stored, tmp_path):
    blank = replace(predictions[0], cam=predictions[0].cam * 0, cam_flag="all zero")
    page.write([blank], stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "not drawn (all zero)" in text and not (tmp_path / "parts" / "0001_cam.png").exists()


def test_films_with_several_scans_have_the_mean_of_their_scans_and_copies_do_not_count(stored, tmp_path):
    folder = tmp_path / "new"
    paths = simulate_scans(folder, 4, 4, seed=12)["scan"].tolist()
    named = ["A1_center.0_00001.spm", "A1_edge.0_00001.spm", "B1_center.spm", "C1_center.0_00001.spm"]
    for path, name in zip(paths, named, strict=True):
        os.rename(path, folder / name)
    for copied, name in ((named[0], "A1_center_flat.spm"), (named[3], "C1_center.0_00001Proc.spm")):
        shutil.copy(folder / copied, folder / name)
    made = list(predict.predict_scans(sorted(folder.glob("*.spm")), stored, "cpu"))
    (film,) = predict.predict_films(made, stored)
    scans = {one.scan.rpartition("/")[2]: one for one in made}
    both = [scans[name] for name in named[:2]]
    assert (film.film, film.n_scans) == ("A1", 2)
    powers = np.mean([one.scores for one in both], axis=0) ** (1 / stored.facts["calibration"]["temperature"])
    assert list(film.probabilities.values()) == pytest.approx(list(powers / powers.sum()))
    assert film.value == pytest.approx(sum(name * part for name, part in film.probabilities.items()))
    temperatures = [one.value for one in both]
    assert film.spread == pytest.approx(abs(temperatures[0] - temperatures[1]) / 2**0.5)
    frame = page.write(made, stored, TEMPLATE, tmp_path / "index.html", tmp_path / "parts")
    assert frame["film"].tolist() == ["A1"] * 3 + ["B1"] + ["C1"] * 2 + ["A1"]
    assert frame["n_scans"].tolist() == [1] * 6 + [2] and frame["scan"].iloc[-1] == ""
    assert "Films with several scans" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_sheet_says_which_scans_are_of_one_film_against_their_names(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = simulate_scans(tmp_path / "new", 4, 4, seed=12)["scan"].tolist()
    for path, name in zip(paths, ("A1_center.spm", "A1_edge.spm", "x.spm", "y.spm"), strict=True):
        os.rename(path, tmp_path / "new" / name)
    (tmp_path / "new.tsv").write_text(
        "scan\tsample\nnew/A1_center.spm\tF1\nnew/x.spm\tF1\nnew/A1_edge.spm\tF2\n", encoding="utf-8"
    )
    made = list(predict.predict_scans(sample_sheet.list_new_scans("new.tsv"), stored, "cpu"))
    assert [(one.scan, one.film) for one in made] == [
        ("new/A1_center.spm", "F1"), ("new/x.spm", "F1"), ("new/A1_edge.spm", "F2"),
    ]  # fmt: skip
    (film,) = predict.predict_films(made, stored)
    assert (film.film, film.n_scans) == ("F1", 2)
    by_name = predict.predict_films(predict.predict_scans(sample_sheet.list_new_scans("new"), stored, "cpu"), stored)
    assert [(one.film, one.n_scans) for one in by_name] == [("A1", 2)]


def test_a_sheet_gives_width_and_unit_of_files_that_do_not_state_them(stored, tmp_path):
    rng = np.random.default_rng(2)
    picture = tmp_path / "picture.png"
    Image.fromarray(rng.integers(0, 255, (96, 96), dtype=np.uint8)).save(picture)
    (tmp_path / "new.csv").write_text(f"scan,sample,width_nm\n{picture},F1,640\n", encoding="utf-8")
    alone, of_sheet = (
        next(predict.predict_scans(sample_sheet.list_new_scans(path), stored, "cpu"))
        for path in (picture, tmp_path / "new.csv")
    )
    assert np.isnan(alone.measures["width_nm"]) and of_sheet.measures["width_nm"] == 640
    assert alone.sha256 == of_sheet.sha256


@pytest.mark.parametrize(("method", "expected"), [("mean", 950), ("majority", 900)])
def test_the_class_of_a_film_follows_the_config_of_the_study(predictions, stored, method, expected):
    """Two scans are just in favour of 900, the third is sure of 950."""
    facts = stored.facts | {"film_score": method, "calibration": stored.facts["calibration"] | {"temperature": 1.0}}
    rng, scores = np.random.default_rng(0), [(0.5, 0.45, 0.05), (0.5, 0.45, 0.05), (0.0, 1.0, 0.0)]
    scans = [
        replace(
            predictions[0], scan=f"new/A1_{place}.spm", scores=each, y_pred=[900, 950][each[1] > 0.5],
            fingerprint=rng.integers(-9, 9, predictions[0].fingerprint.shape).astype(np.int8),
        )
        for place, each in zip(("center", "edge", "corner"), scores, strict=True)
    ]  # fmt: skip
    (film,) = predict.predict_films(scans, replace(stored, facts=facts))
    assert (film.n_scans, film.y_pred) == (3, expected)
    assert list(film.probabilities.values()) == pytest.approx([1 / 3, 1.9 / 3, 0.1 / 3], abs=1e-5)
