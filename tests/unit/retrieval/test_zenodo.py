"""Records of Zenodo, as a server on this machine gives them: read in all their forms, fetched, checked, listed."""

import hashlib

import pytest

import loopback
from loopback import Answer
from micrograph.errors import UserError
from micrograph.retrieval import server, zenodo

BODIES = {"Train set.pkl": b"train" * 1000, "test.PKL": b"test" * 1000, "README.md": b"# read me"}


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.01)
    with loopback.running() as running:
        yield running


def md5(body):
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def today(web, record, key, body):
    """An entry of a record's files as Zenodo gives it since the end of 2023."""
    link = f"{web.url}/api/records/{record}/files/{key.replace(' ', '%20')}/content"
    return {"id": "u-u-i-d", "key": key, "size": len(body), "checksum": f"md5:{md5(body)}", "links": {"self": link}}


def publish(web, record=8432222, bodies=BODIES, **more):
    """Have the server hold a record; returns its JSON."""
    told = {"id": record, "metadata": {"title": "Films", "access_right": "open"}} | more
    told.setdefault("files", [today(web, record, key, body) for key, body in bodies.items()])
    web.say(f"/api/records/{record}", told)
    for key, body in bodies.items():
        web.say(f"/api/records/{record}/files/{key.replace(' ', '%20')}/content", Answer(body, etag=f'"{md5(body)}"'))
    return told


def test_matching_files_are_fetched_and_the_others_listed(web, tmp_path):
    publish(web)
    fetched, left_out = zenodo.retrieve(web.url, [8432222, 8432222], ["*.pkl", "*.p"], tmp_path)
    paths = {source: path.relative_to(tmp_path).as_posix() for source, path in fetched.items()}
    assert list(paths) == ["zenodo 8432222/Train set.pkl", "zenodo 8432222/test.PKL"]
    assert paths["zenodo 8432222/test.PKL"] == "8432222/test.PKL"
    assert paths["zenodo 8432222/Train set.pkl"].startswith("8432222/Train_set-")
    assert [path.read_bytes() for path in fetched.values()] == [BODIES["Train set.pkl"], BODIES["test.PKL"]]
    assert left_out == [
        {"source": "zenodo 8432222", "what": "README.md", "reason": "matches none of zenodo.files: *.pkl, *.p"}
    ]
    asked = len(web.asked())
    assert zenodo.retrieve(web.url, [8432222], ["*.pkl", "*.p"], tmp_path)[0] == fetched
    assert len(web.asked()) == asked + 1  # the record alone: the files are there, and whole


def forms(web):
    """The same record in the other forms that Zenodo and InvenioRDM have given."""
    bare = [{"key": key, "size": len(body), "checksum": f"md5:{md5(body)}"} for key, body in BODIES.items()]
    old = [
        entry
        | {"bucket": "b", "type": "pkl", "links": {"self": f"{web.url}/api/files/b/{entry['key']}".replace(" ", "%20")}}
        for entry in bare
    ]
    of_2023 = [
        {
            "filename": entry["key"],
            "filesize": entry["size"],
            "checksum": entry["checksum"].removeprefix("md5:"),
            "links": {"self": f"{web.url}/api/records/8432222/files/u-u-i-d"},
        }
        for entry in bare
    ]
    content = [
        entry | {"links": {"content": today(web, 8432222, entry["key"], b"")["links"]["self"]}} for entry in bare
    ]
    return {
        "before 2023": old,
        "October 2023": of_2023,
        "InvenioRDM": {"enabled": True, "entries": {entry["key"]: entry for entry in content}},
        "InvenioRDM's list": {"enabled": True, "entries": content},
        "without links": bare,
    }


@pytest.mark.parametrize("form", ["before 2023", "October 2023", "InvenioRDM", "InvenioRDM's list", "without links"])
def test_every_form_of_a_record_is_read(web, tmp_path, form):
    publish(web, files=forms(web)[form])
    for key, body in BODIES.items():
        web.say(f"/api/files/b/{key.replace(' ', '%20')}", Answer(body))
    fetched, _ = zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)
    assert [path.read_bytes() for path in fetched.values()] == [BODIES["Train set.pkl"], BODIES["test.PKL"]]


