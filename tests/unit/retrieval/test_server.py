"""A server that cuts, stalls, lies and sends us elsewhere: whole files and answers, or a sentence."""

import gzip
import hashlib
import multiprocessing
import resource
import time

import pytest

import loopback
from loopback import Answer, redirect
from micrograph.errors import UserError
from micrograph.io import Unwritable
from micrograph.retrieval import downloads, questions, server
from micrograph.retrieval.server import Server

BODY = bytes(range(256)) * 1000  # 256,000 bytes, every one of its blocks alike in content and unlike in place
MD5 = f"md5:{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"
SECRET = "k3y-of-the-lab"


@pytest.fixture
def web():
    with loopback.running() as running:
        yield running


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.01)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once_and_only_it_is_left(web, tmp_path):
    web.say("/data/film.spm", Answer(BODY, etag='"1"'))
    client = Server(f"{web.url}/data/")
    path = client.fetch("film.spm", tmp_path / "new" / "film.spm", len(BODY), MD5)
    assert path.read_bytes() == BODY and names(path.parent) == ["film.spm"]
    assert client.fetch("film.spm", path, len(BODY), MD5) == client.fetch("film.spm", path) == path
    assert len(web.asked()) == 1


def test_a_file_that_is_there_and_does_not_fit_is_fetched_anew(web, tmp_path):
    web.say("/film.spm", BODY)
    path = tmp_path / "film.spm"
    path.write_bytes(BODY[:-1] + b"?")
    Server(web.url).fetch("film.spm", path, len(BODY), MD5)
    assert path.read_bytes() == BODY


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_download_is_resumed_where_it_broke_off(web, tmp_path, reset):
    web.say("/f", Answer(BODY, cut_after=100_000, reset=reset, etag='"1"'), Answer(BODY, etag='"1"'))
    path = Server(web.url).fetch("f", tmp_path / "f")
    assert path.read_bytes() == BODY
    first, second = web.asked("/f")
    assert "range" not in first.headers
    start = int(second.headers["range"].removeprefix("bytes=").removesuffix("-"))
    assert second.headers["if-range"] == '"1"' and 0 < start <= 100_000
    assert reset or start == 100_000


def test_a_download_that_was_given_up_is_resumed_by_the_next_run(web, tmp_path):
    web.say("/f", Answer(BODY, cut_after=1000, etag='"1"'))
    with pytest.raises(UserError, match=r"the connection broke off \(3 tries\); try again later"):
        Server(web.url, tries=3).fetch("f", tmp_path / "f")
    assert (tmp_path / "f.part").read_bytes()[:1000] == BODY[:1000] and not (tmp_path / "f").exists()
    web.say("/f", Answer(BODY, etag='"1"'))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY
    assert web.asked("/f")[-1].headers["range"] == "bytes=3000-"
    assert names(tmp_path) == ["f"]


def test_tries_are_not_counted_while_bytes_come(web, tmp_path):
    web.say("/f", *[Answer(BODY, cut_after=20_000, etag='"1"')] * 12, Answer(BODY, etag='"1"'))
    assert Server(web.url, tries=2).fetch("f", tmp_path / "f").read_bytes() == BODY
    assert len(web.asked("/f")) == 13


def test_a_new_version_of_the_file_is_not_mixed_with_the_old(web, tmp_path):
    new = BODY[::-1]
    web.say("/f", Answer(BODY, cut_after=100_000, etag='"old"'), Answer(new, etag='"new"'))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == new


def test_a_server_that_ignores_if_range_does_not_mix_versions_either(web, tmp_path):
    new = BODY[::-1]
    headers = {"Content-Range": f"bytes 100000-{len(new) - 1}/{len(new)}"}
    patched = Answer(new[100_000:], status=206, headers=headers, etag='"new"')
    web.say("/f", Answer(BODY, cut_after=100_000, etag='"old"'), patched, Answer(new, etag='"new"'))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == new


def test_versions_mixed_without_a_mark_are_found_by_the_checksum_and_fetched_anew(web, tmp_path):
    old = Answer(BODY[::-1], cut_after=100_000)
    web.say("/f", old, Answer(BODY), Answer(BODY))
    assert Server(web.url).fetch("f", tmp_path / "f", checksum=MD5).read_bytes() == BODY
    assert "range" in web.asked("/f")[1].headers and "range" not in web.asked("/f")[2].headers


