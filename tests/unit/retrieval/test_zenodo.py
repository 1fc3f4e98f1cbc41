"""Records of Zenodo, as a server on this machine gives them: files downloaded, checked, listed."""

import hashlib
from urllib.parse import quote

import pytest

import loopback
from loopback import Answer
from micrograph.errors import UserError
from micrograph.retrieval import http, zenodo

BODIES = {"Train set.pkl": b"train" * 1000, "test.PKL": b"test" * 1000, "README.md": b"# read me"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def web():
    with loopback.running() as running:
        yield running


def md5(body):
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def path_of(record, key):
    return f"/api/records/{record}/files/{quote(key, safe='')}/content"


def publish(web, record=8432222, bodies=BODIES, **more):
    """Have the server hold a record."""
    listed = [{"key": key, "size": len(body), "checksum": f"md5:{md5(body)}"} for key, body in bodies.items()]
    web.say(f"/api/records/{record}", {"id": record, "files": listed} | more)
    for key, body in bodies.items():
        web.say(path_of(record, key), Answer(body, etag=f'"{md5(body)}"'))
    return listed


def test_matching_files_are_fetched_and_the_others_listed(web, tmp_path):
    publish(web)
    fetched, left_out = zenodo.retrieve(web.url, [8432222, 8432222], ["*.pkl", "*.p"], tmp_path)
    paths = {source: path.relative_to(tmp_path).as_posix() for source, path in fetched.items()}
    assert list(paths) == ["zenodo 8432222/Train set.pkl", "zenodo 8432222/test.PKL"]
    assert paths["zenodo 8432222/Train set.pkl"].startswith("8432222/Train_set-")
    assert [path.read_bytes() for path in fetched.values()] == [BODIES["Train set.pkl"], BODIES["test.PKL"]]
    assert left_out == [
        {"source": "zenodo 8432222", "what": "README.md", "reason": "matches none of zenodo.files: *.pkl, *.p"}
    ]
    asked = len(web.asked())
    assert zenodo.retrieve(web.url, [8432222], ["*.pkl", "*.p"], tmp_path)[0] == fetched
    assert len(web.asked()) == asked + 1  # the record alone: the files are there, and whole


def test_the_forms_of_inveniordm_are_read(web, tmp_path):
    listed = publish(web)
    for entries in (listed, {entry.pop("key"): entry for entry in publish(web)}):
        web.say("/api/records/8432222", {"files": {"enabled": True, "entries": entries}})
        fetched, _ = zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)
        assert [path.read_bytes() for path in fetched.values()] == [BODIES["Train set.pkl"], BODIES["test.PKL"]]


def test_names_from_the_server_cannot_leave_the_folder(web, tmp_path):
    keys = ["../../evil.pkl", "/etc/evil.pkl", "a/b.pkl", "a\\b.pkl", ".hidden.pkl", "x\x1b[31m.pkl", "A.pkl", "a.pkl"]
    bodies = {key: key.encode() for key in keys}
    publish(web, 1, bodies)
    fetched, _ = zenodo.retrieve(web.url, [1], ["*"], tmp_path / "deep" / "down")
    assert {path.read_bytes() for path in fetched.values()} == set(bodies.values())
    there = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "responses"]
    assert {path.parent for path in there} == {tmp_path / "deep" / "down" / "1"}
    assert len({path.name.lower() for path in there}) == len(bodies)
    assert not [source for source in fetched if "\x1b" in source]
    assert all(request.path.startswith("/api/records/1") for request in web.asked())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "lists no files"),
        ({"files": []}, "lists no files"),
        ({"files": None, "metadata": {"access_right": "restricted"}}, "its files are not openly accessible"),
        ({"files": {"enabled": False}, "access": {"files": "restricted"}}, "its files are not openly accessible"),
        ({"files": "all", "metadata": []}, "lists no files"),
        ({"files": {"entries": {"a": 1}}, "access": [1]}, "lists no files"),
        ({"files": [None]}, "a file without a name"),
        ({"files": [{"key": ""}]}, "a file without a name"),
        ({"files": [{"key": "a.pkl"}]}, "a.pkl is listed without size or checksum"),
        ({"files": [{"key": "a.pkl", "size": -1, "checksum": "md5:" + "0" * 32}]}, "without size or checksum"),
        ({"files": [{"key": "a.pkl", "size": 9, "checksum": "crc:1"}]}, "unknown kind of checksum"),
        ({"files": [{"key": "a.pkl", "size": 9, "checksum": "md5:0"}] * 2}, "two of one name"),
        (b"<html>Maintenance</html>", "a web page was sent"),
    ],
)
def test_a_record_that_is_none_gets_its_sentence(web, tmp_path, answer, words):
    web.say("/api/records/1", answer)
    with pytest.raises(UserError, match=words):
        zenodo.retrieve(web.url, [1], ["*.pkl"], tmp_path)
    assert list(tmp_path.rglob("*.pkl")) == []


def test_where_nothing_matches_what_there_is_is_named(web, tmp_path):
    publish(web)
    with pytest.raises(UserError, match=r"\*.spm; there are: README.md, Train set.pkl, "):
        zenodo.retrieve(web.url, [8432222], ["*.spm"], tmp_path)


def test_a_file_that_is_not_the_records_is_refused(web, tmp_path):
    publish(web)
    for served in (b"tset" * 1000, b"test" * 999, b"<!DOCTYPE html><html>" + b" " * 3979, Answer(status=404)):
        web.say(path_of(8432222, "test.PKL"), served)
        with pytest.raises(UserError, match="test.PKL/content: "):
            zenodo.retrieve(web.url, [8432222], ["test.pkl"], tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "responses"] == []


def test_a_file_that_is_too_large_is_left_out(web, tmp_path):
    listed = publish(web)
    listed[0]["size"] = (1 << 30) + 1
    web.say("/api/records/8432222", {"files": listed})
    fetched, left_out = zenodo.retrieve(web.url, [8432222], ["*"], tmp_path)
    assert len(fetched) == 2 and left_out[0]["what"] == "Train set.pkl" and "1073741825" in left_out[0]["reason"]


def test_a_server_that_cannot_be_reached_is_not_needed_once_everything_is_there(tmp_path):
    with loopback.running() as web:
        publish(web, 1)
        publish(web, 2, {"more.pkl": b"more", "note.txt": b"note"})
        given = zenodo.retrieve(web.url, [1, 2], ["*.pkl"], tmp_path)
        web.say("/api/records/1", Answer(status=503))
        web.say("/api/records/2", Answer(status=429, headers={"Retry-After": "9999"}))
        assert zenodo.retrieve(web.url, [1, 2], ["*.pkl"], tmp_path) == given
    assert zenodo.retrieve(web.url, [1, 2], ["*.pkl"], tmp_path) == given
    given[0]["zenodo 1/test.PKL"].write_bytes(b"tset" * 1000)
    with pytest.raises(http.Unreachable, match="test.PKL"):
        zenodo.retrieve(web.url, [1, 2], ["*.pkl"], tmp_path)
