"""Request JSON and files from web servers: repeated requests, resumed and checked downloads.

A download that broke off leaves ``{file}.part``. It is resumed where a checksum can show that the parts fit, otherwise
started again. No message shows a query, a user name or the value of a header.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
HEADERS = {"User-Agent": "growth-from-micrographs", "Accept": "*/*", "Accept-Encoding": "identity"}
RETRIED = {408, 425, 429}  # and 5xx
REFUSALS = {
    401: "it requires credentials, or rejects the ones it got; check them",
    403: "it refuses access; the data may be restricted, or the credentials not be enough",
    404: "it has no such file; check the address",
    410: "this has been withdrawn",
}
CHECKSUM = re.compile(r"(md5|sha1|sha256|sha512):([0-9a-fA-F]{8,})")
WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype html|<html|<head|<body|<script|<error)", re.IGNORECASE
)
LEGAL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,148}[A-Za-z0-9+_-])?")
RESERVED = (".part", ".tmp")


class Unreachable(UserError):
    """The server cannot be reached, fails or stops responding: it has not refused, and a later request may succeed.

    Attributes
    ----------
    wait_seconds : float or None
        How long the server requests to wait.
    """

    def __init__(self, url: str, what: str, wait_seconds: float | None = None) -> None:
        wish = f" and requests a wait of {wait_seconds:.0f} s" if wait_seconds else ""
        super().__init__(f"{redact(url)}: {what}{wish}; try again later.")
        self.wait_seconds = wait_seconds


class Client:
    """A client of one server, which sends one request at a time and repeats requests that failed temporarily.

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
        Attempts at a request.
    timeout_seconds : float, default 60
        Longest silence of the server.
    longest_wait_seconds : float, default 120
        Longest wait that a server may request (Retry-After).
    responses : path, optional
        A folder that keeps the JSON of every response. It is used if the server cannot be reached; a message states it,
        and `offline` becomes true.

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
        responses: str | Path | None = None,
    ) -> None:
        self.base_url, self.tries, self.offline = base_url.rstrip("/"), tries, False
        self.timeout_seconds, self.longest_wait_seconds = timeout_seconds, longest_wait_seconds
        self.responses = None if responses is None else Path(responses)
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
            If no answer comes, and none is kept.
        UserError
            If the server refuses, or answers anything else than JSON.
        """
        url = self._url(path)
        key = hashlib.sha256(json.dumps([url, body, query], sort_keys=True).encode()).hexdigest()[:16]
        kept = None if self.responses is None else self.responses / f"{key}.json"
        try:
            answer = self._retry(lambda: self._json(url, body, query))
        except Unreachable as error:
            if kept is None or not kept.is_file():
                raise
            stored = json.loads(kept.read_text(encoding="utf-8"))
            if not self.offline:  # the other responses need not be waited for as long
                print(f"{error} Continuing with its responses of {stored['answered']} and later.", flush=True)
                self.offline, self.tries = True, 1
            return stored["answer"]
        if kept is not None:
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            io.write_text(kept, json.dumps({"answered": now, "answer": answer}))
        return answer

    def download(self, path: str, to: str | Path, size: int | None = None, checksum: str | None = None) -> Path:
        """Download a file, unless it is there and fits.

        Parameters
        ----------
        path : str
            Address of the file, relative to the base URL or whole.
        to : path
            Where the file goes.
        size : int, optional
            Its size in bytes.
        checksum : str, optional
            ``"md5:..."``, ``"sha1:..."``, ``"sha256:..."`` or ``"sha512:..."`` with its hexadecimal digits, or the
            first eight or more of them.

        Returns
        -------
        Path
            `to`.

        Raises
        ------
        Unreachable
            If the file does not come; what came is kept where there is a checksum.
        UserError
            If the server refuses, a web page comes, or size or checksum differ; then nothing is kept.
        """
        url, to, part = self._url(path), Path(to), Path(f"{to}.part")
        if checksum is not None and not CHECKSUM.fullmatch(checksum):
            raise UserError(f"{redact(url)}: unknown kind of checksum; known are md5, sha1, sha256, sha512.")
        if is_complete(to, size, checksum):
            return to
        keep = False
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            self._download(url, part, size, checksum)
            os.replace(part, to)
        except Unreachable:
            keep = checksum is not None and part.is_file() and part.stat().st_size > 0
            raise
        except OSError as error:
            keep = checksum is not None
            way_out = "free disk space or correct the permissions, then run again"
            raise UnwritableError(f"{to}: cannot be written ({error.strerror or error}); {way_out}.") from None
        finally:
            with suppress(OSError):
                if not keep:
                    part.unlink(missing_ok=True)
        return to

    def _url(self, path: str) -> str:
        return path if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) else f"{self.base_url}/{path.lstrip('/')}"

    def _retry(self, attempt: Any) -> Any:
        """Return what attempt() returns; repeat it while it raises Unreachable."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unreachable),
            wait=_wait_seconds,
            stop=lambda state: state.attempt_number >= self.tries or _wait_seconds(state) > self.longest_wait_seconds,
            before_sleep=lambda state: print(f"{state.outcome.exception()} Again in {state.upcoming_sleep:.3g} s"),  # type: ignore[union-attr]
            reraise=True,
        )(attempt)

    def _request(self, url: str, accepted: tuple[int, ...] = (200,), **options: Any) -> requests.Response:
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

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the body of a response in pieces; give up on a connection that stalls or trickles."""
        since, received = time.monotonic(), 0
        while True:
            try:
                chunk = response.raw.read1(CHUNK_BYTES, decode_content=True)
            except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
                raise Unreachable(response.url, f"the connection broke off ({type(error).__name__})") from None
            if not chunk:
                return
            yield chunk
            seconds, received = time.monotonic() - since, received + len(chunk)
            if seconds > self.timeout_seconds:
                if received < MIN_BYTES_PER_SECOND * seconds:
                    raise Unreachable(response.url, f"only {received} bytes in {seconds:.0f} s")
                since, received = time.monotonic(), 0

    def _json(self, url: str, body: Any, query: Mapping[str, Any]) -> Any:
        content = bytearray()
        with self._request(url, json=body, params=query, headers={"Accept": "application/json"}) as response:
            for chunk in self._chunks(response):
                content += chunk
                if len(content) > MAX_JSON_BYTES:
                    raise UserError(f"{redact(url)}: the response does not end; check the address.")
        try:
            return json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            what = _is_web_page(content) or "the response is not JSON"
            raise UserError(
                f"{redact(url)}: {what}; check the address, and the credentials where it has any."
            ) from None

    def _download(self, url: str, part: Path, size: int | None, checksum: str | None) -> None:
        """Make a part complete; what is wrong starts once more from the beginning, for it may be of two versions."""
        error = ""
        for again in (False, True):
            open(part, "wb" if again or checksum is None else "ab").close()
            if not part.stat().st_size or not is_complete(part, size, checksum):
                print(f"downloading {redact(url)}", flush=True)
                self._retry(lambda: self._receive(url, part, size, checksum))
            with open(part, "rb") as file:
                error = _is_web_page(file.read(CHUNK_BYTES)) or _mismatch(part, size, checksum)
            if not error:
                return
        raise UserError(f"{redact(url)}: {error}; try again, or another address.")

    def _receive(self, url: str, part: Path, size: int | None, checksum: str | None) -> None:
        """Request the rest of a part once; all of it without a checksum."""
        limit = MAX_FILE_BYTES if size is None else size
        start = part.stat().st_size if checksum else 0
        start = start if start < limit else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._request(url, accepted=(200, 206, 416), headers=headers) as response:
            is_rest = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            if response.status_code != 200 and not (start and is_rest):
                os.truncate(part, 0)
                raise Unreachable(url, "the server sent another part than requested")
            with open(part, "ab" if response.status_code == 206 else "wb") as file:
                for chunk in self._chunks(response):
                    file.write(chunk)
                    if file.tell() > limit:
                        raise UserError(f"{redact(url)}: more than {limit} bytes came; check the address.")


class _Session(requests.Session):
    """A session whose credentials go to the server of `base_url` alone, also when it is redirected."""

    def __init__(self, base_url: str, credentials: Mapping[str, str]) -> None:
        super().__init__()
        self.base_url, self.credentials = base_url, credentials
        self.headers = dict(HEADERS)  # type: ignore[assignment]
        self.auth = self.authenticate  # in the place of what a .netrc says
        scheme, host = match.groups() if (match := re.match(r"(https?)://([^/?#]+)", base_url)) else ("", "@")
        if "@" in host:
            raise UserError(f"{redact(base_url)}: write an address as https://host/path, without a password.")
        if credentials and scheme == "http" and not re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host):
            raise UserError(f"{redact(base_url)}: credentials are not sent without encryption; write it with https.")

    def authenticate(self, request: Any) -> Any:
        """Give a request to the own server the credentials, and take them off any other."""
        for name, value in self.credentials.items():
            request.headers.pop(name, None)
            if not self.should_strip_auth(self.base_url, request.url):
                request.headers[name] = value
        return request

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Decide on a redirect; requests calls this."""
        if response.url.startswith("https:") and not prepared_request.url.startswith("https:"):
            target = redact(prepared_request.url)
            raise UserError(f"{redact(response.url)}: redirects to {target}, without encryption; check the address.")
        self.authenticate(prepared_request)

    def get_redirect_target(self, resp: Any) -> str | None:
        """Return where a response redirects; its body is not read, for it may not end."""
        target = super().get_redirect_target(resp)
        if target is not None:
            resp.close()
        return target


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