def test_without_mark_and_checksum_a_cut_download_begins_anew(web, tmp_path):
    web.say("/f", Answer(BODY, cut_after=100_000), Answer(BODY))
    assert Server(web.url).fetch("f", tmp_path / "f", size=len(BODY)).read_bytes() == BODY
    assert "range" not in web.asked("/f")[1].headers


def test_a_server_without_ranges_sends_all_of_it_again(web, tmp_path):
    web.say("/f", Answer(BODY, cut_after=100_000, etag='"1"', ranges=False), Answer(BODY, etag='"1"', ranges=False))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY


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
    web.say("/f", Answer(BODY, cut_after=100_000, etag='"1"'), odd, Answer(BODY, etag='"1"'))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY
    assert "range" not in web.asked("/f")[2].headers


def test_a_rest_that_comes_in_pieces_is_put_together(web, tmp_path):
    def third(request):
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        end = min(start + 100_000, len(BODY))
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(BODY)}", "ETag": '"1"'}
        return Answer(BODY[start:end], status=206, headers=headers)

    web.say("/f", Answer(BODY, cut_after=50_000, etag='"1"'), third)
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY


def test_a_part_that_was_whole_only_needs_its_name(web, tmp_path):
    (tmp_path / "f.part").write_bytes(BODY)
    web.say("/f", BODY)
    assert Server(web.url).fetch("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY
    assert web.asked() == []
    (tmp_path / "f").rename(tmp_path / "f.part")
    (tmp_path / "f.part.version").write_text('"1"')
    web.say("/f", Answer(BODY, etag='"1"'))
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY  # 416: there is nothing beyond its end
    assert web.asked()[0].headers["range"] == "bytes=256000-"
    assert names(tmp_path) == ["f"]


def test_a_part_longer_than_the_file_is_thrown_away(web, tmp_path):
    (tmp_path / "f.part").write_bytes(BODY * 2)
    web.say("/f", BODY)
    assert Server(web.url).fetch("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_busy_server_is_asked_again(web, tmp_path, status):
    web.say("/f", Answer(status=status), Answer(status=status), BODY)
    web.say("/j", Answer(status=status), Answer(status=status), {"a": 1})
    assert Server(web.url, tries=3).fetch("f", tmp_path / "f").read_bytes() == BODY
    assert Server(web.url, tries=3).json("j") == {"a": 1}
    web.say("/f", Answer(status=status))
    with pytest.raises(UserError, match=rf"/f: the server answers {status}.*\(3 tries\); try again later"):
        Server(web.url, tries=3).fetch("f", tmp_path / "g")
    assert names(tmp_path) == ["f"]


def test_waits_grow_and_the_servers_wish_is_obeyed(web, monkeypatch):
    monkeypatch.setattr(server, "FIRST_WAIT_SECONDS", 0.05)
    dated = {"Date": "Mon, 05 Jan 2015 10:00:00 GMT", "Retry-After": "Mon, 05 Jan 2015 10:00:01 GMT"}
    wishes = [{}, {}, {"Retry-After": "1"}, dated, {"Retry-After": "soon"}]
    web.say("/j", *[Answer(status=429, headers=headers) for headers in wishes], {"a": 1})
    assert Server(web.url, tries=6).json("j") == {"a": 1}
    at = [one.at for one in web.asked("/j")]
    waits = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert all(0 <= wait - due < 10 for wait, due in zip(waits, [0.05, 0.1, 1, 1, 0.8], strict=True))


@pytest.mark.parametrize("wish", ["3600", "999999999", "Mon, 05 Jan 2099 10:00:00 GMT"])
def test_a_server_that_wants_to_be_left_alone_for_long_is_left(web, wish):
    web.say("/j", Answer(status=429, headers={"Retry-After": wish}))
    with pytest.raises(
        UserError, match=r"429 Too Many Requests and asks to be left alone for \d+ s; try again after that"
    ):
        Server(web.url).json("j")
    assert len(web.asked()) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "asks for credentials"), (403, "refuses access"), (404, "knows no such thing"), (410, "withdrawn")],
)
def test_a_refusal_is_a_sentence_at_once(web, tmp_path, status, words):
    web.say("/f", Answer(b"<html>secret</html>", status=status))
    with pytest.raises(UserError, match=rf"{web.url}/f: the server answers {status} [A-Z].*{words}"):
        Server(web.url).fetch("f", tmp_path / "f")
    with pytest.raises(UserError, match=words):
        Server(web.url).json("f")
    assert len(web.asked()) == 2 and names(tmp_path) == []


