"""The real workflow with the study's own form of data, from an archive on loopback that has its bad days."""

import hashlib
import pickle

import numpy as np
import pandas as pd
import pytest
import yaml

import loopback
from loopback import Answer
from project import SMOKE, Study

TEMPERATURES = (900, 950, 1000)


def entry(number):
    label = f"MCV1-2105{1 + number // 3:02d}{'ABC'[number % 3]}-NT"
    image = np.random.default_rng(number).uniform(0, 255, (224, 224))
    fields = {"sampleLabel": label, "sampleId": number, "image": image, "T": TEMPERATURES[number % 3]}
    return fields | {"time": 600 + number, "substrate": "c-Sapphire"}


class Hostile:
    """What writes a file when a careless reader unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def archive(tmp_path):
    """A server that holds a record of fifteen films, one grown at another temperature, and a pickle that runs code."""
    films = [entry(number) for number in range(15)]
    films[14]["T"] = 700
    stored = {"films.pkl": pickle.dumps(films), "trap.pkl": pickle.dumps(Hostile(tmp_path / "run")), "notes.md": b"#"}
    with loopback.running() as web:
        listed = []
        for name, body in stored.items():
            link = f"{web.url}/api/records/7/files/{name}/content"
            checksum = f"md5:{hashlib.md5(body, usedforsecurity=False).hexdigest()}"
            listed.append({"key": name, "size": len(body), "checksum": checksum, "links": {"self": link}})
            web.say(
                f"/api/records/7/files/{name}/content",
                Answer(body, cut_after=1000, etag='"1"'),
                Answer(body, etag='"1"'),
            )
        web.say("/api/records/7", Answer(status=503, headers={"Retry-After": "0"}), {"files": listed})
        yield web


def study_of(folder, url):
    folder.mkdir()
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["scans"] |= {"source": "zenodo", "scans_per_shard": 7}
    settings["zenodo"] |= {"url": url, "records": [7]}
    return Study(folder, settings)


def test_the_archives_films_are_fetched_read_without_running_them_and_studied(archive, tmp_path):
    study = study_of(tmp_path / "study", archive.url)
    assert "retrieve_zenodo" in study.run("-n"), "the whole study is planned before anything is known of the archive"
    assert archive.asked() == []
    study.run("results/splits/strict.tsv", "results/splits/published.tsv")
    samples = pd.read_csv(study.folder / "results/micrographs/samples.tsv", sep="\t")
    assert len(samples) == 14 and set(samples["data"]) == {"real"} and set(samples["channel"]) == {"picture"}
    left_out = pd.read_csv(study.folder / "resources/excluded.tsv", sep="\t")
    assert sorted(left_out["what"]) == ["entry 15 (MCV1-210505C-NT)", "notes.md", "the whole file"]
    assert not (tmp_path / "run").exists(), "the hostile pickle must never run"
    again = study.run("results/splits/strict.tsv")
    assert "Nothing to be done" in again


def test_an_archive_that_is_gone_is_one_sentence_and_what_was_fetched_serves_when_it_is_back(archive, tmp_path):
    study = study_of(tmp_path / "study", archive.url)
    good = archive.asked
    archive.say("/api/records/7/files/trap.pkl/content", Answer(status=404))
    said = study.run("results/micrographs/samples.tsv", succeeds=False)
    assert "trap.pkl" in said and "404" in said and "Traceback" not in said
    archive.say("/api/records/7/files/trap.pkl/content", Answer(b"changed"))
    said = study.run("results/micrographs/samples.tsv", succeeds=False)
    assert "trap.pkl" in said
    fetched = [request for request in good() if request.path.endswith("films.pkl/content")]
    assert len(fetched) == 2, "the first was cut and resumed; the second run asks for nothing that it has"


def test_without_its_server_a_study_keeps_what_it_has_fetched(archive, tmp_path):
    sheet, left_out = "resources/samples.tsv", "resources/excluded.tsv"
    study = study_of(tmp_path / "study", archive.url)
    study.run(sheet)
    archive.say("/api/records/7", Answer(status=503, headers={"Retry-After": "9999"}))
    before = [(study.folder / table).read_bytes() for table in (sheet, left_out)]
    study.run("--forcerun", "retrieve_zenodo", "--", sheet)
    assert [(study.folder / table).read_bytes() for table in (sheet, left_out)] == before
    log = (study.folder / "logs/retrieve_zenodo.log").read_text(encoding="utf-8")
    assert "Continuing with its responses of 20" in log
