"""One job of the workflow: its log, its randomness, its progress."""

import os
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

from micrograph.errors import UserError
from micrograph.io import disk_full, unwritable


@contextmanager
def redirect_output(path):
    """Send everything that the block prints, warnings and libraries included, to the log at `path`.

    A UserError ends the job with its sentence on the terminal and in the log, any other exception with its traceback in
    the log and its last line on the terminal; both exit with status 1. So does a disk that is full or closed, be it
    for the log itself. The file descriptors themselves are moved, so that compiled libraries are logged as well.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    told = ""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115 (closed below)
    except OSError as error:
        _tell(unwritable(path, error.errno))
        raise SystemExit(1) from None
    with _moved_to(log):
        try:
            yield
        except Exception as error:
            told = _sentence(error, path)
            with suppress(OSError):  # a full disk holds no log; the terminal is told all the same
                print(told, file=log) if isinstance(error, UserError) else traceback.print_exc(file=log)
    with suppress(OSError):
        log.close()
    if told:
        _tell(told)
        raise SystemExit(1)


@contextmanager
def _moved_to(log):
    """The block's output goes to the log, by Python's streams and by the file descriptors."""
    kept, streams = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    sys.stdout = sys.stderr = log
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        for target, source in zip((1, 2), kept, strict=True):
            os.dup2(source, target)
            os.close(source)


def _sentence(error, path):
    """What is said of the error that ended the job whose log is at `path`."""
    if isinstance(error, UserError):
        return str(error)
    if (number := disk_full(error)) is not None:
        return str(unwritable(getattr(error, "filename", None) or path, number))
    return f"{type(error).__name__}: {error} (traceback in {path})"


def _tell(sentence):
    """Write a sentence to the terminal, if there still is one."""
    with suppress(OSError):
        os.write(2, f"\n{sentence}\n\n".encode(errors="backslashreplace"))


def progress(things, what, every_seconds=5.0):
    """Yield the things; print "what: 12 of 30" lines now and then, and at the end."""
    things = list(things)
    printed = time.monotonic()
    for done, thing in enumerate(things, start=1):
        yield thing
        if done == len(things) or time.monotonic() - printed > every_seconds:
            printed = time.monotonic()
            print(f"{what}: {done} of {len(things)}", flush=True)
