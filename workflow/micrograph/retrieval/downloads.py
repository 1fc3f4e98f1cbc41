"""A download that can break off and be gone on with: the part that has come, its lock, its checks.

Beside the file `to` stand, until it is whole: {to}.part, the bytes so far, and {to}.part.version, the server's mark
(ETag or date) of the version that they are of, so that two versions are never mixed.
"""

import fcntl
import hashlib
import math
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

from micrograph.errors import UserError
from micrograph.io import Unwritable
from micrograph.retrieval.questions import LONGEST_SECONDS, PART, PAST_THE_END, Faltered, shown

MOST_BYTES = 1 << 30  # of a file whose size nobody told us
HEAD_BYTES = 512
CHECKSUM = re.compile(r"(md5|sha1|sha256|sha512):([0-9a-fA-F]+)")
SENT = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
PAGES = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--|<!doctype html|<html|<head|<body|<script|<error)", re.IGNORECASE)
EVERY_SECONDS = 5.0


def fetch(server, url, to, size=None, checksum=None):
    """Download `url` to `to`; see server.Server.fetch."""
    if checksum is not None and not CHECKSUM.fullmatch(checksum):
        raise UserError(f"{shown(url)}: its checksum is of no kind known here; known are md5, sha1, sha256, sha512.")
    if to.is_file() and not wrong(to, size, checksum):
        return to
    with _part_of(to, url) as part:
        if to.is_file() and not wrong(to, size, checksum):  # another process was faster
            return to
        print(f"fetching {shown(url)}", flush=True)
        fault = _gathered(server, url, part, size, checksum)
        if fault and part.patched:  # two versions of the file may have been mixed
            print(f"{shown(url)}: {fault}; from the beginning", flush=True)
            part.begin()
            fault = _gathered(server, url, part, size, checksum)
        if fault:
            part.begin()
            raise UserError(f"{shown(url)}: {fault}; try again, or another address.")
        return part.finished()


def _gathered(server, url, part, size, checksum):
    """Get all that is missing of a part; what is wrong with the whole, in words, "" for nothing."""
    until = time.monotonic() + LONGEST_SECONDS if size is None else math.inf
    server.patiently(url, lambda: _attempt(server.asker, url, part, size, checksum, until), lambda: part.most)
    page = "a web page came instead of the file (a login or an error page?)" if part.is_page() else ""
    return page or wrong(part.path, size, checksum)