def test_names_from_the_server_cannot_leave_the_folder(web, tmp_path):
    keys = ["../../evil.pkl", "/etc/evil.pkl", "a/b.pkl", "a\\b.pkl", ".hidden.pkl", "x\x1b[31m.pkl", "A.pkl", "a.pkl"]
    bodies = {key: key.encode() for key in keys}
    told = {"files": []}
    for place, (key, body) in enumerate(bodies.items()):
        web.say(f"/api/files/b/{place}", body)
        told["files"] += [today(web, 1, key, body) | {"links": {"self": f"{web.url}/api/files/b/{place}"}}]
    web.say("/api/records/1", told)
    fetched, _ = zenodo.retrieve(web.url, [1], ["*.pkl"], tmp_path / "deep" / "down")
    there = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != zenodo.KEPT]
    assert {path.parent for path in there} == {tmp_path / "deep" / "down" / "1"} and len(there) == len(keys)
    assert len({path.name.lower() for path in there}) == len(keys)
    assert {path.read_bytes() for path in fetched.values()} == set(bodies.values())
    assert not [source for source in fetched if "\x1b" in source]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "the server's answer is no record"),
        ({}, "lists no files; check the number"),
        ({"files": []}, "lists no files; check the number"),
        ({"files": None, "metadata": {"access_right": "restricted"}}, "its files are not open to all"),
        ({"files": {"enabled": False}, "access": {"files": "restricted"}}, "its files are not open to all"),
        ({"files": "all", "metadata": []}, "its list of files is none"),
        ({"files": [None]}, "a file without a name"),
        ({"files": [{"key": ""}]}, "a file without a name"),
        ({"files": [{"key": "a.pkl"}]}, "a.pkl is listed without size or checksum"),
        ({"files": [{"key": "a.pkl", "size": -1, "checksum": "md5:" + "0" * 32}]}, "without size or checksum"),
        ({"files": [{"key": "a.pkl", "size": "9", "checksum": "md5:" + "0" * 32}]}, "without size or checksum"),
        ({"files": [{"key": "a.pkl", "size": 9, "checksum": "crc:1"}]}, "its checksum is of no kind known here"),
        ({"files": [{"key": "a.pkl", "size": 9, "checksum": "0" * 32}] * 2}, "two files of one name"),
        (b"<html>Maintenance</html>", "a web page came .*; check the address, and the credentials where there are any"),
        (Answer(status=404), "the server answers 404 Not Found"),
        (Answer(status=403), "403 Forbidden: it refuses access"),
        (Answer(status=410), "410 Gone: this has been withdrawn"),
    ],
)
def test_a_record_that_is_none_gets_its_sentence(web, tmp_path, answer, words):
    web.say("/api/records/1", answer)
    with pytest.raises(UserError, match=words):
        zenodo.retrieve(web.url, [1], ["*.pkl"], tmp_path)
    assert list(tmp_path.rglob("*.pkl")) == []


def test_where_nothing_matches_what_there_is_is_said(web, tmp_path):
    publish(web)
    with pytest.raises(
        UserError, match=r"none of the records' files matches \*.spm; there are: README.md, Train set.pkl, "
    ):
        zenodo.retrieve(web.url, [8432222], ["*.spm"], tmp_path)


@pytest.mark.parametrize("served", [b"tset" * 1000, b"test" * 999, b"<!DOCTYPE html><html>" + b" " * 3979])
def test_a_file_that_is_not_the_records_is_refused(web, tmp_path, served):
    publish(web)
    web.say("/api/records/8432222/files/test.PKL/content", served)
    with pytest.raises(UserError, match="test.PKL/content: (damaged or replaced|3996 bytes came|a web page came)"):
        zenodo.retrieve(web.url, [8432222], ["test.pkl"], tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def kept(web, folder, capsys):
    """What a retrieval gives that is told, by a line, that the server is not there."""
    given = zenodo.retrieve(web.url, [1, 2], ["*.pkl"], folder)
    said = [line for line in capsys.readouterr().out.splitlines() if "going on with its answer of 20" in line]
    assert len(said) == 2 and all("All files are there" in line and line.endswith("UTC") for line in said)
    return given


def test_a_server_that_cannot_be_reached_is_not_needed_once_everything_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.01)
    with loopback.running() as web:
        publish(web, 1)
        publish(web, 2, {"more.pkl": b"more", "note.txt": b"note"})
        given = zenodo.retrieve(web.url, [1, 2], ["*.pkl"], tmp_path)
        web.say("/api/records/1", Answer(status=503))
        web.say("/api/records/2", Answer(status=429, headers={"Retry-After": "9999"}))
        assert kept(web, tmp_path, capsys) == given
    assert kept(web, tmp_path, capsys) == given


@pytest.mark.parametrize("fault", [401, 403, 404, 410])
def test_a_refusal_is_not_passed_over_by_what_is_kept(web, tmp_path, fault):
    publish(web)
    zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)
    for answer, words in ((Answer(status=fault), f"answers {fault}"), ([], "is no record"), (b"?", "is no JSON")):
        web.say("/api/records/8432222", answer)
        with pytest.raises(UserError, match=words):
            zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)


def test_what_is_kept_serves_neither_for_files_that_are_not_whole_nor_for_another_server(web, tmp_path):
    publish(web)
    fetched, _ = zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)
    with pytest.raises(UserError, match=r"cannot be reached.*try again later\.$"):
        zenodo.retrieve(loopback.closed_url(), [8432222], ["*.pkl"], tmp_path)
    web.say("/api/records/8432222", Answer(status=500))
    with pytest.raises(UserError, match="answers 500.* is kept, but README.md is not there, or not whole"):
        zenodo.retrieve(web.url, [8432222], ["*"], tmp_path)
    fetched["zenodo 8432222/test.PKL"].write_bytes(b"tset" * 1000)
    with pytest.raises(UserError, match="answers 500.* is kept, but test.PKL is not there, or not whole"):
        zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)


def test_nothing_is_kept_of_a_record_before_all_its_files_are_there(web, tmp_path):
    publish(web)
    web.say("/api/records/8432222/files/test.PKL/content", Answer(status=404))
    with pytest.raises(UserError, match="404"):
        zenodo.retrieve(web.url, [8432222], ["*.pkl"], tmp_path)
    assert not (tmp_path / "8432222" / zenodo.KEPT).exists()


def test_a_file_of_the_name_under_which_the_answer_is_kept_stays_apart(web, tmp_path):
    publish(web, bodies={"record.json": b"mine", "Record.JSON": b"too"})
    fetched, _ = zenodo.retrieve(web.url, [8432222], ["*.json"], tmp_path)
    web.say("/api/records/8432222", Answer(status=500))
    assert zenodo.retrieve(web.url, [8432222], ["*.json"], tmp_path)[0] == fetched
    assert sorted(path.read_bytes() for path in fetched.values()) == [b"mine", b"too"]
