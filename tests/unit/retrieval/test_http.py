"""Servers that break off, stall, lie and redirect: complete files and answers, or one sentence."""

import gzip
import hashlib
import multiprocessing
import resource
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loopback
from loopback import Answer, redirect
from micrograph.errors import UserError
from micrograph.io import UnwritableError
from micrograph.retrieval import http
from micrograph.retrieval.http import Client, Unreachable
from micrograph.scans.sample_sheet import FILE_NAME

BODY = bytes(range(256)) * 1000  # 256,000 bytes
MD5 = f"md5:{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"
SECRET = "k3y-of-the-lab"


@pytest.fixture
def web():
    with loopback.running() as running:
        yield running


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def cut(at, etag='"1"', **more):
    return Answer(BODY, cut_after=at, etag=etag, **more)


def test_a_file_is_downloaded_once_and_again_when_it_does_not_fit(web, tmp_path):
    web.say("/data/film.spm", Answer(BODY, etag='"1"'))
    client, path = Client(f"{web.url}/data/"), tmp_path / "new" / "film.spm"
    assert client.download("film.spm", path, len(BODY), MD5) == client.download("film.spm", path) == path
    assert path.read_bytes() == BODY and names(path.parent) == ["film.spm"] and len(web.asked()) == 1
    path.write_bytes(BODY[:-1] + b"?")
    assert client.download("film.spm", path, len(BODY), MD5).read_bytes() == BODY


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_download_is_resumed_where_it_broke_off(web, tmp_path, reset):
    web.say("/f", cut(100_000, reset=reset), Answer(BODY, etag='"1"'))
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY
    first, second = web.asked("/f")
    start = int(second.headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert "range" not in first.headers and second.headers["if-range"] == '"1"'
    assert 0 < start <= 100_000 and (reset or start == 100_000)


def test_a_download_that_was_given_up_is_resumed_by_the_next_run(web, tmp_path):
    web.say("/f", cut(1000))
    with pytest.raises(Unreachable, match="broke off"):
        Client(web.url, tries=3).download("f", tmp_path / "f")
    assert not (tmp_path / "f").exists() and len(web.asked()) == 3
    web.say("/f", Answer(BODY, etag='"1"'))
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY
    assert web.asked("/f")[-1].headers["range"] == "bytes=3000-" and names(tmp_path) == ["f"]


def test_tries_are_not_counted_while_bytes_come(web, tmp_path):
    web.say("/f", *[cut(20_000)] * 12, Answer(BODY, etag='"1"'))
    assert Client(web.url, tries=2).download("f", tmp_path / "f").read_bytes() == BODY
    web.say("/g", cut(20_000, ranges=False))  # the same bytes again and again are no progress
    with pytest.raises(Unreachable):
        Client(web.url, tries=2).download("g", tmp_path / "g")
    assert len(web.asked("/f")) == 13 and len(web.asked("/g")) == 2


NEW = BODY[::-1]
REST = Answer(NEW[100_000:], 206, {"Content-Range": f"bytes 100000-{len(NEW) - 1}/{len(NEW)}"}, etag='"new"')


@pytest.mark.parametrize(
    ("answers", "checked"),
    [
        ([cut(100_000, '"old"'), Answer(NEW, etag='"new"')], False),
        ([cut(100_000, '"old"'), REST, Answer(NEW, etag='"new"')], False),
        ([cut(100_000, None), Answer(NEW)], False),
        ([cut(100_000, None), Answer(NEW), Answer(NEW)], True),
    ],
    ids=["if-range", "if-range ignored", "no mark", "no mark, but a checksum"],
)
def test_two_versions_of_a_file_are_not_mixed(web, tmp_path, answers, checked):
    web.say("/f", *answers)
    checksum = f"sha256:{hashlib.sha256(NEW).hexdigest()}" if checked else None
    assert Client(web.url).download("f", tmp_path / "f", checksum=checksum).read_bytes() == NEW
    assert ("range" in web.asked()[1].headers) == (answers[0].etag is not None or checked)


@pytest.mark.parametrize(
    ("status", "said", "body"),
    [
        (206, "bytes 0-9/256000", b"0123456789"),
        (206, "bytes 99999-255999/256000", BODY[99_999:]),
        (206, "gibberish", BODY[100_000:]),
        (206, None, BODY[100_000:]),
        (416, "bytes */5", b""),
        (416, None, b""),
    ],
)
def test_a_wrong_answer_to_a_range_is_not_believed(web, tmp_path, status, said, body):
    odd = Answer(body, status=status, headers={"Content-Range": said} if said else {}, etag='"1"')
    web.say("/f", cut(100_000), odd, Answer(BODY, etag='"1"'))
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY
    assert "range" not in web.asked("/f")[2].headers


def test_a_rest_in_pieces_and_one_without_a_length_are_put_together(web, tmp_path):
    def third(request):
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        end = min(start + 100_000, len(BODY))
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(BODY)}", "ETag": '"1"'}
        return Answer(BODY[start:end], status=206, headers=headers)

    web.say("/f", cut(50_000), third)
    web.say("/g", Answer(lambda: [BODY[:100_000]]), Answer(BODY))
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY
    assert Client(web.url).download("g", tmp_path / "g", len(BODY), MD5).read_bytes() == BODY


