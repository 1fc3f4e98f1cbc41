"""What a server answered, kept as JSON beside what was fetched: for the time when it cannot be reached."""

import json
from datetime import UTC, datetime

from micrograph import io


def write(path, **told):
    """Write what was answered, named, with the time of now (UTC) as `answered`. The file appears whole or not."""
    io.write_text(path, json.dumps(told | {"answered": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}))


def read(path):
    """What is kept at `path`, a dict with `answered`; an empty one where there is nothing that can be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("answered"), str) else {}
