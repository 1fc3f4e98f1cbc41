"""Ask web servers for JSON and files: repeated requests, resumed and checked downloads.

A download that broke off leaves ``{file}.part`` and ``{file}.part.version``, the server's mark (ETag or date) of that
version, so that two versions are never mixed. No message shows a query, a user name or the value of a header.
requests neither resumes nor locks, and pooch, which checks, does neither.
"""

import fcntl
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import tenacity
import urllib3

from micrograph import io
from micrograph.errors import UserError
from micrograph.io import UnwritableError

CHUNK_BYTES = 1 << 16
MIN_BYTES_PER_SECOND = 1024  # a slower connection counts as stalled
MAX_JSON_BYTES = 1 << 26
MAX_FILE_BYTES = 1 << 30  # of a file of unknown size
FIRST_WAIT_SECONDS = 1.0  # doubled after every further failure
PROGRESS_BYTES = 1 << 14  # an attempt that brings so much more than any before is counted as the first
HEADERS = {"User-Agent": "growth-from-micrographs", "Accept": "*/*", "Accept-Encoding": "identity"}
RETRIED = {408, 425, 429}  # and 5xx
REFUSALS = {
    401: "it requires credentials, or rejects the ones it got; check them",
    403: "it refuses access; the data may be restricted, or the credentials not be enough",
    404: "it has no such file; check the address",
    410: "this has been withdrawn",
}
CHECKSUM = re.compile(r"(md5|sha1|sha256|sha512):([0-9a-fA-F]+)")
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype html|<html|<head|<body|<script|<error)", re.IGNORECASE
)
LEGAL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,148}[A-Za-z0-9+_-])?")
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}$")
RESERVED = (".part", ".part.version", ".tmp")


class Unreachable(UserError):
    """The server is not there, is out of order or falls silent: it has not refused, and asking again may help.

    Attributes
    ----------
    wait_seconds : float or None
        How long the server asks to wait.
    progress : bool
        Whether bytes came.
    """

    def __init__(self, url: str, what: str, wait_seconds: float | None = None) -> None:
        wish = f" and asks to wait {wait_seconds:.0f} s" if wait_seconds else ""
        super().__init__(f"{redact(url)}: {what}{wish}; try again later.")
        self.wait_seconds, self.progress = wait_seconds, False