def test_a_part_that_was_complete_only_needs_its_name_and_a_longer_one_goes(web, tmp_path):
    web.say("/f", Answer(BODY, etag='"1"'))
    (tmp_path / "f.part").write_bytes(BODY)
    assert Client(web.url).download("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY and not web.asked()
    (tmp_path / "f").rename(tmp_path / "f.part")
    (tmp_path / "f.part.version").write_text('"1"')
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY  # 416: nothing is beyond its end
    assert web.asked()[0].headers["range"] == "bytes=256000-" and names(tmp_path) == ["f"]
    (tmp_path / "g.part").write_bytes(BODY * 2)
    assert Client(web.url).download("f", tmp_path / "g", len(BODY), MD5).read_bytes() == BODY


@pytest.mark.parametrize("status", [408, 429, 500, 503, 599])
def test_a_busy_server_is_asked_again(web, tmp_path, status):
    web.say("/f", Answer(status=status), Answer(status=status), BODY)
    web.say("/j", Answer(status=status), Answer(status=status), {"a": 1})
    assert Client(web.url, tries=3).download("f", tmp_path / "f").read_bytes() == BODY
    assert Client(web.url, tries=3).json("j") == {"a": 1}
    web.say("/f", Answer(status=status))
    with pytest.raises(Unreachable, match=rf"/f: the server answers {status}"):
        Client(web.url, tries=3).download("f", tmp_path / "g")
    assert names(tmp_path) == ["f"] and len(web.asked("/f")) == 6


def test_waits_grow_and_retry_after_is_obeyed(web, monkeypatch):
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.05)
    wishes = [None, None, "1", "Mon, 05 Jan 2015 10:00:00 GMT", "9" * 5000]
    web.say("/j", *[Answer(status=429, headers={"Retry-After": wish} if wish else {}) for wish in wishes], {"a": 1})
    assert Client(web.url, tries=6).json("j") == {"a": 1}
    at = [one.at for one in web.asked("/j")]
    waits = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert all(0 <= wait - due < 10 for wait, due in zip(waits, [0.05, 0.1, 1, 0, 0.8], strict=True))


@pytest.mark.parametrize("wish", ["3600", "Mon, 05 Jan 2099 10:00:00 GMT"])
def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(web, wish):
    web.say("/j", Answer(status=429, headers={"Retry-After": wish}))
    with pytest.raises(Unreachable, match=r"429 .* \d{4,} s"):
        Client(web.url).json("j")
    assert len(web.asked()) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 204, 206, 304, 400, 418])
def test_a_refusal_is_one_sentence_at_once(web, tmp_path, status):
    web.say("/f", Answer(b"<html>secret</html>", status=status))
    for ask in (lambda: Client(web.url).json("f"), lambda: Client(web.url).download("f", tmp_path / "f")):
        with pytest.raises(UserError, match=rf"{web.url}/f: .*({status}|another part)") as caught:
            ask()
        assert "secret" not in str(caught.value)
    assert names(tmp_path) == [] and len(web.asked()) == (6 if status == 206 else 2)


@pytest.mark.parametrize("body", [b"\n<!DOCTYPE html><html>Log in", b"\xef\xbb\xbf<HTML>", b"<?xml?><Error>"])
def test_a_web_page_is_no_data(web, tmp_path, body):
    web.say("/f", body)
    for size, checksum in ((None, None), (len(body), MD5)):
        with pytest.raises(UserError, match="web page"):
            Client(web.url).download("f", tmp_path / "f", size, checksum)
    with pytest.raises(UserError, match="web page"):
        Client(web.url).json("f")
    assert names(tmp_path) == []


