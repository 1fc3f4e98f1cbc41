"""Records of Zenodo: which files they have, and those that are wanted, fetched and checked by their MD5.

The record's JSON comes in three forms, all read here: today's ({files: [{key, size, checksum, links: {self}}]}, whose
self leads to the content), that of InvenioRDM ({files: {entries: {key: {..., links: {content}}}}}), and that of the
weeks after Zenodo's move in October 2023 ({files: [{filename, filesize, checksum without its kind, ...}]}).
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from micrograph.errors import UserError
from micrograph.retrieval import downloads, kept_answers, names
from micrograph.retrieval.questions import Unreachable
from micrograph.retrieval.server import Server

LEFT_OUT = ("source", "what", "reason")
KEPT = "record.json"  # what the server answered on a record, beside its files
CLOSED = ("restricted", "closed", "embargoed")
CHECKSUM = re.compile(r"[0-9a-fA-F]{32}")
OF_CONTENT = re.compile(r"https?://[^/?#]+(/.*)?/(api/files/[^/]+/.+|files/.+/content|files/.+\?download=1)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Listed(NamedTuple):
    """A file as a record lists it: key (its name there), size (bytes) and checksum ("md5:...") or None, link."""

    key: str
    size: int | None
    checksum: str | None
    link: str


def retrieve(url, records, patterns, folder):
    """Fetch the files of some records that match a pattern; what is there already and whole is not fetched again.

    url: of Zenodo or of a server that speaks like it; records: their numbers; patterns: of file names, as "*.pkl", in
    any capitals. Returns ({source: path}, rows of LEFT_OUT for the other files); a source reads "zenodo 8432222/a.pkl",
    its file is {folder}/8432222/a.pkl, or a safe spelling of that. What the server answered on a record is kept beside
    its files, and serves when the server cannot be reached and all that is wanted is there and whole; a line says so.
    Raises UserError where a record cannot be read or none of all files matches.
    """
    server, fetched, left_out = Server(url), {}, []
    for record in sorted({int(record) for record in records}):
        source = f"zenodo {record}"
        listed, wanted = _of_record(server, record, patterns, Path(folder) / str(record))
        reason = f"matches none of zenodo.files: {', '.join(patterns)}"
        left_out += [
            {"source": source, "what": shown(file.key), "reason": reason} for file in listed if file not in wanted
        ]
        fetched |= {f"{source}/{shown(file.key)}": path for file, path in wanted.items()}
    if not fetched:
        there = ", ".join(row["what"] for row in left_out)
        raise UserError(f"zenodo.files: none of the records' files matches {', '.join(patterns)}; there are: {there}.")
    return fetched, left_out


def _of_record(server, record, patterns, folder):
    """(all files that a record lists, {those that are wanted: their paths}), the wanted ones fetched."""
    try:
        answer = server.json(f"api/records/{record}")
        listed = files_of(answer, server.base_url, record)
        wanted = _wanted(listed, record, patterns, folder)
        for file, path in wanted.items():
            server.fetch(file.link, path, file.size, file.checksum)
    except Unreachable as fault:
        server.tries = 1  # whoever was not there for one record is not waited for at each of the others
        return _as_kept(server.base_url, record, patterns, folder, fault)
    kept_answers.write(folder / KEPT, url=server.base_url, record=answer)
    return listed, wanted


def _wanted(listed, record, patterns, folder):
    """{file: its path} of the listed files that match a pattern."""
    local = names.apart((file.key for file in listed), taken=(KEPT,))
    wanted = {file: folder / local[file.key] for file in listed if _matches(file.key, patterns)}
    print(f"zenodo {record}: {len(wanted)} of {len(listed)} files match {', '.join(patterns)}", flush=True)
    return wanted


def _as_kept(url, record, patterns, folder, fault):
    """What _of_record returns, by the answer that was kept; raises `fault`, why none came now, where none is kept."""
    kept = kept_answers.read(folder / KEPT)
    if kept.get("url") != url:
        raise fault
    listed = files_of(kept.get("record"), url, record)
    wanted = _wanted(listed, record, patterns, folder)
    missing = [file for file, path in wanted.items() if not downloads.is_whole(path, file.size, file.checksum)]
    if missing:
        lacks = f"its answer of {kept['answered']} is kept, but {shown(missing[0].key)} is not there, or not whole"
        raise UserError(f"{fault} For zenodo record {record} {lacks}.")
    print(f"{fault} All files are there: going on with its answer of {kept['answered']}", flush=True)
    return listed, wanted


def shown(key):
    """A remote name as it may stand in tables and logs: one line, not endless."""
    return CONTROL.sub("?", key)[:200]


def files_of(answer, url, record):
    """The files that a record's JSON lists, sorted by key; UserError in words where it lists none or says nonsense."""
    if not isinstance(answer, dict):
        raise UserError(f"zenodo record {record}: the server's answer is no record; check zenodo.url.")
    stored = answer.get("files")
    if isinstance(stored, dict):
        stored = stored.get("entries")
        if isinstance(stored, dict):
            stored = [{"key": key} | entry for key, entry in stored.items() if isinstance(entry, dict)]
    if not stored:
        if _is_closed(answer):
            raise UserError(f"zenodo record {record}: its files are not open to all; ask its authors for them.")
        raise UserError(f"zenodo record {record}: it lists no files; check the number in zenodo.records.")
    if not isinstance(stored, list):
        raise UserError(f"zenodo record {record}: its list of files is none; check zenodo.url.")
    listed = [_listed(entry, url, record) for entry in stored]
    if len({file.key for file in listed}) < len(listed):
        raise UserError(f"zenodo record {record}: it lists two files of one name; check zenodo.url.")
    return sorted(listed)


def _is_closed(answer):
    """Whether the record says that its files are not for everyone."""
    metadata, access = (
        answer.get(name) if isinstance(answer.get(name), dict) else {} for name in ("metadata", "access")
    )
    return metadata.get("access_right") in CLOSED or access.get("files") in CLOSED


def _listed(entry, url, record):
    """One entry of a record's list of files."""
    entry = entry if isinstance(entry, dict) else {}
    key = entry.get("key", entry.get("filename"))
    if not isinstance(key, str) or not key:
        raise UserError(f"zenodo record {record}: it lists a file without a name; check zenodo.url.")
    size = entry.get("size", entry.get("filesize"))
    checksum = entry.get("checksum")
    if isinstance(checksum, str) and CHECKSUM.fullmatch(checksum):
        checksum = f"md5:{checksum}"
    if type(size) is not int or size < 0 or not isinstance(checksum, str):
        raise UserError(f"zenodo record {record}: {shown(key)} is listed without size or checksum; check zenodo.url.")
    return Listed(key, size, checksum, _link(entry.get("links"), key, url, record))


def _link(links, key, url, record):
    """The address of a file's content: the record's own where it is one, else the one that Zenodo's files have."""
    links = links if isinstance(links, dict) else {}
    for name in ("content", "download", "self"):
        link = links.get(name)
        if isinstance(link, str) and OF_CONTENT.fullmatch(link):
            return link
    return f"{url.rstrip('/')}/api/records/{record}/files/{quote(key)}/content"


def _matches(key, patterns):
    """Whether a file's name, without its folders, is of one of the patterns."""
    name = key.replace("\\", "/").rpartition("/")[2].lower()
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