class Client:
    """A client of one server, which sends one request at a time and repeats what may pass.

    That is connections that fail, break off or stall, and the statuses 408, 425, 429 and 5xx.

    Parameters
    ----------
    base_url : str
        Address that paths are relative to.
    headers : mapping of str to str, optional
        Credentials. They go to the scheme, host and port of `base_url` alone, not to where it redirects.
    per_second : float, optional
        Most requests a second.
    tries : int, default 5
        Attempts at a request. One that brings more of a file than those before is counted as the first.
    timeout_seconds : float, default 60
        Longest silence of the server.
    longest_wait_seconds : float, default 120
        Longest wait that a server may ask for (Retry-After).

    Raises
    ------
    UserError
        If the address cannot be used, or credentials would travel without encryption.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        per_second: float | None = None,
        tries: int = 5,
        timeout_seconds: float = 60,
        longest_wait_seconds: float = 120,
    ) -> None:
        self.base_url, self.tries = base_url.rstrip("/"), tries
        self.timeout_seconds, self.longest_wait_seconds = timeout_seconds, longest_wait_seconds
        self._pause_seconds, self._next_at = 1 / per_second if per_second else 0.0, 0.0
        self._session = _Session(base_url, headers or {})

    def json(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON that the server answers to GET, or to POST of `body` as JSON.

        Parameters
        ----------
        path : str
            Address, relative to the base URL or whole.
        body : JSON, optional
        **query : str or int
            Query of the address.

        Returns
        -------
        JSON

        Raises
        ------
        Unreachable
            If no answer comes.
        UserError
            If the server refuses, or answers anything else than JSON.
        """
        return self._retry(lambda: self._json(self._url(path), body, query))

    def download(self, path: str, to: str | Path, size: int | None = None, checksum: str | None = None) -> Path:
        """Download a file, unless it is there and fits; a download that broke off is resumed.

        Two processes that want the same file take turns.

        Parameters
        ----------
        path : str
            Address of the file, relative to the base URL or whole.
        to : path
            Where the file goes.
        size : int, optional
            Its size in bytes.
        checksum : str, optional
            ``"md5:..."``, ``"sha1:..."``, ``"sha256:..."`` or ``"sha512:..."`` in hexadecimal digits.

        Returns
        -------
        Path
            `to`.

        Raises
        ------
        Unreachable
            If the file does not come; what came is kept.
        UserError
            If the server refuses, a web page comes, or size or checksum differ; then nothing is kept.
        """
        url, to = self._url(path), Path(to)
        if checksum is not None and not CHECKSUM.fullmatch(checksum):
            raise UserError(f"{redact(url)}: unknown kind of checksum; known are md5, sha1, sha256, sha512.")
        if is_complete(to, size, checksum):
            return to
        part, version = Path(f"{to}.part"), Path(f"{to}.part.version")
        try:
            with _locked(part, url):
                try:
                    if not is_complete(to, size, checksum):  # no other process was faster
                        self._download(url, part, version, size, checksum)
                        os.replace(part, to)
                finally:
                    if not part.exists() or part.stat().st_size == 0:
                        part.unlink(missing_ok=True)
                        version.unlink(missing_ok=True)
        except OSError as error:
            way_out = "free disk space or correct the permissions, then run again; what was downloaded is kept"
            raise UnwritableError(f"{to}: cannot be written ({error.strerror or error}); {way_out}.") from None
        return to

    def _url(self, path):
        return path if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) else f"{self.base_url}/{path.lstrip('/')}"

    def _retry(self, attempt):
        """Return what attempt() returns; repeat it while it raises Unreachable."""
        retrying = tenacity.Retrying(
            retry=_may_pass,
            wait=_wait_seconds,
            stop=lambda state: state.attempt_number >= self.tries or _wait_seconds(state) > self.longest_wait_seconds,
            before_sleep=lambda state: print(f"{state.outcome.exception()} Again in {state.upcoming_sleep:.3g} s"),
            reraise=True,
        )
        return retrying(attempt)

    def _request(self, url, accepted=(200,), **options):
        """Return the open response to one request."""
        time.sleep(max(self._next_at - time.monotonic(), 0.0))
        self._next_at = time.monotonic() + self._pause_seconds
        method = "GET" if options.get("json") is None else "POST"
        try:
            response = self._session.request(method, url, timeout=self.timeout_seconds, stream=True, **options)
        except UserError:
            raise
        except (requests.ConnectionError, requests.Timeout) as error:
            what = "it cannot be reached: no network, no such server, or none that this machine trusts"
            raise Unreachable(url, f"{what} ({type(error).__name__})") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            what = f"the request cannot be sent ({type(error).__name__})"
            raise UserError(
                f"{redact(url)}: {what}; check the address, and the credentials where it has any."
            ) from None
        if (status := response.status_code) in accepted:
            return response
        response.close()
        name = f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)
        if status in RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait_seconds = None
            with suppress(KeyError, urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
                wait_seconds = float(urllib3.Retry().parse_retry_after(response.headers["Retry-After"]))
            raise Unreachable(url, f"the server answers {name}", wait_seconds)
        reason = REFUSALS.get(status, "an unexpected answer; check the address")
        raise UserError(f"{redact(url)}: the server answers {name}: {reason}.")

    def _chunks(self, response):
        """Yield the body of a response in pieces; give up on a connection that stalls or trickles."""
        since, received = time.monotonic(), 0
        while True:
            try:
                chunk = response.raw.read1(CHUNK_BYTES, decode_content=True)
            except urllib3.exceptions.ReadTimeoutError:
                raise Unreachable(response.url, f"no data for {self.timeout_seconds:g} s") from None
            except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError):
                raise Unreachable(response.url, "the connection broke off") from None
            if not chunk:
                return
            yield chunk
            seconds, received = time.monotonic() - since, received + len(chunk)
            if seconds > self.timeout_seconds:
                if received < MIN_BYTES_PER_SECOND * seconds:
                    raise Unreachable(response.url, f"only {received} bytes in {seconds:.0f} s")
                since, received = time.monotonic(), 0

    def _json(self, url, body, query):
        content = bytearray()
        with self._request(url, json=body, params=query, headers={"Accept": "application/json"}) as response:
            for chunk in self._chunks(response):
                content += chunk
                if len(content) > MAX_JSON_BYTES:
                    raise UserError(f"{redact(url)}: the response does not end; check the address.")
        try:
            return json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            if content and not {"content-length", "transfer-encoding"} & set(map(str.lower, response.headers)):
                raise Unreachable(url, "the answer broke off") from None  # its end is that of the connection
            what = (
                "a web page was sent (a login or error page?)" if WEB_PAGE.match(content) else "the answer is no JSON"
            )
            raise UserError(
                f"{redact(url)}: {what}; check the address, and the credentials where it has any."
            ) from None

    def _download(self, url, part, version, size, checksum):
        """Make a part complete; what is wrong starts once more from the beginning, for it may be of two versions."""
        longest = part.stat().st_size

        def attempt():
            nonlocal longest
            try:
                self._receive(url, part, version, size, checksum)
            except Unreachable as error:
                error.progress = part.stat().st_size - longest >= PROGRESS_BYTES
                longest = max(longest, part.stat().st_size)
                raise

        for _ in range(2):
            print(f"downloading {redact(url)}", flush=True)
            self._retry(attempt)
            with open(part, "rb") as file:
                error = "a web page was sent (a login or error page?)" if WEB_PAGE.match(file.read(CHUNK_BYTES)) else ""
            error = error or _mismatch(part, size, checksum)
            if not error:
                return
            os.truncate(part, 0)
        raise UserError(f"{redact(url)}: {error}; try again, or another address.")

    def _receive(self, url, part, version, size, checksum):
        """Request the rest of a part once; all of it, where neither version nor checksum can tell if a rest fits."""
        start, old = part.stat().st_size, version.read_text(encoding="latin-1") if version.exists() else ""
        if not (old or checksum) or start > (start if size is None else size):
            start = 0
        if start and start == size:  # only the last move is missing
            return
        headers = {"Range": f"bytes={start}-"} | ({"If-Range": old} if old else {}) if start else {}
        limit = MAX_FILE_BYTES if size is None else size
        with self._request(url, accepted=(200, 206, 416), headers=headers) as response:
            new, total, rest = _announced(response, start)
            if rest is None or (rest and new and old not in ("", new)):
                os.truncate(part, 0)
                raise Unreachable(url, "the server sent another part than requested")
            if response.status_code == 416:  # nothing is missing
                return
            version.write_text(old if rest else new, encoding="latin-1")
            with open(part, "ab" if rest else "wb") as file:
                for chunk in self._chunks(response) if (total or 0) <= limit else ():
                    file.write(chunk)
                    if file.tell() > limit:
                        break
                os.fsync(file.fileno())
        came = part.stat().st_size
        if (most := max(came, total or 0)) > limit:
            os.truncate(part, 0)
            raise UserError(
                f"{redact(url)}: it has {most} bytes, and at most {limit} were expected; check the address."
            )
        if came < (total if total is not None else size or 0):
            raise Unreachable(url, "the connection broke off")


