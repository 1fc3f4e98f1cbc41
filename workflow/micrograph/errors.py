"""Errors in the user's input: one sentence with the thing, the error and the way out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """An error in something that the user gave: one sentence that names the thing, the error and the way out.

    The command line prints the sentence alone; every other exception keeps its traceback.
    """


def lookup(name: str, table: Mapping[str, T], what: str) -> T:
    """Return a row of a registry.

    Parameters
    ----------
    name : str
    table : mapping
    what : str
        Kind of thing, for the message.

    Raises
    ------
    UserError
        If there is no such row; the message lists the known names.
    """
    if name not in table:
        raise UserError(f"{what} '{name}' is not known; choose one of: {', '.join(map(str, table))}.")
    return table[name]


def exit_with_message(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function; a UserError ends the program with status 1 and its message alone on the terminal."""
    try:
        return function(*arguments)
    except UserError as error:
        raise SystemExit(f"\n{error}\n") from None


UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
BYTE = 0xDC00  # Python holds byte b of a name that is not UTF-8 as character BYTE + b, which no file takes


def printable(path: str | os.PathLike) -> str:
    r"""Return a path as text that every file and terminal takes.

    Bytes that are not UTF-8 and control characters are escaped: a name of the bytes 62 ff 0a reads ``b\xff\x0a``.
    """
    return UNPRINTABLE.sub(lambda match: _escape(ord(match[0])), str(path))


def _escape(code: int) -> str:
    byte = code - BYTE if BYTE < code <= BYTE + 0xFF else code
    return f"\\x{byte:02x}" if byte <= 0xFF else f"\\u{byte:04x}"
