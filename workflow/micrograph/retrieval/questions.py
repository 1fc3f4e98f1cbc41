"""One question to a web server: its redirects followed by hand, its refusals told in words, its answer in pieces.

Credentials go to one origin (scheme, host, port) alone. No message names a query, a user or a header's value.
requests and urllib3 are imported when a function needs them.
"""

import ipaddress
import math
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import quote, urljoin, urlsplit

from micrograph.errors import UserError

AGENT = "growth-from-micrographs"
REDIRECTS = 10
BLOCK_BYTES = 1 << 16
SLOWEST_BYTES_A_SECOND = 1024  # slower than this, over the time of patience, is taken for a connection that hangs
LONGEST_SECONDS = 3600.0  # that one thing is waited for of which nobody told us how large it is
PORTS = {"http": 80, "https": 443}
MOVED = {301, 302, 303, 307, 308}
BUSY = {408, 425, 429}
PART, PAST_THE_END = 206, 416
PACKED = {"", "identity", "gzip", "x-gzip", "deflate"}  # what is unpacked, asked for or not
REFUSALS = {
    401: "it asks for credentials, or does not know the ones it got; check them",
    403: "it refuses access; the data may be restricted, or the credentials not be enough",
    404: "it knows no such thing; check the address",
    410: "this has been withdrawn",
}
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


class Faltered(Exception):
    """What may go well a second time. `what` says it in words; wait_seconds: how long the server wants to be left."""

    def __init__(self, what, wait_seconds=None):
        super().__init__(what)
        self.what, self.wait_seconds = what, wait_seconds


class Unreachable(UserError):
    """The server is not there, or gives no answer after all tries: no refusal, and nothing that we did wrong."""


def shown(url):
    """The address as it may stand in messages and logs: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return quote(f"{parts.scheme}://{host}{parts.path}", safe="/:[]%@+,;=~")[:300]


def origin(url):
    """(scheme, host, port) of an address; UserError where it is none of http or https."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise UserError("a server's address is not written as addresses are; write it as https://host/path.") from None
    if scheme not in PORTS or not host:
        raise UserError(f"{shown(url)}: this is no address of a web server; write it as https://host/path.")
    return scheme, host, port or PORTS[scheme]


def checked_headers(headers):
    """The headers as a dict of texts; UserError that names, and never shows, the one that cannot be sent."""
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise UserError("the name of a request header has characters that cannot be sent; correct the credentials.")
        if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
            raise UserError(f"the request header {name} is no plain line of ASCII text; correct the credentials.")
    return dict(headers or {})


