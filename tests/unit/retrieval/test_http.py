"""Servers that break off, stall, lie and redirect: complete files and answers, or one sentence."""

import gzip
import hashlib
import resource
import time
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

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


def test_a_file_is_downloaded_once_and_again_when_it_does_not_fit(web, tmp_path):
    web.say("/data/film.spm", BODY)
    client, path = Client(f"{web.url}/data/"), tmp_path / "new" / "film.spm"
    assert client.download("film.spm", path, len(BODY), MD5) == client.download("film.spm", path) == path
    assert path.read_bytes() == BODY and names(path.parent) == ["film.spm"] and len(web.asked()) == 1
    path.write_bytes(BODY[:-1] + b"?")
    assert client.download("film.spm", path, len(BODY), MD5).read_bytes() == BODY


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_download_is_resumed_where_it_broke_off_by_this_run_or_the_next(web, tmp_path, reset):
    cut = Answer(BODY, cut_after=100_000, reset=reset)
    web.say("/f", cut, Answer(BODY))
    web.say("/g", Answer(BODY, cut_after=1000))
    assert Client(web.url).download("f", tmp_path / "f", checksum=MD5).read_bytes() == BODY
    start = int(web.asked("/f")[1].headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 100_000 and (reset or start == 100_000)
    with pytest.raises(Unreachable, match="broke off"):
        Client(web.url, tries=3).download("g", tmp_path / "g", checksum=MD5)
    assert names(tmp_path) == ["f", "g.part"] and len(web.asked("/g")) == 3
    web.say("/g", BODY)
    assert Client(web.url).download("g", tmp_path / "g", checksum=MD5).read_bytes() == BODY
    assert web.asked("/g")[-1].headers["range"] == "bytes=3000-" and names(tmp_path) == ["f", "g"]


def test_without_a_checksum_a_download_starts_again(web, tmp_path):
    web.say("/f", Answer(BODY, cut_after=100_000), Answer(BODY[::-1]))
    assert Client(web.url).download("f", tmp_path / "f").read_bytes() == BODY[::-1]
    assert "range" not in web.asked("/f")[1].headers


def test_two_versions_of_a_file_are_not_mixed(web, tmp_path):
    new = BODY[::-1]
    checksum = f"sha256:{hashlib.sha256(new).hexdigest()}"
    web.say("/f", Answer(BODY, cut_after=100_000), Answer(new))
    assert Client(web.url).download("f", tmp_path / "f", checksum=checksum).read_bytes() == new
    assert ["range" in request.headers for request in web.asked()] == [False, True, False]


@pytest.mark.parametrize(
    ("status", "said"), [(206, "bytes 0-9/256000"), (206, "gibberish"), (206, None), (416, "bytes */5"), (416, None)]
)
def test_a_wrong_answer_to_a_range_is_not_believed(web, tmp_path, status, said):
    odd = Answer(BODY[:10], status=status, headers={"Content-Range": said} if said else {})
    web.say("/f", Answer(BODY, cut_after=100_000), odd, Answer(BODY))
    assert Client(web.url).download("f", tmp_path / "f", checksum=MD5).read_bytes() == BODY
    assert "range" not in web.asked("/f")[2].headers


def test_a_part_that_is_complete_only_needs_its_name_and_a_longer_one_goes(web, tmp_path):
    web.say("/f", BODY)
    (tmp_path / "f.part").write_bytes(BODY)
    assert Client(web.url).download("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY and not web.asked()
    (tmp_path / "g.part").write_bytes(BODY * 2)
    assert Client(web.url).download("f", tmp_path / "g", len(BODY), MD5).read_bytes() == BODY


@pytest.mark.parametrize("status", [408, 429, 500, 503, 599])
def test_a_busy_server_is_requested_again(web, tmp_path, status):
    web.say("/f", Answer(status=status), Answer(status=status), {"a": 1})
    assert Client(web.url, tries=3).json("f") == {"a": 1}
    web.say("/f", Answer(status=status))
    with pytest.raises(Unreachable, match=rf"/f: the server answers {status}"):
        Client(web.url, tries=3).download("f", tmp_path / "g")
    assert names(tmp_path) == [] and len(web.asked("/f")) == 6


def test_waits_grow_and_retry_after_is_obeyed(web, monkeypatch):
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.05)
    wishes = [None, None, "1", "Mon, 05 Jan 2015 10:00:00 GMT", "9" * 5000]
    web.say("/j", *[Answer(status=429, headers={"Retry-After": wish} if wish else {}) for wish in wishes], {"a": 1})
    assert Client(web.url, tries=6).json("j") == {"a": 1}
    at = [one.at for one in web.asked("/j")]
    waits = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert all(0 <= wait - due < 10 for wait, due in zip(waits, [0.05, 0.1, 1, 0, 0.8], strict=True))
    web.say("/k", Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(Unreachable, match=r"429 .* 3600 s"):
        Client(web.url).json("k")
    assert len(web.asked("/k")) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410, 204, 304, 400, 418])
