"""What every fault test asks of its victim: a right answer or one sentence, within its time and its memory."""

import os
import re
import signal
from contextlib import contextmanager

import numpy as np
import pytest

from micrograph.errors import UserError, printable
from micrograph.scans import formats, rendering
from micrograph.scans.height_map import HeightMap, ReadOptions
from micrograph.scans.image_files import ExportedImage
from micrograph.scans.levelling import level

NIGHTLY = os.environ.get("FAULTS") == "nightly"
SECONDS_A_FILE = 20
LONGEST_SENTENCE = 1000
PIXELS = 32
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # what breaks a line, a table or a terminal


class Hang(BaseException):
    """The victim took longer than it may. No Exception, so that no `except Exception` of a victim's hides it."""


def count(quick, nightly):
    """How many times a test does what it does: `quick` in `make test`, `nightly` where FAULTS=nightly."""
    return nightly if NIGHTLY else quick


def skip(sentence):
    """Skip the test for a reason; REQUIRE_FAULTS=1 (set by CI) turns the skip into a failure."""
    (pytest.fail if os.environ.get("REQUIRE_FAULTS") == "1" else pytest.skip)(sentence)


@contextmanager
def within(seconds):
    """Raise Hang in the block once it has taken so long."""

    def ring(*_):
        raise Hang(f"still not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_sentence(fault, *names):
    """Check that a UserError is one printable line of limited length that ends as sentences do and holds the names."""
    text = str(fault)
    assert not CONTROL.search(text) and len(text) <= LONGEST_SENTENCE and text.endswith((".", "?")), text[
        : 2 * LONGEST_SENTENCE
    ]
    for name in names:
        assert str(name) in text, text


def read(path, **asked):
    """Read a file: a sound HeightMap or ExportedImage, or a UserError of one sentence that names it."""
    with within(SECONDS_A_FILE):
        try:
            found = formats.read_scan(path, ReadOptions(**asked))
        except UserError as fault:
            one_sentence(fault, printable(path))
            return fault
    sound_image(found) if isinstance(found, ExportedImage) else sound_height_map(found)
    return found


def sound_image(found):
    """Check shape, kind and size of a finished picture."""
    assert found.array.dtype in (np.uint8, np.uint16) and found.array.size > 0
    assert found.array.ndim == 2 or found.array.shape[2:] in ((3,), (4,))
    assert found.width_nm is None or 0 < found.width_nm < np.inf
    assert len(found.source_sha256) == 64


def sound_height_map(found):
    """Check shape, sizes and names of a height map; numbers that are none are left to the levelling."""
    assert isinstance(found, HeightMap) and found.height_nm.dtype == np.float64
    assert found.height_nm.shape == (found.lines, found.pixels) and found.lines > 0 and found.pixels > 0
    assert (0 < found.width_nm <= 1e9 and 0 < found.tall_nm <= 1e9) or np.isnan([found.width_nm, found.tall_nm]).all()
    assert found.lines_planned >= found.lines
    assert found.direction in ("Trace", "Retrace", "") and found.channel.isprintable()
    assert len(found.source_sha256) == 64


def micrograph(path, levelling="published", aspect="pad", **asked):
    """Render a file as the workflow does: (PIXELS, PIXELS) uint8 that is not one grey, or a UserError."""
    found = read(path, **asked)
    if isinstance(found, UserError):
        return found
    with within(SECONDS_A_FILE), np.errstate(all="raise", under="ignore"):
        try:
            grey = _drawn(found, levelling, aspect)
        except UserError as fault:
            one_sentence(fault)
            return fault
    assert grey.shape == (PIXELS, PIXELS) and grey.dtype == np.uint8
    return grey


def _drawn(found, levelling, aspect):
    if isinstance(found, ExportedImage):
        return rendering.render_image(found.array, PIXELS, aspect, found.width_nm)[0]
    level_nm = level(found.height_nm, levelling)
    assert np.isfinite(level_nm).all()
    size = {"width_nm": found.width_nm, "tall_nm": found.tall_nm}
    return rendering.render(level_nm, PIXELS, aspect=aspect, **size)[0]
