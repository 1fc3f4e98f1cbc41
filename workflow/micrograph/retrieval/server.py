"""A web server asked politely: one question at a time, at most so many a second, and again when it falters."""

import json
import re
import time
from pathlib import Path
from urllib.parse import urlencode

from micrograph.errors import UserError
from micrograph.retrieval import downloads
from micrograph.retrieval.questions import LONGEST_SECONDS, Asker, Faltered, Unreachable, shown

FIRST_WAIT_SECONDS = 1.0  # after a first failure; twice as long after each further one
LEAST_PROGRESS_BYTES = 1 << 14  # a try that brought so much new is no failure
MOST_JSON_BYTES = 1 << 26
WHOLE_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Server:
    """One HTTP server, asked politely: one question at a time, at most so many a second, again when it falters.

    What falters: cut and silent connections, 408, 425, 429 and 5xx. Everything else that is no answer is a UserError at
    once. Credentials (`headers`) are sent to the origin of base_url alone and stand in no message.
    """

    def __init__(self, base_url, headers=None, per_second=None, tries=5, timeout_seconds=60, longest_wait_seconds=120):
        """tries: at one question, in a row without progress; timeout_seconds: of silence; longest_wait_seconds: how
        long a server may ask us to wait (Retry-After) before we give up."""
        self.base_url, self.tries, self.longest_wait_seconds = base_url.rstrip("/"), tries, longest_wait_seconds
        self.asker = Asker(base_url, headers, per_second, timeout_seconds)

    def address(self, path, **query):
        """The whole address of `path`, which is relative to base_url or whole already; queries of None are left out."""
        url = path if WHOLE_ADDRESS.match(path) else f"{self.base_url}/{path.lstrip('/')}"
        words = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
        return f"{url}{'&' if '?' in url else '?'}{words}" if words else url

    def json(self, path, body=None, **query):
        """What the server says in JSON to GET, or to POST where there is a body (what JSON can say).

        Raises Unreachable where no answer comes after all tries, UserError where it refuses, or answers with a web page
        or anything else that is no JSON.
        """
        url = self.address(path, **query)
        return self.patiently(url, lambda: self._json(url, body))

    def fetch(self, path, to, size=None, checksum=None):
        """Download `path` to the file `to` and return its Path; a file that is whole already is not fetched again.

        size: in bytes; checksum: "md5:..." or "sha256:..." in hexadecimal digits; both are checked where given. What
        has come stands in {to}.part, from which a later call goes on where the server can (Range); two processes take
        turns. Raises UserError as `json` does, and where size or checksum are wrong or a web page came: then nothing stays.
        """
        return downloads.fetch(self, self.address(path), Path(to), size, checksum)

    def patiently(self, url, attempt, gained=lambda: 0):
        """What attempt() returns; tried again, with waits, where it raises Faltered.

        Raises Unreachable after the last of its tries, and where the server wants to be left alone for too long.
        gained: how many bytes have come so far; a try that brought more of them starts the count of tries anew.
        """
        failures = 0
        while True:
            before = gained()
            try:
                return attempt()
            except Faltered as faltered:
                failures = 1 if gained() - before >= LEAST_PROGRESS_BYTES else failures + 1
                if failures >= self.tries:
                    raise Unreachable(f"{shown(url)}: {faltered.what} ({failures} tries); try again later.") from None
                self._wait(url, faltered, failures)

    def _wait(self, url, faltered, failures):
        """Wait before the next try; Unreachable where the server wants to be left alone for too long."""
        seconds = FIRST_WAIT_SECONDS * 2 ** (failures - 1)
        if faltered.wait_seconds is not None:
            seconds = faltered.wait_seconds
        if seconds > self.longest_wait_seconds:
            wish = f"{faltered.what} and asks to be left alone for {seconds:.0f} s"
            raise Unreachable(f"{shown(url)}: {wish}; try again after that.") from None
        print(f"{shown(url)}: {faltered.what}; again in {seconds:.3g} s", flush=True)
        time.sleep(seconds)

    def _json(self, url, body):
        """One try at a question."""
        with self.asker.ask(url, body, {"Accept": "application/json"}) as answer:
            said = bytearray()
            for piece in self.asker.pieces(answer, time.monotonic() + LONGEST_SECONDS):
                said += piece
                if len(said) > MOST_JSON_BYTES:
                    raise UserError(f"{shown(url)}: the answer does not end; check the address.")
            cut = "content-length" not in answer.headers and "transfer-encoding" not in answer.headers
        try:
            return json.loads(said.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            if downloads.is_page(said):
                words = "a web page came instead of an answer in JSON (a login or an error page?)"
                raise UserError(
                    f"{shown(url)}: {words}; check the address, and the credentials where there are any."
                ) from None
            if cut and said:
                raise Faltered("the answer broke off") from None
            raise UserError(f"{shown(url)}: the answer is no JSON; check the address.") from None
