"""The request headers that let a retrieval in, read from where they are kept; their values are shown nowhere."""

import json
import os
import stat
from pathlib import Path

from micrograph.errors import UserError

VARIABLE = "LIST_CREDENTIALS"
WAY_OUT = (
    f'set list_database.credentials to the path of a JSON file of request headers, as {{"X-API-KEY": "..."}}, '
    f"or {VARIABLE} to that path or to the JSON itself"
)


class Headers(dict):
    """Request headers, name -> value, whose values no representation shows."""

    def __repr__(self):
        return f"Headers({', '.join(self)}: hidden)"

    __str__ = __repr__


def read(path=None, environment=os.environ):
    """The Headers in the JSON file at `path` (list_database.credentials) or, without one, in LIST_CREDENTIALS.

    The variable holds a path or the JSON itself. A file that others on the machine may read is used, and a line says
    so. Raises UserError where there are none, or what is there is no JSON object of texts: it names the place and never
    shows a path, which might be a secret in the wrong place, nor anything of what is in it.
    """
    place, said = ("list_database.credentials", path) if path else (VARIABLE, environment.get(VARIABLE, "").strip())
    if not said:
        raise UserError(f"there are no credentials for the database; {WAY_OUT}.")
    if not said.lstrip().startswith("{"):
        return _headers(_text(said, place), place)
    if path:
        raise UserError(f"{place}: credentials do not belong in a config, which is kept in results; {WAY_OUT}.")
    return _headers(said, place)


def _text(path, place):
    """The text of the file that holds the credentials."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
        mode = os.stat(Path(path).expanduser()).st_mode
    except (OSError, ValueError, RuntimeError) as error:
        reason = "is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None)
        raise UserError(f"{place}: the file that it names cannot be read ({reason or 'no path'}); {WAY_OUT}.") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        print(f"warning: others on this machine may read the file of {place}; chmod 600 it.", flush=True)
    return text


def _headers(text, place):
    """The Headers that the JSON text says."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"{place}: this is no JSON{line}; {WAY_OUT}.") from None
    if not isinstance(found, dict) or not found or not all(isinstance(value, str) for value in found.values()):
        raise UserError(f"{place}: this is JSON, but no object of header names and texts; {WAY_OUT}.")
    return Headers(found)
