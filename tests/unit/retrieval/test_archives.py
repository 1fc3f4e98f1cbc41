"""Archives of any kind are looked into; nothing leaves the scratch folder, and hostile ones end in one sentence."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from micrograph.retrieval import archives


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return content.getvalue()


def tarred(members, mode="w"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(body, bytes):
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
            else:
                info.type, info.linkname = body
                archive.addfile(info)
    return content.getvalue()


@pytest.fixture
def read(tmp_path):
    """{name: its content, or why it is not read} of a file with this content, which leaves nothing behind."""

    def read(content):
        (tmp_path / "file").write_bytes(content)
        (tmp_path / "scratch").mkdir(exist_ok=True)
        found = {}
        for name, path, reason in archives.contents(tmp_path / "file", tmp_path / "scratch"):
            assert path is None or path.parent in (tmp_path, tmp_path / "scratch")
            found[name] = path.read_bytes() if path else reason
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "file", tmp_path / "scratch"]
        return found

    return read


MEMBERS = {"MoS2_Analysis_Processed_Data2": b"\x80\x04N.", "folder/b.pkl": b"x" * 3_000_000, "empty": b""}


@pytest.mark.parametrize(
    "pack",
    [zipped, tarred, lambda members: tarred(members, "w:gz"), lambda members: tarred(members, "w:xz")]
    + [lambda members: bz2.compress(tarred(members))],
    ids=["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"],
)
def test_archives_are_known_by_their_content(read, pack):
    assert read(pack(MEMBERS)) == MEMBERS
    assert read(zipped({"inner": pack(MEMBERS)})) == {f"inner/{name}": body for name, body in MEMBERS.items()}


def test_what_is_no_archive_is_itself_and_what_is_compressed_is_unpacked(read):
    for body in (b"\x80\x04N.", b"text", b"", bytes(2000)):
        assert read(body) in ({"": body}, {})  # 2,000 zeros are an empty tar
        assert read(gzip.compress(b"a" + body)) == read(lzma.compress(b"a" + body)) == {"": b"a" + body}


def test_names_lead_nowhere_and_links_are_not_followed(read):
    names = ["../../evil", "/etc/evil", "a/../../b", "C:\\x", "..\\y", "x" * 5000, "a\nb"]
    assert read(tarred(dict.fromkeys(names, b"1")))["../../evil"] == b"1"
    assert set(read(zipped(dict.fromkeys(names, b"1"))).values()) == {b"1"}
    links = {"s": (tarfile.SYMTYPE, "/etc/passwd"), "h": (tarfile.LNKTYPE, "../file"), "d": (tarfile.CHRTYPE, "")}
    found = read(tarred(links | {"f": b"1"}))
    assert found["f"] == b"1" and all("link or a device" in found[name] for name in links)
    info = zipfile.ZipInfo("s")
    info.external_attr = 0o120777 << 16
    assert read(zipped({info: "/etc/passwd"})) == {"s": "it is a link"}


def test_bombs_are_stopped(read, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 2_000_000)
    for bomb in (
        zipped({"a": bytes(10**7), "b": b"1"}),
        gzip.compress(bytes(10**7)),
        tarred({"a": bytes(10**7)}, "w:gz"),
    ):
        assert "more than 2000000 bytes" in read(bomb)[""]
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    assert "more than 10 files" in read(zipped({str(number): b"" for number in range(11)}))[""]
    deep = b"\x80\x04N."
    for _ in range(archives.MAX_DEPTH):
        deep = zipped({"d": deep})
    assert read(deep) == {"d/d/d/d": b"\x80\x04N."}
    assert "deep" in read(zipped({"d": deep, "e": b"1"}))["d/d/d/d"]


def test_damaged_and_encrypted_archives_are_named_and_the_rest_is_read(read):
    whole = zipped({"a": b"abc" * 100, "b": b"1"}, zipfile.ZIP_STORED)
    broken = whole.replace(b"abc", b"abd", 1)
    assert read(broken) == {"a": "it cannot be unpacked (BadZipFile)", "b": b"1"}
    flags = bytearray(whole)
    flags[whole.index(b"PK\x01\x02") + 8] |= 1
    assert read(bytes(flags))["a"] == "it is encrypted"
    packed = gzip.compress(bytes(range(256)) * 100)
    for content in (whole[:200], packed[:-20], tarred(MEMBERS)[:700], b"PK\x03\x04", b"\x1f\x8b"):
        assert any(isinstance(value, str) for value in read(content).values()), content[:4]


def test_any_damage_ends_in_sentences(read):
    for content in (zipped(MEMBERS), tarred(MEMBERS, "w:gz"), tarred({"a": b"1", "b": b"2"})):
        for place in range(0, min(len(content), 1500), 7):
            assert read(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]) is not None


def test_the_file_itself_is_not_touched(tmp_path):
    path = Path(tmp_path / "file")
    path.write_bytes(b"\x80\x04N.")
    assert list(archives.contents(path, tmp_path)) == [("", path, "")] and path.is_file()