def safe_name(name: object, distinct: bool = False) -> str:
    """Return the name of a local file for a remote name: letters, digits and ``. _ + -`` alone, no folder, not hidden.

    Parameters
    ----------
    name : object
        Read as text.
    distinct : bool, default False
        Whether every name gets digits of its SHA-256, so that names differ even where case does not count; otherwise
        only one that is not legal as it is.

    Returns
    -------
    str
    """
    name = str(name)
    if LEGAL_NAME.fullmatch(name) and not name.lower().endswith(RESERVED) and not distinct:
        return name
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    match = re.search(r"\.[A-Za-z0-9]{1,10}$", name)
    suffix = match[0] if match and match[0].lower() not in RESERVED else ""
    stem = re.sub(r"[^A-Za-z0-9._+-]+", "_", name.removesuffix(suffix))[: 140 - len(suffix)].strip("._+-")
    return f"{stem or 'unnamed'}-{digits}{suffix}"


def _is_web_page(content: bytes | bytearray) -> str:
    return "a web page was sent (a login or error page?)" if WEB_PAGE.match(content) else ""


def _mismatch(path: Path, size: int | None, checksum: str | None) -> str:
    """Describe what is wrong with a file in size or checksum, "" for nothing."""
    length = os.stat(path).st_size
    if size is not None and length != size:
        return f"{length} bytes instead of {size}"
    kind, _, digits = (checksum or "").lower().partition(":")
    if not kind:
        return ""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return "" if digest.startswith(digits) else f"damaged or replaced ({kind} {digest}, expected {digits})"


def _wait_seconds(state: tenacity.RetryCallState) -> float:
    """Seconds before the next attempt: what the server requests, else twice as many each time."""
    requested = getattr(state.outcome and state.outcome.exception(), "wait_seconds", None)
    return FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1) if requested is None else requested
