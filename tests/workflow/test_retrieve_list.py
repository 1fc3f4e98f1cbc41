"""The real workflow with scans from a LiST database on loopback: a sheet, height maps, and the key nowhere."""

import pandas as pd
import pytest
import yaml

import loopback
import small_scan
from loopback import Answer
from project import SMOKE, Study

SECRET = "s3cr3t-0f-the-d4tabase"
TEMPERATURES = (900, 950, 1000)


@pytest.fixture
def database(tmp_path):
    """A database of nine films, one of each temperature a day, and one that was grown at another."""
    samples = []
    with loopback.running() as web:
        for number in range(10):
            scan = small_scan.write(tmp_path / f"{number}.spm", 64, seed=number)
            celsius = 600 if number == 9 else TEMPERATURES[number % 3]
            sample = {"id": number, "sampleLabel": f"MCV1-21050{1 + number // 3}{'ABC'[number % 3]}-NT"}
            samples.append(sample | {"description": f"Growth time: 9mins\nTemp: {celsius}C"})
            files = [{"files": [{"id": 5, "filename": "center 1um.0_00001.spm", "filetype": "spm"}]}]
            web.say(f"/v2/samples/{number}/activities", [{"id": number, "category": "CHAR", "files": files}])
            web.say(f"/v2/sample-activities/{number}/files/5", scan)
        let_in = {"data": samples, "recordsFiltered": 10}
        web.say(
            "/v2/samples/search",
            lambda request: let_in if request.headers.get("x-api-key") == SECRET else Answer(status=401),
        )
        yield web


def study_of(folder, url):
    folder.mkdir()
    settings = yaml.safe_load(SMOKE.read_text(encoding="utf-8"))
    settings["scans"] |= {"source": "list", "sheet": "resources/samples.tsv", "scans_per_shard": 9}
    settings["list_database"] |= {"url": f"{url}/v2", "credentials": None, "requests_per_second": 100}
    return Study(folder, settings)


def test_films_of_the_database_become_height_maps_and_the_key_is_in_no_file_or_message(database, tmp_path, monkeypatch):
    monkeypatch.setenv("LIST_CREDENTIALS", f'{{"X-API-KEY": "{SECRET}"}}')
    study = study_of(tmp_path / "study", database.url)
    said = study.run("--printshellcmds", "--verbose", "results/micrographs/samples.tsv")
    samples = pd.read_csv(study.folder / "results/micrographs/samples.tsv", sep="\t")
    assert len(samples) == 9 and set(samples["growth_celsius"]) == set(TEMPERATURES)
    assert set(samples["batch"]) == {"MCV1-210501", "MCV1-210502", "MCV1-210503"}
    left_out = pd.read_csv(study.folder / "resources/excluded.tsv", sep="\t")
    assert left_out["reason"].tolist() == ["growth temperature 600 °C, which is not one of the classes 900, 950, 1000"]
    written = [path for path in study.folder.rglob("*") if path.is_file()]
    assert len(written) > 30 and not any(SECRET.encode() in path.read_bytes() for path in written)
    assert SECRET not in said
    asked = len(database.requests)
    assert "Nothing to be done" in study.run("results/micrographs/samples.tsv")
    assert len(database.requests) == asked
    tables = [study.folder / "resources" / name for name in ("samples.tsv", "excluded.tsv")]
    before = [table.read_bytes() for table in tables]
    database.say("/v2/samples/search", Answer(status=503, headers={"Retry-After": "9999"}))
    study.run("--forcerun", "retrieve_list", "--", "resources/samples.tsv")
    assert [table.read_bytes() for table in tables] == before, "a study keeps what it has without its server"
    log = (study.folder / "logs/retrieve_list.log").read_text(encoding="utf-8")
    assert "Continuing with its responses of 20" in log


def test_refused_credentials_are_one_sentence_on_the_terminal(database, tmp_path, monkeypatch):
    monkeypatch.setenv("LIST_CREDENTIALS", f'{{"X-API-KEY": "not {SECRET}"}}')
    study = study_of(tmp_path / "study", database.url)
    said = study.run("results/micrographs/samples.tsv", succeeds=False)
    assert "it requires credentials, or rejects the ones it got; check them" in said
    assert SECRET not in said and "Traceback" not in said