def test_a_refusal_is_one_sentence_at_once(web, tmp_path, status):
    web.say("/f", Answer(b"<html>secret</html>", status=status))
    for ask in (lambda: Client(web.url).json("f"), lambda: Client(web.url).download("f", tmp_path / "f")):
        with pytest.raises(UserError, match=rf"{web.url}/f: .*{status}") as caught:
            ask()
        assert "secret" not in str(caught.value)
    assert names(tmp_path) == [] and len(web.asked()) == 2


@pytest.mark.parametrize("body", [b"\n<!DOCTYPE html><html>Log in", b"\xef\xbb\xbf<HTML>", b"<?xml?><Error>"])
def test_a_web_page_is_no_data(web, tmp_path, body):
    web.say("/f", body)
    with pytest.raises(UserError, match="web page"):
        Client(web.url).download("f", tmp_path / "f", len(body))
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
        (BODY + b"?", len(BODY), MD5, "more than 256000"),
        (BODY, None, "sha256:" + "0" * 64, "damaged or replaced"),
        (BODY, None, "sha256:00000000", "damaged or replaced"),
        (BODY, None, "crc32:12345678", "unknown kind"),
        (Answer(endless), 1_000_000, None, "1000000"),
        (Answer(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}), 1_000_000, None, "1000000"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_stays(web, tmp_path, answer, size, checksum, words):
    web.say("/f", answer)
    with pytest.raises(UserError, match=words):
        Client(web.url).download("f", tmp_path / "f", size, checksum)
    assert names(tmp_path) == []


def test_bytes_without_end_are_not_waited_for(web, monkeypatch):
    monkeypatch.setattr(http, "MAX_JSON_BYTES", 1_000_000)
    web.say("/f", Answer(endless))
    web.say("/to", Answer(endless, status=302, headers={"Location": "/j"}))
    web.say("/j", {"a": 1})
    with pytest.raises(UserError, match="does not end"):
        Client(web.url).json("f")
    assert Client(web.url).json("to") == {"a": 1}  # the body of a redirect is not read


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
        assert len(web.asked(f"/{path}")) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_what_is_not_json_is_refused(web, body):
    web.say("/j", body)
    with pytest.raises(UserError, match="/j: .*not JSON"):
        Client(web.url).json("j")


def test_json_comes_packed_and_requests_carry_query_and_body(web):
    web.say("/api/j", Answer(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))
    client = Client(f"{web.url}/api")
    assert client.json("j", {"technique": "CVD"}, page=2, q="a b&c", none=None) == {"a": 1}
    asked = web.asked()[0]
    assert (asked.method, asked.json, asked.query) == ("POST", {"technique": "CVD"}, {"page": "2", "q": "a b&c"})
    web.say("/api/moved", redirect("/api/j", 307))
    client.json("moved", {"q": 1})
    assert web.asked()[-1].json == {"q": 1}
    client.json("//evil.org/../j")  # a path cannot lead to another server
    assert len(web.asked()) == 4