@pytest.mark.parametrize("status", [204, 206, 304, 400, 418, 451, 799])
def test_an_answer_that_is_none_is_refused(web, status):
    web.say("/j", Answer(status=status))
    with pytest.raises(UserError, match=f"the server answers {status}"):
        Server(web.url, tries=1).json("j")


@pytest.mark.parametrize(
    "page", [b"\n<!DOCTYPE html><html>Log in", b"\xef\xbb\xbf<HTML>", b"<?xml version='1.0'?><Error>"]
)
def test_a_web_page_is_no_data(web, tmp_path, page):
    web.say("/f", page)
    for size, checksum in ((None, None), (len(BODY), MD5)):
        with pytest.raises(UserError, match="a web page came instead of the file"):
            Server(web.url).fetch("f", tmp_path / "f", size, checksum)
    with pytest.raises(UserError, match="a web page came instead of an answer in JSON"):
        Server(web.url).json("f")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "size", "checksum", "words"),
    [
        (BODY[:-1] + b"?", len(BODY), MD5, r"damaged or replaced \(md5 [0-9a-f]{32}, expected [0-9a-f]{32}\)"),
        (BODY[:-1], len(BODY), None, "255999 bytes came, and 256000 were announced"),
        (BODY + b"?", len(BODY), MD5, r"\d+ bytes came, and 256000 were announced"),
        (BODY, None, "sha256:" + "0" * 64, "damaged or replaced"),
        (BODY, None, "crc32:12345678", "its checksum is of no kind known here"),
        (BODY, None, MD5[:-1], "damaged or replaced"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_stays(web, tmp_path, body, size, checksum, words):
    web.say("/f", body)
    with pytest.raises(UserError, match=words):
        Server(web.url).fetch("f", tmp_path / "f", size, checksum)
    assert names(tmp_path) == []


def endless():
    while True:
        yield BODY


def test_bytes_without_end_are_not_waited_for(web, tmp_path, monkeypatch):
    web.say("/f", Answer(endless))
    with pytest.raises(UserError, match="bytes came, and 1000000 were announced"):
        Server(web.url).fetch("f", tmp_path / "f", size=1_000_000)
    monkeypatch.setattr(downloads, "MOST_BYTES", 1_000_000)
    with pytest.raises(UserError, match="the file does not end"):
        Server(web.url).fetch("f", tmp_path / "f")
    monkeypatch.setattr(server, "MOST_JSON_BYTES", 1_000_000)
    with pytest.raises(UserError, match="the answer does not end"):
        Server(web.url).json("f")
    assert names(tmp_path) == []


def test_what_is_larger_than_anything_we_look_for_is_not_fetched(web, tmp_path):
    web.say("/f", Answer(BODY, announced=(1 << 30) + 1))
    with pytest.raises(UserError, match="the file does not end .it has more than 1073741824 bytes"):
        Server(web.url, tries=1).fetch("f", tmp_path / "f")
    web.say("/j", b" " * (1 << 26) + b"{}")
    with pytest.raises(UserError, match="the answer does not end"):
        Server(web.url).json("j")
    assert len(web.asked()) == 2 and names(tmp_path) == []


def test_what_comes_slowly_is_waited_for_as_long_as_its_size_is_known(web, tmp_path, monkeypatch):
    def slowly():
        for start in range(0, 64_000, 2000):
            yield BODY[start : start + 2000]
            time.sleep(0.02)

    for module in (downloads, server):
        monkeypatch.setattr(module, "LONGEST_SECONDS", 0.2)
    web.say("/f", Answer(slowly))
    assert Server(web.url).fetch("f", tmp_path / "f", size=64_000).read_bytes() == BODY[:64_000]
    with pytest.raises(questions.Unreachable, match="/f: too slow, it does not end in time; try again later"):
        Server(web.url).fetch("f", tmp_path / "g")
    with pytest.raises(questions.Unreachable, match="/f: too slow, it does not end in time"):
        Server(web.url).json("f")


def test_a_server_that_brings_two_hundred_bytes_a_second_is_given_up(web, tmp_path):
    def drops():
        for _ in range(40):
            yield b"." * 10
            time.sleep(0.05)

    web.say("/f", Answer(drops))
    with pytest.raises(questions.Unreachable, match=r"only \d+ bytes came in"):
        Server(web.url, tries=1, timeout_seconds=1).fetch("f", tmp_path / "f")


def test_an_answer_without_a_length_that_ends_early_is_gone_on_with(web, tmp_path):
    web.say("/f", Answer(lambda: [BODY[:100_000]]), Answer(BODY))
    assert Server(web.url).fetch("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY
    assert web.asked("/f")[1].headers["range"] == "bytes=100000-"


def test_a_silent_server_and_one_that_trickles_are_given_up(web, tmp_path):
    def drops():
        while True:
            yield b"."
            time.sleep(0.05)

    web.say("/silent", Answer(BODY, wait_seconds=30))
    web.say("/drops", Answer(drops))
    web.say("/stalls", Answer(lambda: (time.sleep(30 * piece) or b"." for piece in range(2))))
    client = Server(web.url, tries=2, timeout_seconds=0.3)
    began = time.monotonic()
    for path, words in (
        ("silent", "no answer came for 0.3 s"),
        ("drops", "only [0-9]+ bytes came"),
        ("stalls", "nothing came"),
    ):
        with pytest.raises(UserError, match=rf"{words}.*\(2 tries\)"):
            client.fetch(path, tmp_path / path)
        with pytest.raises(UserError, match=rf"{words}.*\(2 tries\)"):
            client.json(path)
    assert time.monotonic() - began < 120


def test_what_comes_packed_is_unpacked_and_not_resumed(web, tmp_path):
    packed = gzip.compress(BODY, 0)
    headers = {"Content-Encoding": "gzip"}
    whole = Answer(packed, headers=headers, etag='"1"', ranges=False)
    web.say("/f", Answer(packed, headers=headers, etag='"1"', cut_after=100_000), whole)
    web.say("/j", Answer(gzip.compress(b'{"a": 1}'), headers=headers))
    web.say("/rest", Answer(packed, headers=headers, cut_after=200_000), Answer(packed, headers=headers), whole)
    assert Server(web.url).fetch("f", tmp_path / "f").read_bytes() == BODY
    assert Server(web.url).fetch("rest", tmp_path / "rest", checksum=MD5).read_bytes() == BODY
    assert [one.headers["accept-encoding"] for one in web.asked("/f")] == ["identity"] * 2
    assert Server(web.url).json("j") == {"a": 1}


def test_what_comes_packed_in_an_unknown_way_is_not_taken_for_data(web, tmp_path):
    web.say("/f", Answer(BODY, headers={"Content-Encoding": "br"}))
    with pytest.raises(UserError, match="/f: the answer came packed in a way that nobody asked for"):
        Server(web.url).fetch("f", tmp_path / "f")
    assert names(tmp_path) == []


def test_a_few_packed_bytes_cannot_become_very_many(web, tmp_path):
    web.say("/f", Answer(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(UserError, match=r"(\d{5}) bytes came, and 1000 were announced"):
        Server(web.url).fetch("f", tmp_path / "f", size=1000)


@pytest.mark.parametrize("body", [b"", b"{", b"no", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_json_that_is_none_is_refused(web, body):
    web.say("/j", body)
    with pytest.raises(UserError, match="/j: the answer is no JSON; check the address"):
        Server(web.url).json("j")


def test_questions_carry_their_query_and_body(web):
    web.say("/api/samples/search", {"found": 2})
    assert Server(f"{web.url}/api").json("samples/search", {"technique": "CVD"}, page=2, q="a b&c", none=None) == {
        "found": 2
    }
    asked = web.asked()[0]
    assert (asked.method, asked.json, asked.query) == ("POST", {"technique": "CVD"}, {"page": "2", "q": "a b&c"})
    Server(f"{web.url}/api").json(f"{web.url}/api/samples/search?page=2", size=5)
    assert (web.asked()[1].method, web.asked()[1].query) == ("GET", {"page": "2", "size": "5"})


def test_at_most_so_many_questions_a_second_are_asked(web):
    web.say("/j", {"a": 1})
    client, began = Server(web.url, per_second=20), []
    for _ in range(5):
        began.append(time.monotonic())
        client.json("j")
    arrived = [one.at for one in web.asked()]
    # From our side: a question may reach the server late, and the next one is then no longer that far behind it.
    assert all(later - earlier >= 0.05 for earlier, later in zip(began, arrived[1:], strict=False))


def test_credentials_go_to_their_own_server_alone(web, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password elsewhere\nmachine 127.0.0.1 login me password here\n")
    monkeypatch.setenv("NETRC", str(netrc))
    credentials = {"X-Api-Key": SECRET, "Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    client = Server(f"{web.url}/api", credentials)
    web.say("/api/here", redirect("/api/there"))
    web.say("/api/there", {"a": 1})
    web.say("/api/away", redirect(f"{web.other_url}/else?signed=yes"))
    web.say("/else", {"a": 2})
    with loopback.running() as other:
        other.say("/back", redirect(f"{web.url}/api/there"))
        web.say("/api/round", redirect(f"{other.url}/back"))
        assert client.json("here") == client.json("round") == {"a": 1}
        assert client.json("away") == client.json(f"{web.other_url}/else") == {"a": 2}
        assert client.fetch("away", tmp_path / "f").read_bytes() == b'{"a": 2}'
        asked = [*web.requests, *other.requests]
    for one in asked:
        ours = one.path.startswith("/api")
        assert [one.headers.get(name.lower()) == value for name, value in credentials.items()] == [ours] * 3
        assert ours or SECRET not in str(one.headers) and "authorization" not in one.headers
    assert {one.path for one in asked} == {"/api/here", "/api/there", "/api/away", "/api/round", "/else", "/back"}


def test_no_message_and_no_file_holds_credentials_or_a_query(web, tmp_path, capfd):
    web.say("/f", Answer(BODY, cut_after=10, etag='"1"'))
    web.say("/500", Answer(status=500))
    web.say("/429", Answer(status=429, headers={"Retry-After": "9999"}))
    web.say("/loop", redirect(f"/loop?token={SECRET}"))
    web.say("/odd", redirect(f"ftp://me:{SECRET}@host/?token={SECRET}"))
    web.say("/dead", redirect(f"{loopback.closed_url()}/?token={SECRET}".replace("//", f"//me:{SECRET}@")))
    web.say("/page", b"<html>" + SECRET.encode())
    client = Server(web.url, {"X-Api-Key": SECRET}, tries=2, timeout_seconds=1)
    for path in ("f", "500", "429", "loop", "odd", "dead", "page", "none"):
        with pytest.raises(UserError) as caught:
            client.fetch(f"{path}?token={SECRET}", tmp_path / path)
        assert SECRET not in str(caught.value) and "token" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    printed = "".join(capfd.readouterr())
    assert "fetching" in printed and SECRET not in printed
    assert SECRET not in "".join(path.read_text("latin-1") for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "value", ["k3y-of-the-lab\r\nX-Evil: 1", " k3y-of-the-lab", "k3y-of-the-lab\u20ac", 12, None, ""]
)
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(value):
    with pytest.raises(UserError, match="the request header X-Api-Key is no plain line") as caught:
        Server("https://example.org", {"X-Api-Key": value})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org", "file:///etc/passwd", "https://", "https://[::1", "https://h:99999"]
)
def test_what_is_no_address_is_refused(web, tmp_path, url):
    with pytest.raises(UserError, match="address"):
        Server(url)
    web.say("/f", redirect(url))
    if ":" in url:
        with pytest.raises(UserError, match="address"):
            Server(web.url).json(url)
        with pytest.raises(UserError, match="address"):
            Server(web.url).fetch("f", tmp_path / "f")


def test_a_password_in_an_address_is_refused_unseen():
    with pytest.raises(
        UserError, match="https://example.org/x: names and passwords do not belong in an address"
    ) as caught:
        Server(f"https://me:{SECRET}@example.org/x")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["m4-2dcc.vmhost.psu.edu", "127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "[2001:db8::1]"]
)
def test_credentials_are_not_sent_without_encryption(host):
    with pytest.raises(UserError, match="credentials are not sent without encryption; write the address with https"):
        Server(f"http://{host}/list", {"X-Api-Key": SECRET})
    Server(f"https://{host}/list", {"X-Api-Key": SECRET})
    Server(f"http://{host}/list")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"])
def test_unless_it_is_this_machine_that_they_go_to(host):
    Server(f"http://{host}/list", {"X-Api-Key": SECRET})


def test_a_path_cannot_lead_to_another_server():
    client = Server("https://example.org/api")
    assert client.address("//evil.org/x") == "https://example.org/api/evil.org/x"
    assert client.address("@evil.org/x") == "https://example.org/api/@evil.org/x"


def test_redirects_in_circles_end(web):
    web.say("/a", redirect("/b"))
    web.say("/b", redirect("/a"))
    with pytest.raises(UserError, match="sends us round in circles"):
        Server(web.url).json("a")
    assert len(web.asked()) == questions.REDIRECTS


def test_encryption_is_not_given_up_on_the_way():
    with pytest.raises(
        UserError, match="https://a.org/x: the server sends us on to http://b.org/y, without encryption"
    ):
        questions._moved("https://a.org/x", "http://b.org/y?token=1")
    assert questions._moved("http://a.org/x", "https://b.org/y?token=1") == "https://b.org/y?token=1"
    assert questions._moved("https://a.org/x", "//b.org/y") == "https://b.org/y"


def test_a_search_that_is_sent_on_stays_the_same_question(web):
    web.say("/search", redirect("/moved", 307))
    web.say("/moved", {"a": 1})
    assert Server(web.url).json("search", {"q": 1}) == {"a": 1}
    assert (web.asked("/moved")[0].method, web.asked("/moved")[0].json) == ("POST", {"q": 1})


def test_a_machine_without_network_is_told(tmp_path):
    for url in (loopback.closed_url(), "http://no-such-host.invalid"):
        words = r"it cannot be reached: this machine has no network, or there is no such server \(2 tries\)"
        with pytest.raises(UserError, match=words):
            Server(url, tries=2).fetch("f", tmp_path / "f")
        with pytest.raises(UserError, match=words):
            Server(url, tries=2).json("f")
    assert names(tmp_path) == []


def test_a_full_disk_is_the_disks_fault(web):
    web.say("/f", BODY)
    for folder in ("/dev/full", "/proc"):
        with pytest.raises(Unwritable, match="cannot be written"):
            Server(web.url).fetch("f", f"{folder}/f")


def _fetch(url, to):
    server.FIRST_WAIT_SECONDS = 0.01
    Server(url).fetch("f", to, len(BODY), MD5)


def _fetch_on_a_small_disk(url, to):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with pytest.raises(Unwritable, match="f: cannot be written .File too large.; make room"):
        Server(url).fetch("f", to, len(BODY), MD5)


def run_in_a_process(work, *arguments):
    job = multiprocessing.get_context("fork").Process(target=work, args=arguments, daemon=True)
    job.start()
    return job


def test_what_came_before_the_disk_was_full_is_kept_and_gone_on_with(web, tmp_path):
    web.say("/f", Answer(BODY, etag='"1"'))
    job = run_in_a_process(_fetch_on_a_small_disk, web.url, tmp_path / "f")
    job.join(300)
    assert job.exitcode == 0 and names(tmp_path) == ["f.part", "f.part.version"]
    assert Server(web.url).fetch("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY
    assert web.asked()[-1].headers["range"] == "bytes=100000-" and names(tmp_path) == ["f"]


def test_a_killed_download_is_gone_on_with(web, tmp_path):
    def stalls():
        yield BODY[:100_000]
        time.sleep(600)

    web.say("/f", Answer(stalls, etag='"1"'), Answer(BODY, etag='"1"'))
    job = run_in_a_process(_fetch, web.url, tmp_path / "f")
    deadline = time.monotonic() + 300
    while not ((tmp_path / "f.part").exists() and (tmp_path / "f.part").stat().st_size == 100_000):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    job.kill()
    job.join(300)
    assert Server(web.url).fetch("f", tmp_path / "f", len(BODY), MD5).read_bytes() == BODY
    assert web.asked()[-1].headers["range"] == "bytes=100000-" and names(tmp_path) == ["f"]


def test_processes_that_want_one_file_take_turns(web, tmp_path):
    def slowly():
        for start in range(0, len(BODY), 25_600):
            time.sleep(0.02)
            yield BODY[start : start + 25_600]

    web.say("/f", Answer(slowly))
    jobs = [run_in_a_process(_fetch, web.url, tmp_path / "f") for _ in range(4)]
    for job in jobs:
        job.join(300)
    assert [job.exitcode for job in jobs] == [0] * 4
    assert (tmp_path / "f").read_bytes() == BODY and names(tmp_path) == ["f"]
    assert len(web.asked()) == 1