def endless():
    while True:
        yield BODY


@pytest.mark.parametrize(
    ("answer", "size", "checksum", "words"),
    [
        (BODY[:-1] + b"?", len(BODY), MD5, r"md5 [0-9a-f]{32}, expected [0-9a-f]{32}"),
        (BODY[:-1], len(BODY), None, "255999 .* 256000"),
        (BODY + b"?", len(BODY), MD5, r"256001 .* 256000"),
        (BODY, None, "sha256:" + "0" * 64, "damaged or replaced"),
        (BODY, None, "crc32:12345678", "unknown kind"),
        (BODY, None, MD5[:-1], "damaged or replaced"),
        (Answer(endless), 1_000_000, None, "1000000"),
        (Answer(BODY, announced=(1 << 30) + 1), None, None, "1073741825 .* 1073741824"),
        (Answer(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}), None, MD5, "compressed"),
        (Answer(BODY, headers={"Content-Encoding": "br"}), None, None, "compressed"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_stays(web, tmp_path, answer, size, checksum, words):
    web.say("/f", answer)
    with pytest.raises(UserError, match=words):
        Client(web.url).download("f", tmp_path / "f", size, checksum)
    assert names(tmp_path) == []


def test_bytes_without_end_are_not_waited_for(web, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "MAX_FILE_BYTES", 1_000_000)
    monkeypatch.setattr(http, "MAX_JSON_BYTES", 1_000_000)
    web.say("/f", Answer(endless))
    web.say("/to", Answer(endless, status=302, headers={"Location": "/j"}))
    web.say("/j", {"a": 1})
    web.say("/bomb", Answer(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(UserError, match="1000000"):
        Client(web.url).download("f", tmp_path / "f")
    for path in ("f", "bomb"):
        with pytest.raises(UserError, match="does not end"):
            Client(web.url).json(path)
    assert Client(web.url).json("to") == {"a": 1}  # the body of a redirect is not read
    assert names(tmp_path) == []


def test_a_server_that_is_silent_stalls_or_trickles_is_given_up(web, tmp_path):
    def drops():
        while True:
            yield b"."
            time.sleep(0.05)

    web.say("/silent", Answer(BODY, wait_seconds=30))
    web.say("/drops", Answer(drops))
    web.say("/stalls", Answer(lambda: (time.sleep(30 * piece) or b"." for piece in range(2))))
    client = Client(web.url, tries=2, timeout_seconds=0.3)
    for path in ("silent", "drops", "stalls"):
        with pytest.raises(Unreachable):
            client.download(path, tmp_path / path)
        with pytest.raises(Unreachable):
            client.json(path)
        assert len(web.asked(f"/{path}")) == 4


@pytest.mark.parametrize("body", [b"", b"{", b"no", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_what_is_no_json_is_refused(web, body):
    web.say("/j", body)
    with pytest.raises(UserError, match="/j: .*no JSON"):
        Client(web.url).json("j")


def test_json_comes_packed_and_broken_off_and_requests_carry_query_and_body(web):
    web.say(
        "/api/j", Answer(lambda: [b'{"a": ']), Answer(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    )
    client = Client(f"{web.url}/api")
    assert client.json("j", {"technique": "CVD"}, page=2, q="a b&c", none=None) == {"a": 1}
    asked = web.asked()[1]
    assert (asked.method, asked.json, asked.query) == ("POST", {"technique": "CVD"}, {"page": "2", "q": "a b&c"})
    client.json(f"{web.url}/api/j?page=2", size=5)
    assert (web.asked()[2].method, web.asked()[2].query) == ("GET", {"page": "2", "size": "5"})
    web.say("/api/moved", redirect("/api/j", 307))
    client.json("moved", {"q": 1})
    assert web.asked()[-1].json == {"q": 1}
    client.json("//evil.org/../j")  # a path cannot lead to another server
    assert len(web.asked()) == 6


def test_at_most_so_many_requests_a_second_are_sent(web):
    web.say("/j", {"a": 1})
    client, began = Client(web.url, per_second=20), []
    for _ in range(5):
        began.append(time.monotonic())
        client.json("j")
    arrived = [one.at for one in web.asked()]
    # From our side: a request may reach the server late, and the next one is then no longer that far behind it.
    assert all(later - earlier >= 0.05 for earlier, later in zip(began, arrived[1:], strict=False))


def test_credentials_go_to_their_own_server_alone(web, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password elsewhere\nmachine 127.0.0.1 login me password here\n")
    monkeypatch.setenv("NETRC", str(netrc))
    credentials = {"X-Api-Key": SECRET, "Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    client = Client(f"{web.url}/api", credentials)
    web.say("/api/here", redirect("/api/there"))
    web.say("/api/there", {"a": 1})
    web.say("/api/away", redirect(f"{web.other_url}/else?signed=yes"))
    web.say("/else", {"a": 2})
    with loopback.running() as other:
        other.say("/back", redirect(f"{web.url}/api/there"))
        web.say("/api/round", redirect(f"{other.url}/back"))
        assert client.json("here") == client.json("round") == {"a": 1}
        assert client.json("away") == client.json(f"{web.other_url}/else") == {"a": 2}
        assert client.download("away", tmp_path / "f").read_bytes() == b'{"a": 2}'
        asked = [*web.requests, *other.requests]
    for one in asked:
        ours = one.path.startswith("/api")
        assert [one.headers.get(name.lower()) == value for name, value in credentials.items()] == [ours] * 3
        assert ours or SECRET not in str(one.headers) and "authorization" not in one.headers
    assert {one.path for one in asked} == {"/api/here", "/api/there", "/api/away", "/api/round", "/else", "/back"}


def test_no_message_and_no_file_holds_credentials_or_a_query(web, tmp_path, capfd):
    web.say("/f", cut(10))
    web.say("/500", Answer(status=500))
    web.say("/429", Answer(status=429, headers={"Retry-After": "9999"}))
    web.say("/loop", redirect(f"/loop?token={SECRET}"))
    web.say("/odd", redirect(f"ftp://me:{SECRET}@host/?token={SECRET}"))
    web.say("/dead", redirect(f"{loopback.closed_url()}/?token={SECRET}".replace("//", f"//me:{SECRET}@")))
    web.say("/page", b"<html>" + SECRET.encode())
    client = Client(web.url, {"X-Api-Key": SECRET}, tries=2, timeout_seconds=1)
    broken = Client(web.url, {"X-Api-Key": f"{SECRET}\r\nX-Evil: 1"})
    for path in ("f", "500", "429", "loop", "odd", "dead", "page", "none"):
        for ask in (client, broken):
            with pytest.raises(UserError) as caught:
                ask.download(f"{path}?token={SECRET}", tmp_path / path)
            assert SECRET not in str(caught.value) and "token" not in str(caught.value)
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
    printed = "".join(capfd.readouterr())
    assert "downloading" in printed and SECRET not in printed and len(web.asked("/loop")) == 31
    assert SECRET not in "".join(path.read_text("latin-1") for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "url", ["example.org", "ftp://example.org", "file:///etc/passwd", "https://", "https://[::1", "https://h:99999"]
)
def test_what_is_no_address_is_refused(web, tmp_path, url):
    with pytest.raises(UserError, match="address"):
        Client(url).json("j")
    web.say("/f", redirect(url))
    with pytest.raises(UserError, match="address"):
        Client(web.url).download("f", tmp_path / "f")


def test_nothing_secret_is_sent_without_encryption():
    for url in ("http://example.org/list", "http://127.0.0.1.example.org", f"https://me:{SECRET}@example.org/x"):
        with pytest.raises(UserError, match="encryption|password") as caught:
            Client(url, {"X-Api-Key": SECRET})
        assert SECRET not in str(caught.value)
    for url in ("https://example.org", "http://localhost:8000", "http://127.0.0.1", "http://[::1]:80"):
        session = http._Session(url, {"X-Api-Key": SECRET})
    plain = SimpleNamespace(url="http://example.org/y?token=1", headers={})
    with pytest.raises(UserError, match="without encryption"):
        session.rebuild_auth(plain, SimpleNamespace(url="https://example.org/x"))
    session.rebuild_auth(plain, SimpleNamespace(url="http://example.org/x"))
    assert plain.headers == {}


def test_a_machine_without_network_is_told(tmp_path):
    for url in (loopback.closed_url(), "http://no-such-host.invalid"):
        with pytest.raises(Unreachable, match="no network"):
            Client(url, tries=2).download("f", tmp_path / "f")
        with pytest.raises(Unreachable, match="no network"):
            Client(url, tries=2).json("f")
    assert names(tmp_path) == []


def test_a_full_disk_is_the_disks_fault(web):
    web.say("/f", BODY)
    for folder in ("/dev/full", "/proc"):
        with pytest.raises(UnwritableError, match="cannot be written"):
            Client(web.url).download("f", f"{folder}/f")


def _download(url, to):
    http.FIRST_WAIT_SECONDS = 0.01
    Client(url).download("f", to, len(BODY), MD5)


def _download_to_a_small_disk(url, to):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with pytest.raises(UnwritableError, match="f: cannot be written .File too large"):
        Client(url).download("f", to, len(BODY), MD5)


def run_in_a_process(work, *arguments):
    job = multiprocessing.get_context("fork").Process(target=work, args=arguments, daemon=True)
    job.start()
    return job


def test_what_came_before_the_disk_was_full_or_the_process_was_killed_is_continued(web, tmp_path):
    def stalls():
        yield BODY[:100_000]
        time.sleep(600)

    web.say("/f", Answer(BODY, etag='"1"'))
    job = run_in_a_process(_download_to_a_small_disk, web.url, tmp_path / "f")
    job.join(300)
    assert job.exitcode == 0 and names(tmp_path) == ["f.part", "f.part.version"]
    _download(web.url, tmp_path / "f")
    assert web.asked()[-1].headers["range"] == "bytes=100000-" and names(tmp_path) == ["f"]
    (tmp_path / "f").unlink()
    web.say("/f", Answer(stalls, etag='"1"'), Answer(BODY, etag='"1"'))
    job = run_in_a_process(_download, web.url, tmp_path / "f")
    deadline = time.monotonic() + 300
    while not ((tmp_path / "f.part").exists() and (tmp_path / "f.part").stat().st_size == 100_000):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.kill()
    job.join(300)
    _download(web.url, tmp_path / "f")
    assert web.asked()[-1].headers["range"] == "bytes=100000-" and names(tmp_path) == ["f"]


def test_processes_that_want_one_file_take_turns(web, tmp_path):
    def slowly():
        for start in range(0, len(BODY), 25_600):
            time.sleep(0.02)
            yield BODY[start : start + 25_600]

    web.say("/f", Answer(slowly))
    jobs = [run_in_a_process(_download, web.url, tmp_path / "f") for _ in range(4)]
    for job in jobs:
        job.join(300)
    assert [job.exitcode for job in jobs] == [0] * 4
    assert (tmp_path / "f").read_bytes() == BODY and names(tmp_path) == ["f"] and len(web.asked()) == 1


def test_a_plain_name_stays_and_any_other_becomes_one_plain_name():
    for name in ("film.spm", "MCV1-210405a-07_c_1um.0_00000.spm", "a", "A+b_c-d.tar.gz"):
        assert http.safe_name(name) == name
    folders = ("../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b.spm", "a\\b.spm", "C:\\x.spm", "~")
    odd = (".bashrc", "-rf", "a ", "film\n.spm", "film\0.spm", "µ.spm", "a\u202espm.exe", "\ud800", "$(reboot).spm")
    for name in (*folders, *odd, "a.part", "a.part.version", "{sample}.spm", "a." + "b" * 300, "x" * 400 + ".spm"):
        local = http.safe_name(name)
        assert FILE_NAME.fullmatch(local) and local != name and len(local) <= 150
        assert not local.endswith((".", *http.RESERVED)) and http.safe_name(local) == local
    assert http.safe_name("film 17 (center).spm").startswith("film_17_center-")
    assert http.safe_name("film 17 (center).spm").endswith(".spm")


@given(st.lists(st.text(st.sampled_from("aA /.b-_"), max_size=4) | st.text(max_size=300), max_size=12))
def test_names_in_one_folder_stay_distinct_whatever_they_are(remote):
    remote = [*remote, "a b.spm", http.safe_name("a b.spm"), "x.spm", "X.spm", "Record.JSON"]
    local = http.distinct_names(remote, taken=("record.json",))
    assert list(local) == list(dict.fromkeys(remote))
    assert len({name.lower() for name in local.values()} | {"record.json"}) == len(local) + 1
    assert all(FILE_NAME.fullmatch(name) for name in local.values())
