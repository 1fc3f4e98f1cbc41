"""Credentials are read from a file or the environment, and their values are shown nowhere."""

import json
import traceback

import pytest

from micrograph.errors import UserError
from micrograph.retrieval import credentials

SECRET = "s3cr3t-0f-the-d4tabase"


def kept(folder, text, mode=0o600):
    path = folder / "credentials.json"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_they_are_read_from_the_file_that_the_config_names_or_from_the_environment(tmp_path, capsys):
    headers = {"X-API-KEY": SECRET, "Accept": "application/json"}
    path = kept(tmp_path, json.dumps(headers))
    assert dict(credentials.read(path, {})) == headers
    assert dict(credentials.read(None, {"LIST_CREDENTIALS": path})) == headers
    assert dict(credentials.read(None, {"LIST_CREDENTIALS": f" {json.dumps(headers)}\n"})) == headers
    assert dict(credentials.read(path, {"LIST_CREDENTIALS": "{}"})) == headers  # the config comes first
    assert capsys.readouterr().out == ""


def test_a_file_that_others_may_read_is_used_with_a_warning(tmp_path, capsys):
    assert credentials.read(kept(tmp_path, json.dumps({"X-API-KEY": SECRET}), 0o644), {})
    said = capsys.readouterr().out
    assert "others on this machine may read" in said and SECRET not in said


def test_no_representation_shows_a_value():
    headers = credentials.read(None, {"LIST_CREDENTIALS": json.dumps({"X-API-KEY": SECRET})})
    assert SECRET not in f"{headers} {headers!r} {[headers]} {{'a': headers}}" and "X-API-KEY" in repr(headers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{{"X-API-KEY": "{SECRET}"', r"no JSON \(line 1\)"),
        (SECRET, "no JSON"),
        (f'["{SECRET}"]', "no object of header names"),
        (f'{{"X-API-KEY": {{"{SECRET}": 1}}}}', "no object of header names"),
        ("{}", "no object of header names"),
        ("[" * 100_000, "no JSON"),
        ("", "no JSON"),
    ],
)
def test_a_broken_file_is_one_sentence_that_shows_nothing_of_it(tmp_path, text, words):
    path = kept(tmp_path, text)
    with pytest.raises(UserError, match=words) as caught:
        credentials.read(path, {})
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told and path not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "variable", "words"),
    [
        (None, "", "there are no credentials for the database; set list_database.credentials"),
        (None, SECRET, "LIST_CREDENTIALS: the file that it names cannot be read"),
        (SECRET, "", "list_database.credentials: the file that it names cannot be read"),
        (f'{{"X-API-KEY": "{SECRET}"}}', "", "do not belong in a config"),
        (f"{SECRET}\0", "", "list_database.credentials: the file that it names cannot be read"),
        ("~nobody-of-this-name/x", "", "list_database.credentials: the file that it names cannot be read"),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_shown(path, variable, words):
    with pytest.raises(UserError, match=words) as caught:
        credentials.read(path, {"LIST_CREDENTIALS": variable})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_file_of_bytes_is_refused(tmp_path):
    path = tmp_path / "credentials.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no UTF-8 text"):
        credentials.read(str(path), {})