def wrong(path, size=None, checksum=None):
    """What is wrong with a file in size (bytes) or checksum ("md5:..."), in words; "" for nothing."""
    found = os.stat(path).st_size
    if size is not None and found != size:
        return f"{found} bytes came, and {size} were announced"
    if checksum is None:
        return ""
    kind, digits = CHECKSUM.fullmatch(checksum).groups()
    with open(path, "rb") as opened:
        digest = hashlib.file_digest(opened, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return "" if digest == digits.lower() else f"damaged or replaced ({kind} {digest}, expected {digits.lower()})"


def is_whole(path, size=None, checksum=None):
    """Whether a file is there and of this size (bytes) and checksum."""
    known = checksum is None or CHECKSUM.fullmatch(checksum)
    return bool(known) and path.is_file() and not wrong(path, size, checksum)


def is_page(start):
    """Whether bytes begin as a web page, or a server's error in XML, does."""
    return bool(PAGES.match(bytes(start[:HEAD_BYTES]).removeprefix(b"\xef\xbb\xbf")))


class Part:
    """The bytes of a file that have come so far. length: how many; most: how many there ever were in this process;
    patched: whether they are of more than one answer."""

    def __init__(self, to, opened):
        """opened: the file {to}.part, for reading and adding to."""
        self.to, self.file, self.path = to, opened, Path(f"{to}.part")
        self.version_path = Path(f"{to}.part.version")
        self.length = self.most = opened.seek(0, os.SEEK_END)
        self.patched, self.moved = self.length > 0, False

    def version(self):
        """The server's mark of the version that has come, "" where it gave none."""
        try:
            return self.version_path.read_text(encoding="latin-1") if self.length else ""
        except OSError:
            return ""

    def begin(self, version=""):
        """Throw away what has come; `version` marks what is to come."""
        with _disk(self.to):
            self.file.seek(0)
            self.file.truncate()
            self.version_path.write_text(version, encoding="latin-1")
        self.length, self.patched = 0, False

    def add(self, piece):
        """Write down what came."""
        left = memoryview(piece)
        with _disk(self.to):
            while left:
                left = left[self.file.write(left) :]
        self.length += len(piece)
        self.most = max(self.most, self.length)

    def is_page(self):
        """Whether what came is a web page."""
        with open(self.path, "rb") as opened:
            return is_page(opened.read(HEAD_BYTES))

    def finished(self):
        """Put the whole file in its place and return where."""
        with _disk(self.to):
            os.fsync(self.file.fileno())
            self.version_path.unlink(missing_ok=True)
            os.replace(self.path, self.to)
        self.moved = True
        return self.to


@contextmanager
def _disk(to):
    """What the disk says, as one sentence."""
    try:
        yield
    except OSError as error:
        words = "make room or correct the rights, then run again: what has come is kept"
        raise Unwritable(f"{to}: cannot be written ({error.strerror or error}); {words}.") from None


@contextmanager
def _part_of(to, url):
    """The Part of `to`, which no other process writes meanwhile; nothing is left of it where nothing has come."""
    with _disk(to):
        to.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with _disk(to):
            opened = open(f"{to}.part", "a+b", buffering=0)  # noqa: SIM115 (closed below, and held meanwhile)
        with opened:
            _lock(opened, url)
            try:
                same = os.path.samestat(os.fstat(opened.fileno()), os.stat(f"{to}.part"))
            except FileNotFoundError:
                same = False
            if not same:  # whoever held the lock has put this very file in its place
                continue
            part = Part(to, opened)
            try:
                yield part
            finally:
                if part.length == 0 and not part.moved:
                    part.version_path.unlink(missing_ok=True)
                    part.path.unlink(missing_ok=True)
            return


def _lock(opened, url):
    """Wait until no other process has this part; disks that know no locks are believed to have one user."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{shown(url)}: another process fetches it; waiting for that", flush=True)
        fcntl.flock(opened, fcntl.LOCK_EX)
    except OSError:
        pass


def _attempt(asker, url, part, size, checksum, until):
    """One try to get the rest of a part, up to the time `until`.

    Raises Faltered where it ends early, UserError where it does not end at all.
    Without a mark of the version, only a checksum can tell whether the rest fits; without either it begins anew.
    """
    start = part.length if part.version() or checksum else 0
    if start and start == size:  # only the last move was missing
        return
    start = 0 if size is not None and start > size else start
    mark = {"If-Range": part.version()} if part.version() else {}
    asked = {"Range": f"bytes={start}-"} | mark if start else {}
    with asker.ask(url, headers=asked, statuses=(200, PART, PAST_THE_END)) as answer:
        total = _placed(answer, part, start)
        if size is None and (total or 0) > MOST_BYTES:
            raise _endless(url, part)
        _pour(asker.pieces(answer, until) if answer.status_code != PAST_THE_END else (), part, url, size)
    expected = size if total is None else total
    if expected is not None and part.length < expected:
        raise Faltered("the connection broke off")


def _placed(answer, part, start):
    """Make `part` ready for what an answer brings: the rest from `start`, or all of it.

    Returns how many bytes the whole file has, None where that is not said. Raises Faltered for a rest that is not the
    one asked for: then the next try begins anew.
    """
    packed = answer.headers.get("Content-Encoding", "identity") != "identity"
    if answer.status_code == 200:
        part.begin("" if packed else _version(answer))
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() and not packed else None
    said = answer.headers.get("Content-Range", "")
    if answer.status_code == PAST_THE_END:
        fits, total = start and said == f"bytes */{start}", str(start)
    else:
        sent = SENT.fullmatch(said)
        first, total = (int(sent[1]), sent[3]) if sent else (None, "")
        other = part.version() and _version(answer) not in ("", part.version())
        fits = start and first == start and not packed and not other
    if not fits:
        part.begin()
        raise Faltered("the server sent something else than the rest that was asked for")
    part.patched = True
    return None if total == "*" else int(total)


def _version(answer):
    """The mark of the version that an answer is of: ETag, unless it is a weak one, else date; "" where it has none."""
    etag = answer.headers.get("ETag", "W/")
    return answer.headers.get("Last-Modified", "") if etag.startswith("W/") else etag


def _pour(pieces, part, url, size):
    """Write down the pieces and say how far it is; stops once there are more bytes than there should be."""
    most, printed = MOST_BYTES if size is None else size, time.monotonic()
    for piece in pieces:
        part.add(piece)
        if part.length > most and size is not None:
            return
        if part.length > most:
            raise _endless(url, part)
        if time.monotonic() - printed > EVERY_SECONDS:
            printed = time.monotonic()
            of = f" of {size / 1e6:.1f}" if size else ""
            print(f"fetching {shown(url)}: {part.length / 1e6:.1f}{of} MB", flush=True)


def _endless(url, part):
    """The UserError for a file of unknown size that is larger than any that we look for; what came of it goes."""
    part.begin()
    return UserError(f"{shown(url)}: the file does not end (it has more than {MOST_BYTES} bytes); check the address.")