class Asker:
    """Asks one server's origin, with credentials, and whatever it sends us on to, without."""

    def __init__(self, base_url, headers=None, per_second=None, timeout_seconds=60):
        """headers: sent to the origin of base_url alone; per_second: questions at most; timeout_seconds: of silence."""
        import requests

        self.origin, self.headers = origin(base_url), checked_headers(headers)
        if "@" in urlsplit(base_url).netloc:
            raise UserError(f"{shown(base_url)}: names and passwords do not belong in an address; take them out.")
        if self.headers and self.origin[0] != "https" and not _is_this_machine(self.origin[1]):
            words = "credentials are not sent without encryption; write the address with https"
            raise UserError(f"{shown(base_url)}: {words}.")
        self.timeout_seconds = timeout_seconds
        self.pause_seconds = 1 / per_second if per_second else 0.0
        self.next_at = 0.0
        self.session = requests.Session()
        self.session.headers = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        self.session.auth = lambda request: request  # else a .netrc would put its own in the place of ours

    def ask(self, url, body=None, headers=None, statuses=(200,)):
        """The answer to GET, or to POST of `body` as JSON: open, to be closed by the caller, its body not yet read.

        headers: of this question, no credentials. Redirects are followed, to servers without encryption only from
        such. Raises Faltered for what may go well again, UserError for any status that is none of `statuses`.
        """
        for _ in range(REDIRECTS):
            answer = self._send(url, body, headers or {})
            if answer.status_code not in MOVED or "location" not in answer.headers:
                return _accepted(answer, url, statuses)
            answer.close()
            body = None if answer.status_code == HTTPStatus.SEE_OTHER else body
            url = _moved(url, self.session.get_redirect_target(answer))
        raise UserError(f"{shown(url)}: the server sends us round in circles; check the address.")

    def _send(self, url, body, headers):
        """One request, at its time; Faltered where no answer comes."""
        import requests
        import urllib3

        own = self.headers if origin(url) == self.origin else {}
        pause = self.next_at - time.monotonic()
        time.sleep(max(pause, 0.0))
        self.next_at = time.monotonic() + self.pause_seconds
        method = "GET" if body is None else "POST"
        sent = {"headers": headers | own, "timeout": self.timeout_seconds, "stream": True, "allow_redirects": False}
        try:
            return self.session.request(method, url, json=body, **sent)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _unanswered(url, error, self.timeout_seconds) from None

    def pieces(self, answer, until=math.inf):
        """The body of an open answer in pieces of bytes, unpacked where it came packed.

        Raises Faltered where the connection breaks off, falls silent, or brings next to nothing, Unreachable where it
        still goes on at `until` (time.monotonic, seconds), UserError where it is packed in a way that is not known here.
        """
        import urllib3

        if answer.headers.get("Content-Encoding", "").strip().lower() not in PACKED:
            raise UserError(
                f"{shown(answer.url)}: the answer came packed in a way that nobody asked for; try a mirror."
            )
        since, got = time.monotonic(), 0
        while True:
            try:
                piece = answer.raw.read1(BLOCK_BYTES, decode_content=True)
            except urllib3.exceptions.ReadTimeoutError:
                raise Faltered(f"nothing came for {self.timeout_seconds:g} s") from None
            except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError):
                raise Faltered("the connection broke off") from None
            if not piece:
                return
            yield piece
            if time.monotonic() > until:
                raise Unreachable(f"{shown(answer.url)}: too slow, it does not end in time; try again later.")
            got += len(piece)
            passed = time.monotonic() - since
            if passed > self.timeout_seconds:
                if got < SLOWEST_BYTES_A_SECOND * passed:
                    raise Faltered(f"only {got} bytes came in {passed:.0f} s")
                since, got = time.monotonic(), 0


def _is_this_machine(host):
    """Whether a host is this very machine (loopback), so that nobody can listen on the way to it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _moved(url, target):
    """Where a redirect leads, as a whole address; UserError where we do not go."""
    try:
        target = urljoin(url, target)
    except ValueError:
        raise UserError(f"{shown(url)}: the server sends us on to no address; check this one.") from None
    if origin(url)[0] == "https" and origin(target)[0] != "https":
        raise UserError(
            f"{shown(url)}: the server sends us on to {shown(target)}, without encryption; check the address."
        )
    return target


def _accepted(answer, url, statuses):
    """The answer, where its status is welcome."""
    status = answer.status_code
    if status in statuses:
        return answer
    answer.close()
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Faltered(f"the server answers {_named(status)}", _wanted_wait(answer.headers))
    reason = REFUSALS.get(status, "that is no answer to our question; check the address")
    raise UserError(f"{shown(url)}: the server answers {_named(status)}: {reason}.")


def _named(status):
    """The status with the standard's words for it, not the server's."""
    return f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)


def _wanted_wait(headers):
    """The seconds that Retry-After asks for, as a number or as a date by the server's own clock; None for neither."""
    wanted = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", wanted):
        return float(wanted)
    try:
        until = parsedate_to_datetime(wanted)
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):  # no date; or one of two without a time zone
        return None


def _unanswered(url, error, timeout_seconds):
    """Faltered or UserError for an exception of requests, in words: its own would show the address with its query."""
    import requests
    import urllib3

    reason = getattr(next(iter(error.args), None), "reason", None)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" in str(error).upper():
        words = "its certificate is not one that this machine trusts; check the clock, or set REQUESTS_CA_BUNDLE"
        return UserError(f"{shown(url)}: {words}.")
    if isinstance(error, requests.exceptions.ProxyError):
        return Faltered("the proxy of this machine (HTTPS_PROXY, HTTP_PROXY) does not let us through")
    if isinstance(error, requests.exceptions.Timeout):
        return Faltered(f"no answer came for {timeout_seconds:g} s")
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return Faltered("it cannot be reached: this machine has no network, or there is no such server")
    if isinstance(error, ValueError):
        return UserError(f"{shown(url)}: this address cannot be asked; check it.")
    return Faltered("the connection broke off")