class _Session(requests.Session):
    """A session whose credentials go to the server of `base_url` alone, also when it is redirected."""

    def __init__(self, base_url, credentials):
        super().__init__()
        self.base_url, self.credentials, self.headers = base_url, credentials, dict(HEADERS)
        self.auth = self.authenticate  # in the place of what a .netrc says
        scheme, host = match.groups() if (match := re.match(r"(https?)://([^/?#]+)", base_url)) else ("", "@")
        if "@" in host:
            raise UserError(f"{redact(base_url)}: write an address as https://host/path, without a password.")
        if credentials and scheme == "http" and not re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host):
            raise UserError(f"{redact(base_url)}: credentials are not sent without encryption; write it with https.")

    def authenticate(self, request):
        """Give a request to the own server the credentials, and take them off any other."""
        for name, value in self.credentials.items():
            request.headers.pop(name, None)
            if not self.should_strip_auth(self.base_url, request.url):
                request.headers[name] = value
        return request

    def rebuild_auth(self, prepared_request, response):
        """Decide on a redirect; requests calls this."""
        if response.url.startswith("https:") and not prepared_request.url.startswith("https:"):
            target = redact(prepared_request.url)
            raise UserError(f"{redact(response.url)}: redirects to {target}, without encryption; check the address.")
        self.authenticate(prepared_request)

    def get_redirect_target(self, resp):
        """Return where a response redirects; its body is not read, for it may not end."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
        return target


def _announced(response, start):
    """(version, size of the whole file or None, whether the body is the rest from `start`, None for another part)."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UserError(f"{redact(response.url)}: the file is sent compressed, which was not requested; try a mirror.")
    etag = headers.get("ETag", "W/")
    version = headers.get("Last-Modified", "") if etag.startswith("W/") else etag
    if response.status_code == 200:
        length = headers.get("Content-Length", "")
        return version, int(length) if length.isdecimal() else None, False
    match = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    first, total = match.groups() if match else (None, "*")
    fits = start and (total if response.status_code == 416 else first) == str(start)
    return version, None if total == "*" else int(total), True if fits else None


