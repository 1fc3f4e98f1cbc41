"""A local file name for a remote one, which somebody else chose."""

import hashlib
import re
from collections import Counter

LONGEST = 150
LEGAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*[A-Za-z0-9+_-]|[A-Za-z0-9]")
OTHER = re.compile(r"[^A-Za-z0-9._+-]+")
ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}$")
OURS = (".part", ".part.version", ".lock", ".tmp")  # endings of files that downloads leave beside them
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe(name):
    """A name of one file for the remote name `name`: letters, digits and . _ + - alone, no folders, not hidden.

    A legal name stays as it is. Any other is spelt with legal characters and gets eight digits of its SHA-256 before
    its ending, so that names that are spelt alike stay apart.
    """
    name = str(name)
    legal = LEGAL.fullmatch(name) and not DEVICES.fullmatch(name) and not name.lower().endswith(OURS)
    return name if legal and len(name) <= LONGEST else _spelt(name)


def apart(names, taken=()):
    """{remote name: local name} of files for one folder: no two alike, not even on disks that know no capitals.

    taken: names, in small letters, that none of them may have.
    """
    local = {str(name): safe(name) for name in names}
    count = Counter([*taken, *(text.lower() for text in local.values())])
    return {name: text if count[text.lower()] == 1 else _spelt(name) for name, text in local.items()}


def _spelt(name):
    """The name in legal characters, with digits that tell it from others."""
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    found = ENDING.search(name)
    ending = found[0] if found and found[0].lower() not in OURS else ""
    stem = OTHER.sub("_", name.removesuffix(ending))[: LONGEST - len(ending) - len(digits) - 1].strip("._+-")
    return f"{stem or 'unnamed'}-{digits}{ending}"
