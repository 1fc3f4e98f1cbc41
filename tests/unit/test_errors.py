"""New scans in a folder: all are found, whatever they are, and their names can be written down."""

import os
import socket

import pytest

from micrograph.errors import UserError, exit_with_message, lookup, printable
from micrograph.scans import formats, sample_sheet


def names(place):
    return [path.removeprefix(f"{place}/") for path in sample_sheet.list_scans(place)]


def test_files_are_found_in_all_folders_but_hidden_ones(tmp_path):
    for name in ("b.spm", "a/c.spm", ".hidden", ".git/x.spm", "a/.d/y.spm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("scan")
    assert names(tmp_path) == ["a/c.spm", "b.spm"]
    state = os.stat(tmp_path / "b.spm")
    assert sample_sheet.list_scans(tmp_path / "b.spm") == {str(tmp_path / "b.spm"): [4, state.st_mtime_ns]}


@pytest.fixture
def strange(tmp_path):
    """A folder with a pipe, a socket, a link that leads nowhere, one to itself, and one to the folder above."""
    place = tmp_path / "s"
    place.mkdir()
    os.mkfifo(place / "pipe")
    (place / "nowhere").symlink_to("none.spm")
    (place / "circle").symlink_to("circle")
    (place / "above").symlink_to("..")
    (place / "scan.spm").write_text("scan")
    with socket.socket(socket.AF_UNIX) as plug:
        here = os.getcwd()
        os.chdir(place)  # a socket's path must be short
        try:
            plug.bind("plug")
        finally:
            os.chdir(here)
        yield place


def test_what_is_no_file_is_listed_so_that_it_is_not_lost_in_silence(strange):
    assert names(strange) == ["circle", "nowhere", "pipe", "plug", "scan.spm"]
    found = sample_sheet.list_scans(strange)
    assert found[str(strange / "circle")] == found[str(strange / "nowhere")] == [0, 0]
    assert names(strange / "above" / "s") == names(strange)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pipe", "not a regular file"),
        ("plug", "not a regular file"),
        ("nowhere", "broken symbolic link"),
        ("circle", r"the scan cannot be read \(Too many levels"),
        ("above", "this is a folder"),
    ],
)
def test_what_is_no_file_gets_its_sentence_and_is_not_waited_for(strange, name, sentence):
    with pytest.raises(UserError, match=sentence):
        formats.read_scan(strange / name)


def test_a_folder_that_may_not_be_opened_is_listed(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.spm").write_text("scan")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="this folder cannot be opened"):
        formats.read_scan(tmp_path / "closed")
    if os.geteuid():  # root may open all
        (tmp_path / "closed").chmod(0)
        assert names(tmp_path) == ["a.spm", "closed"]


def test_no_place_an_empty_one_and_a_missing_one_are_faults(tmp_path):
    (tmp_path / ".hidden").touch()
    for place, sentence in (
        (None, "new_scans is not set"),
        (tmp_path, "holds no files"),
        (tmp_path / "none", "no such file or folder"),
        ("n" * 300, "no such file or folder"),
    ):
        with pytest.raises(UserError, match=sentence):
            sample_sheet.list_scans(place)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"bad\xff.spm", r"bad\xff.spm"),
        (b"two\nlines\t.spm", r"two\x0alines\x09.spm"),
        ("Gl\u00e4ser \u00b5m \u202f.spm".encode(), "Gl\u00e4ser \u00b5m \u202f.spm"),
        (rb"back\slash", r"back\slash"),
    ],
)
def test_printable_escapes_bytes_and_control_characters_alone(name, expected):
    assert printable(os.fsdecode(name)) == expected
    assert printable("\ud800x") == r"\ud800x"
    printable(os.fsdecode(name)).encode("utf-8")


def test_an_unknown_name_raises_with_the_known_ones():
    assert lookup("a", {"a": 1, "b": 2}, "letter") == 1
    with pytest.raises(UserError, match="letter 'c' .*a, b"):
        lookup("c", {"a": 1, "b": 2}, "letter")


def test_a_user_error_ends_the_program_with_its_message_and_other_errors_pass():
    assert exit_with_message(int, "7") == 7
    with pytest.raises(SystemExit, match="letter 'c'"):
        exit_with_message(lookup, "c", {}, "letter")
    with pytest.raises(ZeroDivisionError):
        exit_with_message(divmod, 1, 0)
