"""Download files of Zenodo's records, checked by size and MD5.

A record's JSON lists files as ``{files: [{key, size, checksum}]}`` (Zenodo) or ``{files: {entries: {key: {...}}}}``
(InvenioRDM, on which Zenodo runs); both serve their content at ``api/records/{record}/files/{key}/content``.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from micrograph.errors import UserError
from micrograph.retrieval import http

CLOSED = ("restricted", "closed", "embargoed")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class _File(NamedTuple):
    """A file of a record: its name there, its size in bytes, its checksum."""

    key: str
    size: int
    checksum: str


def retrieve(
    url: str, records: Iterable[int], patterns: Sequence[str], folder: str | Path
) -> tuple[dict[str, Path], list[dict[str, str]]]:
    """Download the files of some records that match a pattern.

    What is there and complete is not downloaded again. If the server cannot be reached and everything is there, its
    earlier response is used, with a message.

    Parameters
    ----------
    url : str
        Address of Zenodo, or of a server with its interface.
    records : iterable of int
        Numbers of the records.
    patterns : sequence of str
        Patterns of file names, such as ``"*.pkl"``; case does not count.
    folder : path
        Receives ``{record}/{file}``.

    Returns
    -------
    downloaded : dict of str to Path
        The files, by source: ``"zenodo 8432222/a.pkl"``.
    excluded : list of dict
        ``source``, ``what`` and ``reason`` of each file that does not match or is too large.

    Raises
    ------
    UserError
        If a record cannot be read, a file does not come as the record lists it, or no file matches.
    """
    client = http.Client(url, responses=Path(folder) / "responses")
    downloaded: dict[str, Path] = {}
    excluded = []
    for record in sorted({int(record) for record in records}):
        source, reason = f"zenodo {record}", ""
        for file in _files(client.json(f"api/records/{record}"), source):
            if not any(fnmatchcase(re.split(r"[/\\]", file.key)[-1].lower(), one.lower()) for one in patterns):
                reason = f"matches none of zenodo.files: {', '.join(patterns)}"
            elif file.size > http.MAX_FILE_BYTES:
                reason = f"has {file.size} bytes, more than {http.MAX_FILE_BYTES}"
            else:
                path = Path(folder) / str(record) / http.safe_name(file.key, distinct=True)
                address = f"api/records/{record}/files/{quote(file.key, safe='')}/content"
                downloaded[f"{source}/{shown(file.key)}"] = client.download(address, path, file.size, file.checksum)
                continue
            excluded.append({"source": source, "what": shown(file.key), "reason": reason})
    if not downloaded:
        there = ", ".join(row["what"] for row in excluded)
        raise UserError(f"zenodo.files: none of the records' files matches {', '.join(patterns)}; there are: {there}.")
    return downloaded, excluded


def shown(key: str) -> str:
    """Return a remote name as it may stand in tables and logs: one line, not endless.

    Parameters
    ----------
    key : str

    Returns
    -------
    str
    """
    return CONTROL.sub("?", key)[:200]


def _files(answer: Any, where: str) -> list[_File]:
    """Return the files that a record's JSON lists."""
    answer = answer if isinstance(answer, dict) else {}
    entries = answer.get("files")
    if isinstance(entries, dict):
        entries = entries.get("entries")
        named = entries.items() if isinstance(entries, dict) else ()
        entries = [{"key": key} | entry for key, entry in named if isinstance(entry, dict)] or entries
    if not isinstance(entries, list) or not entries:
        for outer, inner in (("metadata", "access_right"), ("access", "files")):
            if isinstance(answer.get(outer), dict) and answer[outer].get(inner) in CLOSED:
                raise UserError(f"{where}: its files are not openly accessible; request them from its authors.")
        raise UserError(f"{where}: it lists no files; check zenodo.url and the number in zenodo.records.")
    files: list[_File] = []
    for entry in entries:
        entry = entry if isinstance(entry, dict) else {}
        file = _File(entry.get("key", ""), entry.get("size", -1), entry.get("checksum", ""))
        if not isinstance(file.key, str) or not file.key or file.key in {other.key for other in files}:
            raise UserError(f"{where}: it lists a file without a name, or two of one name; check zenodo.url.")
        if type(file.size) is not int or file.size < 0 or not isinstance(file.checksum, str):
            raise UserError(f"{where}: {shown(file.key)} is listed without size or checksum; check zenodo.url.")
        files.append(file)
    return sorted(files)
