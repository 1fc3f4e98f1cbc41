"""The log of a job and its progress."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeVar

from micrograph.errors import UserError
from micrograph.io import disk_error, unwritable

T = TypeVar("T")
LOGGER = logging.getLogger("micrograph")  # silent where the package is imported; jobs and commands show it


def notice(text: str) -> None:
    """Log a line on what is being done."""
    LOGGER.info(text)


@contextmanager
def shown(stream: TextIO) -> Iterator[None]:
    """Write the block's notices to a stream."""
    handler, level = logging.StreamHandler(stream), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)


@contextmanager
def redirect_output(path: str | Path) -> Iterator[None]:
    """Send everything that the block prints, warnings and libraries included, to a log.

    A UserError ends the job with its message on the terminal and in the log, any other exception with its traceback in
    the log and its last line on the terminal; both exit with status 1. So does a full or closed disk, even for the log
    itself. The file descriptors themselves are moved, so that compiled libraries are logged as well.

    Parameters
    ----------
    path : str or Path
        Of the log.

    Raises
    ------
    SystemExit
        With status 1, after any exception in the block.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    message = ""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115 (closed below)
    except OSError as error:
        _print_to_terminal(str(unwritable(path, error.errno)))
        raise SystemExit(1) from None
    with _moved_to(log), shown(log):
        try:
            yield
        except Exception as error:
            message = _message(error, path)
            with suppress(OSError):  # a full disk holds no log; the terminal has the message
                print(message, file=log) if isinstance(error, UserError) else traceback.print_exc(file=log)
    with suppress(OSError):
        log.close()
    if message:
        _print_to_terminal(message)
        raise SystemExit(1)


@contextmanager
def _moved_to(log: TextIO) -> Iterator[None]:
    """Send the block's output to the log, by Python's streams and by the file descriptors."""
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


def _message(error: Exception, path: str | Path) -> str:
    """Describe the error that ended the job whose log is at `path`."""
    if isinstance(error, UserError):
        return str(error)
    if (number := disk_error(error)) is not None:
        return str(unwritable(getattr(error, "filename", None) or path, number))
    return f"{type(error).__name__}: {error} (traceback in {path})"


def _print_to_terminal(message: str) -> None:
    """Write a message to the terminal, if there still is one."""
    with suppress(OSError):
        os.write(2, f"\n{message}\n\n".encode(errors="backslashreplace"))


def progress(items: Iterable[T], what: str, every_seconds: float = 5.0) -> Iterator[T]:
    """Yield the items; log lines such as "what: 12 of 30" now and then, and at the end."""
    items = list(items)
    printed = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done == len(items) or time.monotonic() - printed > every_seconds:
            printed = time.monotonic()
            notice(f"{what}: {done} of {len(items)}")