def test_answers_serve_when_the_server_cannot_be_reached_and_only_then(web, tmp_path, capsys):
    def client(url=web.url):
        return Client(url, tries=2, responses=tmp_path / "responses")

    web.say("/j", {"a": 1})
    assert client().json("j", {"q": 1}, page=1) == {"a": 1}
    web.say("/j", Answer(status=503))
    gone = client()
    assert gone.json("j", {"q": 1}, page=1) == {"a": 1} and gone.offline
    assert gone.json("j", {"q": 1}, page=1) == {"a": 1} and len(web.asked()) == 4  # two tries, then one
    assert capsys.readouterr().out.count("Continuing with its responses of 20") == 1
    for other in (lambda: client().json("j", {"q": 2}, page=1), lambda: client().json("j", {"q": 1})):
        with pytest.raises(Unreachable):
            other()
    with pytest.raises(Unreachable):
        client(loopback.closed_url()).json("j", {"q": 1}, page=1)
    web.say("/j", Answer(status=404))
    with pytest.raises(UserError, match="404"):
        client().json("j", {"q": 1}, page=1)


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
    web.say("/f", Answer(BODY, cut_after=10))
    web.say("/429", Answer(status=429, headers={"Retry-After": "9999"}))
    web.say("/loop", redirect(f"/loop?token={SECRET}"))
    web.say("/odd", redirect(f"ftp://me:{SECRET}@host/?token={SECRET}"))
    web.say("/dead", redirect(f"{loopback.closed_url()}/?token={SECRET}".replace("//", f"//me:{SECRET}@")))
    web.say("/page", b"<html>" + SECRET.encode())
    client = Client(web.url, {"X-Api-Key": SECRET}, tries=2, timeout_seconds=1)
    broken = Client(web.url, {"X-Api-Key": f"{SECRET}\r\nX-Evil: 1"})
    for path in ("f", "429", "loop", "odd", "dead", "page", "none"):
        for ask in (client, broken):
            with pytest.raises(UserError) as caught:
                ask.download(f"{path}?token={SECRET}", tmp_path / path)
            assert SECRET not in str(caught.value) and "token" not in str(caught.value)
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
    printed = "".join(capfd.readouterr())
    assert "downloading" in printed and SECRET not in printed and len(web.asked("/loop")) == 31
    assert names(tmp_path) == []


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "file:///etc/passwd", "https://[::1"])
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


def test_a_machine_without_network_is_reported(tmp_path):
    for url in (loopback.closed_url(), "http://no-such-host.invalid"):
        with pytest.raises(Unreachable, match="no network"):
            Client(url, tries=2).download("f", tmp_path / "f")
    assert names(tmp_path) == []


def _download_to_a_small_disk(url, to):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with pytest.raises(UnwritableError, match="f: cannot be written .File too large"):
        Client(url).download("f", to, len(BODY), MD5)


def test_a_full_disk_is_the_disks_fault_and_what_came_before_is_continued(web, tmp_path):
    web.say("/f", BODY)
    for folder in ("/dev/full", "/proc"):
        with pytest.raises(UnwritableError, match="cannot be written"):
            Client(web.url).download("f", f"{folder}/f")
    job = get_context("fork").Process(target=_download_to_a_small_disk, args=(web.url, tmp_path / "f"), daemon=True)
    job.start()
    job.join(300)
    assert job.exitcode == 0 and names(tmp_path) == ["f.part"]
    Client(web.url).download("f", tmp_path / "f", len(BODY), MD5)
    assert web.asked()[-1].headers["range"] == "bytes=100000-" and names(tmp_path) == ["f"]


def test_a_plain_name_stays_and_any_other_becomes_one_plain_name_of_its_own():
    for name in ("film.spm", "MCV1-210405a-07_c_1um.0_00000.spm", "a", "A+b_c-d.tar.gz"):
        assert http.safe_name(name) == name
    folders = ("../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b.spm", "a\\b.spm", "C:\\x.spm", "~")
    odd = (".bashrc", "-rf", "a ", "film\n.spm", "film\0.spm", "µ.spm", "a\u202espm.exe", "\ud800", "$(reboot).spm")
    for name in (*folders, *odd, "a.part", "{sample}.spm", "a." + "b" * 300, "x" * 400 + ".spm"):
        local = http.safe_name(name)
        assert FILE_NAME.fullmatch(local) and local != name and len(local) <= 150
        assert not local.endswith((".", *http.RESERVED)) and http.safe_name(local) == local
    assert len({http.safe_name(name, distinct=True).lower() for name in ("a.pkl", "A.pkl", "a .pkl", "a/.pkl")}) == 4
