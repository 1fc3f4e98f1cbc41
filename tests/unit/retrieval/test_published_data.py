"""From pickles to pictures and a sheet: what is used, under which name, and why the rest is not."""

import io as bytes_io
import pickle
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from micrograph import io
from micrograph.errors import UserError
from micrograph.retrieval import published_data
from micrograph.scans import rendering, sample_sheet
from tables_of_films import COLUMNS, TARGET

CLASSES = [900, 950, 1000]


def greys(seed, top=255.0):
    """A picture of greys from 0 to `top`, each of which occurs."""
    values = np.linspace(0, top, 224 * 224)
    return np.random.default_rng(seed).permutation(values).reshape(224, 224)


def entry(label="MCV1-210405a-07", number=1, seed=None, **more):
    told = {"sampleLabel": label, "sampleId": number, "image": greys(number if seed is None else seed)}
    return told | {"T": 950, "time": 600, "substrate": "c-Sapphire"} | more


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Function that writes {name: content} as pickles and gives back what published_data.make_samples makes of them."""
    monkeypatch.chdir(tmp_path)

    def made(contents, **more):
        fetched = {}
        for name, content in contents.items():
            path = tmp_path / name
            path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
            fetched[f"zenodo 1/{name}"] = path
        return published_data.make_samples(fetched, TARGET, "store", **more)

    return made


def reasons(left_out):
    return list(left_out["reason"])


def test_every_film_becomes_a_picture_and_a_row_that_the_workflow_takes(made, tmp_path):
    told = [entry(), entry("MCV1-210406b-01", 2, T=1000.0, time=None, substrate=None)]
    told.append(entry("lab film", 3, T="900 °C", time="10 min"))
    sheet, left_out = made({"all.pkl": told}, excluded=[{"source": "zenodo 1", "what": "a.md", "reason": "no"}])
    assert left_out.to_dict("records") == [{"source": "zenodo 1", "what": "a.md", "reason": "no"}]
    io.write_table(tmp_path / "samples.tsv", sheet)
    read = sample_sheet.read(tmp_path / "samples.tsv", COLUMNS).set_index("sample")
    assert list(read.index[:2]) == ["MCV1-210405a-07", "MCV1-210406b-01"] and read.index[2].startswith("lab_film-3-")
    assert list(read["growth_celsius"]) == [950, 1000, 900]
    assert list(read["batch"]) == ["MCV1-210405", "MCV1-210406", "lab film"]
    assert list(read["growth_seconds"].fillna(0)) == [600, 0, 600]
    assert list(read["substrate"]) == ["c-Sapphire", "", "c-Sapphire"] and set(read["width_nm"]) == {1000}
    for scan, number in zip(read["scan"], (1, 2, 3), strict=True):
        np.testing.assert_array_equal(rendering.read_png(scan), np.floor(greys(number) + 0.5))
        assert scan.startswith("store/films/")


def test_greys_of_0_to_1_and_of_0_to_255_become_the_same_picture(made, capsys):
    for image in (greys(1, 1.0), greys(1).astype(np.float32), greys(1).tolist()):
        sheet, _ = made({"a.pkl": [entry(image=image)]})
        np.testing.assert_array_equal(rendering.read_png(sheet["scan"][0]), np.floor(greys(1) + 0.5))
    said = capsys.readouterr().out
    assert said.count("read as 0..1") == 1 and said.count("read as 0..255") == 2


def test_the_scale_is_that_of_the_file_and_not_of_one_picture(made):
    dim = greys(2, 0.4)
    sheet, _ = made({"a.pkl": [entry(image=greys(1, 1.0)), entry("MCV1-210406a-01", 2, image=dim)]})
    np.testing.assert_array_equal(rendering.read_png(sheet["scan"][1]), np.floor(dim * 255 + 0.5))
    sheet, left_out = made({"a.pkl": [entry(), entry("MCV1-210406a-01", 2, image=dim)]})
    assert len(sheet) == 1 and "of another scale than the rest of its file" in reasons(left_out)[0]


@pytest.mark.parametrize("peak", [1.5, 20.0, 300.0, 65535.0])
def test_greys_of_any_other_scale_are_refused(made, peak):
    words = re.escape(f"the brightest pixel is {peak:.4g}, so its grey values are neither 0..1 nor 0..255.") + "$"
    with pytest.raises(UserError, match=words):
        made({"a.pkl": [entry(image=greys(1, peak))]})


ENDLESS = []
for _ in range(60):  # 2 ** 60 numbers, in lists that are there twice
    ENDLESS = [ENDLESS, ENDLESS]
UNFIT = {
    "growth temperature 850 °C, which is not one of the classes 900, 950, 1000": {"T": 850},
    "sampleLabel, sampleId or T is empty or not a number": {"T": "hot"},
    "its sampleLabel, sampleId or T is empty or not a number": {"sampleLabel": " "},
    "its image is not an array of finite numbers": {"image": np.where(greys(2) > 254, np.nan, greys(2))},
    "its image is not an array": {"image": "image.png"},
    "its image is not an array ": {"image": ENDLESS},
    "its image is not an array of finite": {"image": [[10**400] * 224] * 224},
    "its sampleLabel": {"sampleLabel": 2**2000, "T": [900]},
    "its image has the shape (224, 223), not (224, 224)": {"image": greys(2)[:, 1:]},
    "its image has the shape (1, 224, 224), not (224, 224)": {"image": greys(2)[None]},
    "its image has negative grey values, down to -3": {"image": greys(2) - 3},
    "its image is black, uniform": {"image": np.full((224, 224), 7.0)},
    "has no sampleId and no T": {"sampleId": None, "T": None},
    "has no image": {"image": None},
}


@pytest.mark.parametrize(("reason", "change"), UNFIT.items(), ids=list(UNFIT))
def test_what_cannot_be_used_is_listed_with_its_reason(made, reason, change):
    sheet, left_out = made({"a.pkl": [entry(), entry("MCV1-210406a-01", 2) | change]})
    assert list(sheet["sample"]) == ["MCV1-210405a-07"]
    row = left_out.iloc[0]
    assert row["source"] == "zenodo 1/a.pkl" and row["what"].startswith("entry 2") and reason in row["reason"]


def test_one_picture_a_film_is_used_the_first(made):
    train = [entry(), entry(seed=5), entry("MCV1-210406a-01", 2)]
    test = [entry(), entry(number=1.0, seed=6), entry("MCV1-210407a-01", 9, seed=2)]
    sheet, left_out = made({"b_test.pkl": test, "a_train.pkl": train})
    assert list(sheet["sample"]) == ["MCV1-210405a-07", "MCV1-210406a-01"]
    np.testing.assert_array_equal(rendering.read_png(sheet["scan"][0]), np.floor(greys(1) + 0.5))
    for reason, words in zip(reasons(left_out), ("another", "same", "another", "same"), strict=True):
        assert f"{words} image" in reason and "in zenodo 1/a_train.pkl" in reason


def test_labels_of_several_films_are_distinguished_by_their_numbers(made):
    told = [entry("x", 1), entry("x", 2), entry("X", 3), entry("a b", 4), entry("a_b", 5), entry("ok", 6)]
    sheet, _ = made(
        {"a.pkl": told + [entry("../../etc/passwd", 7), entry("a-1", 8), entry("a", "1-1", seed=10), entry("A-1", 9)]}
    )
    names = list(sheet["sample"])
    assert {"x-1", "x-2", "X-3", "a_b", "ok"} <= set(names)
    assert len({name.casefold() for name in names}) == 10 and all(map(sample_sheet.FILE_NAME.fullmatch, names))
    assert all(scan.startswith("store/films/") and ".." not in scan for scan in sheet["scan"])


def test_the_order_of_files_changes_nothing_and_an_array_of_dicts_is_a_list(made):
    contents = {f"{name}.pkl": [entry(f"s{n}", n, seed=n % 4) for n in range(k, k + 4)] for k, name in enumerate("abc")}
    contents["d.pkl"] = np.array([entry(), entry("MCV1-210406a-01", 2)], dtype=object)
    tables = [made(dict(sorted(contents.items(), reverse=way))) for way in (False, True)]
    assert "MCV1-210406a-01" in list(tables[0][0]["sample"]) + list(tables[0][1]["what"].str.slice(9, -1))
    for one, other in zip(*tables, strict=True):
        assert one.equals(other)


def test_files_that_are_not_lists_of_films_are_left_out_whole(made):
    contents = {
        "a.pkl": [entry()],
        "b.pkl": b"cos\nsystem\n(S'touch owned'\ntR.",
        "c.pkl": {"svc": [1, 2]},
        "d.pkl": [1, 2],
        "e.pkl": b"<html>",
        "f.pkl": [{"sampleLabel": "x"}],
    }
    sheet, left_out = made(contents)
    assert len(sheet) == 1
    assert list(left_out["what"]) == ["the whole file"] * 5
    for reason, words in zip(
        reasons(left_out),
        ("names os.system", "not a list of samples", "not a list", "damaged", "no images"),
        strict=True,
    ):
        assert words in reason
    with pytest.raises(UserError, match="no image that can be used; most often: .*not a list of samples"):
        made({"c.pkl": contents["c.pkl"]})


ROWS = [entry(), entry("MCV1-210406a-01", 2, T=1000.0), entry("MCV1-210406a-01", 2, seed=3, T=1000.0)]
NAMES = list(ROWS[0])
FORMS = {
    "list of dicts": ROWS,
    "dict of lists": {name: [row[name] for row in ROWS] for name in NAMES},
    "dict of arrays": {name: np.array([row[name] for row in ROWS]) for name in NAMES},
    "data frame": pd.DataFrame(ROWS),
    "data frame with an index": pd.DataFrame(ROWS).set_index("sampleId"),
    "dict of data frames": {"train": pd.DataFrame(ROWS[:1]), "test": pd.DataFrame(ROWS[1:])},
    "dict of samples": {row["sampleLabel"] + str(place): row for place, row in enumerate(ROWS)},
    "tuple of lists": (ROWS[:1], ROWS[1:]),
    "other spellings": [{"sample_label" if name == "sampleLabel" else name: row[name] for name in row} for row in ROWS],
}


@pytest.mark.parametrize("content", FORMS.values(), ids=list(FORMS))
def test_lists_tables_and_several_of_them_are_the_same_samples(made, content):
    sheet, left_out = made({"MoS2_Analysis_Processed_Data2": content})
    assert list(sheet["sample"]) == ["MCV1-210405a-07", "MCV1-210406a-01"] and list(sheet["growth_celsius"]) == [
        950,
        1000,
    ]
    np.testing.assert_array_equal(rendering.read_png(sheet["scan"][1]), np.floor(greys(2) + 0.5))
    assert len(left_out) == 1 and "another image" in reasons(left_out)[0]


def test_images_get_their_conditions_from_a_table_by_sample_id(made):
    images = {name: [row[name] for row in ROWS] for name in ("sampleLabel", "sampleId", "image")}
    images["T"] = [float("nan")] * 3
    targets = pd.DataFrame({"sampleId": [2, 2, 1, 7], "T": [1000, 900, 950, 950], "time": [60.0, 120, np.nan, 60]})
    sheet, left_out = made({"images": images, "targets": targets})
    assert list(sheet["growth_celsius"]) == [950, 1000]  # of several rows the first
    assert sheet["growth_seconds"].tolist()[1] == 60 and np.isnan(sheet["growth_seconds"][0])
    assert list(left_out["what"]) == ["entry 3 (MCV1-210406a-01)", "1 entries"]
    sheet, left_out = made({"images": images, "targets": targets[:2]})
    assert list(sheet["sample"]) == ["MCV1-210406a-01"] and "has no T" in reasons(left_out)[0]


def test_lists_that_do_not_match_are_not_matched(made):
    labels = {name: [row[name] for row in ROWS[:2]] for name in ("sampleLabel", "sampleId", "T")}
    with pytest.raises(UserError, match="sampleLabel 2, sampleId 2, T 2, image 3"):
        made({"a": labels | {"image": [row["image"] for row in ROWS]}})


def test_augmented_copies_are_no_micrographs(made):
    sheet, left_out = made({"Aug1": [entry(seed=9, image_sno=0), entry("x", 2, image_sno=1)], "Data2": [entry()]})
    assert list(sheet["sample"]) == ["MCV1-210405a-07"] and all("augmented" in reason for reason in reasons(left_out))
    np.testing.assert_array_equal(rendering.read_png(sheet["scan"][0]), np.floor(greys(1) + 0.5))


def test_archives_are_looked_into_and_the_rest_of_them_is_named(made):
    packed = bytes_io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../Data/MoS2_Analysis_Processed_Data2", pickle.dumps(ROWS))
        archive.writestr("README.md", "# read me")
    sheet, left_out = made({"data": packed.getvalue()})
    assert len(sheet) == 2 and sheet["scan"].str.startswith("store/films/MCV1-").all()
    assert list(left_out["source"])[0] == "zenodo 1/data/../Data/MoS2_Analysis_Processed_Data2"
    assert list(left_out["source"])[1] == "zenodo 1/data/README.md" and left_out["what"][1] == "the whole file"