@contextmanager
def _locked(path, url):
    """Hold an open file that no other process has; a disk without locks is taken to have one user."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"{redact(url)}: another process is downloading it; waiting", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                yield
                return  # else the other process has moved this file to its place


def redact(url: str) -> str:
    """Return an address as it may stand in messages: without user, password, query and fragment.

    Parameters
    ----------
    url : str

    Returns
    -------
    str
    """
    return quote(re.sub(r"//[^/?#]*@", "//", re.split(r"[?#]", url)[0]), safe="/:[]%@+,;=~")[:300]


def is_complete(path: Path, size: int | None = None, checksum: str | None = None) -> bool:
    """Return whether a file is there and has this size and checksum.

    Parameters
    ----------
    path : Path
    size : int, optional
        In bytes.
    checksum : str, optional
        As for ``Client.download``.

    Returns
    -------
    bool
    """
    return path.is_file() and not _mismatch(path, size, checksum)


def safe_name(name: object) -> str:
    """Return the name of a local file for a remote name: letters, digits and ``. _ + -`` alone, no folder, not hidden.

    A name that is such a one stays; any other is respelled and gets digits of its SHA-256.

    Parameters
    ----------
    name : object
        Read as text.

    Returns
    -------
    str
    """
    name = str(name)
    legal = LEGAL_NAME.fullmatch(name) and not name.lower().endswith(RESERVED)
    return name if legal else _spelled(name)


def distinct_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return {remote name: local name} for files of one folder; local names differ even where case does not count.

    Parameters
    ----------
    names : iterable of str
        Remote names.
    taken : iterable of str
        Names, in small letters, that none of them may get.

    Returns
    -------
    dict of str to str
    """
    local = {name: safe_name(name) for name in names}
    count = Counter([*taken, *map(str.lower, local.values())])
    return {name: text if count[text.lower()] == 1 else _spelled(name) for name, text in local.items()}


def write_answer(path: Path, **answer: Any) -> None:
    """Keep what a server answered, for the time when it cannot be reached.

    Parameters
    ----------
    path : Path
        A JSON file; appears whole or not at all.
    **answer : JSON
        Written with the time of now (UTC) as ``answered``.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    io.write_text(path, json.dumps(answer | {"answered": now}))


def read_answer(path: Path) -> dict[str, Any]:
    """Return what write_answer kept.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        Empty if nothing can be read.
    """
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) and isinstance(answer.get("answered"), str) else {}


def _mismatch(path, size, checksum):
    """Describe what is wrong with a file in size or checksum, "" for nothing."""
    length = os.stat(path).st_size
    if size is not None and length != size:
        return f"{length} bytes instead of {size}"
    kind, _, digits = (checksum or "").lower().partition(":")
    if not kind:
        return ""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return "" if digest == digits else f"damaged or replaced ({kind} {digest}, expected {digits})"


def _may_pass(state):
    """Whether tenacity repeats an attempt."""
    error = state.outcome.exception()
    if getattr(error, "progress", False):
        state.attempt_number = 1
    return isinstance(error, Unreachable)


def _wait_seconds(state):
    """Seconds before the next attempt: what the server asks for, else twice as many each time."""
    requested = state.outcome.exception().wait_seconds
    return FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1) if requested is None else requested


def _spelled(name):
    """Return the name in legal characters, with digits of its SHA-256."""
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    match = SUFFIX.search(name)
    suffix = match[0] if match and match[0].lower() not in RESERVED else ""
    stem = re.sub(r"[^A-Za-z0-9._+-]+", "_", name.removesuffix(suffix))[: 140 - len(suffix)].strip("._+-")
    return f"{stem or 'unnamed'}-{digits}{suffix}"
