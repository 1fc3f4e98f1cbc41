"""A web server on 127.0.0.1 that says what a test has it say, path by path and in order, and keeps what it was asked.

with loopback.running() as server:
    server.say("/film.spm", Answer(b"0123456789", cut_after=4, etag='"a"'), Answer(b"0123456789", etag='"a"'))
    ...                                     # fetch f"{server.url}/film.spm"
    assert server.asked("/film.spm")[1].headers["range"] == "bytes=4-"

The last answer of a path is given again and again; a path of which nothing was said gets 404.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Answer:
    """One answer.

    body: bytes; a dict or list, sent as JSON; or a function without arguments that gives pieces of bytes, sent without
    a Content-Length until they end (or for ever). status and headers as said. cut_after: so many bytes of the body
    are sent, then the connection is cut (with `reset` by a TCP reset, else closed). wait_seconds: before anything is
    said. announced: a Content-Length that is a lie. ranges: whether Range is understood; etag: sent, and If-Range
    must name it.
    """

    body: bytes | dict | list | Callable = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut_after: int | None = None
    reset: bool = False
    wait_seconds: float = 0
    announced: int | None = None
    ranges: bool = True
    etag: str | None = None


@dataclass
class Request:
    """What was asked: method, path without and with its query, the query as a dict, headers (names in lower case),
    body (bytes), and when (time.monotonic, seconds)."""

    method: str
    path: str
    whole_path: str
    query: dict
    headers: dict
    body: bytes
    at: float

    @property
    def json(self):
        """The body read as JSON."""
        return json.loads(self.body)


def redirect(url, status=302):
    """The answer that sends a client elsewhere."""
    return Answer(status=status, headers={"Location": url})


class Loopback:
    """The server: `url` and `other_url` (the same server by another host name), `requests` (everything asked)."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.other_url = f"http://localhost:{port}"
        self.requests = []
        self._answers = {}
        self._lock = threading.Lock()

    def say(self, path, *answers):
        """Script the answers of a path (with its query, or without: for every query): Answers in order, the last for
        ever; a bytes, dict or list stands for Answer(it), a function takes the Request and gives any of these."""
        with self._lock:
            self._answers[path] = list(answers)

    def asked(self, path=None):
        """The requests for a path, in order; all without one."""
        with self._lock:
            return [one for one in self.requests if path in (None, one.path, one.whole_path)]

    def answer(self, request):
        """The Answer that is due to this request, which is kept."""
        with self._lock:
            self.requests.append(request)
            due = self._answers.get(request.whole_path) or self._answers.get(request.path) or [Answer(status=404)]
            chosen = due.pop(0) if len(due) > 1 else due[0]
        if callable(chosen):
            chosen = chosen(request)
        return chosen if isinstance(chosen, Answer) else Answer(chosen)


@contextmanager
def running():
    """A Loopback that serves while the block runs."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request, client_address):
            pass  # clients hang up here on purpose

    class Handler(_Handler):
        pass

    serving = Server(("127.0.0.1", 0), Handler)
    Handler.loopback = Loopback(serving.server_port)
    threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Handler.loopback
    finally:
        serving.shutdown()
        serving.server_close()


def closed_url():
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loopback = None

    def log_message(self, *words):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(self.command, parts.path, self.path, query, headers, body, time.monotonic())
        self.give(request, self.loopback.answer(request))

    do_POST = do_HEAD = do_PUT = do_GET

    def give(self, request, answer):
        time.sleep(answer.wait_seconds)
        status, headers, body = answer.status, dict(answer.headers), answer.body
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json"} | headers
        if answer.etag:
            headers = {"ETag": answer.etag} | headers
        if isinstance(body, bytes):
            if status == 200 and answer.ranges:
                status, more, body = ranged(request.headers, answer.etag, body)
                headers = more | headers
            length = len(body) if answer.announced is None else answer.announced
            headers = {"Content-Length": str(length)} | headers
        else:
            headers |= {"Connection": "close"}
        self.send_response_only(status)
        headers = {"Date": self.date_time_string()} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.send_body(iter([body]) if isinstance(body, bytes) else iter(body()), answer)

    def send_body(self, pieces, answer):
        left = answer.cut_after
        for piece in pieces if self.command != "HEAD" else ():
            self.wfile.write(piece[:left])
            if left is not None:
                left -= min(left, len(piece))
        self.wfile.flush()
        if left is not None or answer.announced is not None:
            self.close_connection = True
        if answer.reset:
            time.sleep(0.5)  # so that the bytes before the reset are read
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def ranged(asked, etag, body):
    """(status, headers, body) of a part of `body`: 206, 416 for one beyond its end, all of it where none is due."""
    first = asked.get("range", "").removeprefix("bytes=").removesuffix("-")
    if not first.isdigit() or ("if-range" in asked and asked["if-range"] != etag):
        return 200, {"Accept-Ranges": "bytes"}, body
    if int(first) >= len(body):
        return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
    return 206, {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}, body[int(first) :]
