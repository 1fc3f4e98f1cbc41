"""Retrieve scans from the LiST database: the study's centre scans, one per sample, with a sample sheet.

Seen in public, in the study's own notebook (mos2-analysis, 2023), a later project of its authors (camel-2dcc) and the
database's own client (list-api-client), all of interface v2:
  POST samples/search?start=0&length=100&draw=1, criteria in JSON -> {"data": [sample, ...], "recordsFiltered": n}
      sample: id, sampleLabel, creationDate, description, perhaps growthDates and substrateMaterials
  GET samples/{id}/activities -> [activity, ...]: id, category (CHAR for a measurement),
      files: groups, each with files: [{id, filename, filetype}]
  GET sample-activities/{activity}/files/{file} -> the bytes.
Assumed, and never tried on the real server: where the recipe stands in an activity. It is looked for in all that are no
measurements, as rows with a step's name and the columns T (Celsius), t (seconds) and P (Torr), or as fields by the
names in CONDITIONS; a number without a unit has these units. Last of all the descriptions count, where only one reading
is possible.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from micrograph import io
from micrograph.errors import UserError
from micrograph.log import progress
from micrograph.retrieval import descriptions, http
from micrograph.scans import formats, make_sheet, sample_sheet
from micrograph.target import Target

EXCLUDED = ("source", "what", "reason")
SEARCH = "samples/search"
PAGE = 100  # samples per request
MAX_SAMPLES = 100_000
MAX_FAILURES = 20  # in a row, after which it is the server that is broken
CREDENTIALS = (
    'set list_database.credentials to the path of a JSON file of request headers, as {"X-API-KEY": "..."}, '
    "or LIST_CREDENTIALS to that path or to the JSON itself"
)
CENTRE = re.compile(r"-\s?c\s?-|center|centre", re.I)
# The study also took names with 11 um or 0.1 um for 1 um; a digit before the 1 is refused here.
SIZE_1UM = re.compile(r"(?<![\d.,])1\s?[u\xb5\u03bc]m", re.I)
PROCESSED = re.compile(r"(\.proc|_cs)\.spm$", re.I)  # copies of a scan that somebody worked on
GROWTH = re.compile(r"growth|deposit", re.I)
NO_GROWTH = re.compile(r"(pre|post)[- ]?growth|anneal|p\.g\.", re.I)
QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z\xb0\xba]*)\.?\s*", re.I)
DATES = (re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"), re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})"))
TEXTS = {
    "substrate": ("substrate", "substrates", "substratematerial", "substratematerials"),
    "operator": ("operator", "growthoperator", "grower", "grownby"),
}


class _Unusable(UserError):
    """Why a sample or a scan is not used."""


class _Condition(NamedTuple):
    """A growth condition.

    names: of fields, single letters as written, words in any spelling; units: factor to ours; combine: the values of
    all growth steps of one temperature; described: its name in descriptions.Conditions.
    """

    names: tuple[str, ...]
    units: dict[str, int]
    combine: Callable[[Sequence[float]], float]
    described: str


CONDITIONS = {
    "growth_celsius": _Condition(
        ("growthtemperature", "growthtemp", "temperature", "temp", "T"),
        dict.fromkeys(("", "c", "degc", "\xb0c", "\xbac"), 1),
        max,
        "celsius",
    ),
    "growth_seconds": _Condition(
        ("growthtime", "growthduration", "time", "duration", "t"),
        dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1)
        | dict.fromkeys(("min", "mins", "minute", "minutes"), 60)
        | dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
        sum,
        "seconds",
    ),
    "pressure_torr": _Condition(
        ("growthpressure", "reactorpressure", "pressure", "P"), {"": 1, "torr": 1}, median, "torr"
    ),
}


class _Scan(NamedTuple):
    """A file of the database: the ids of its activity and its own, as text, and its name there."""

    activity: str
    file: str
    name: str


def retrieve(
    url: str,
    credentials: str | None,
    query: dict[str, Any],
    target: Target,
    folder: str | Path,
    requests_per_second: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Download one centre scan of 1 um of every sample of one of the target's classes.

    Of several scans the one as measured counts before a processed copy, then the lowest activity and file. Scans that
    are there are not downloaded again. If the server cannot be reached and every scan is there, its earlier responses
    are used, with a message.

    Parameters
    ----------
    url : str
        Address of the interface (.../api/v2).
    credentials : str or None
        Path of a file of request headers; see read_credentials.
    query : dict
        Criteria of the search.
    target : Target
        A sample without it, outside of its limits, or between exact growth temperatures (as in the paper) is excluded.
    folder : path
        Where scans and responses are stored.
    requests_per_second : float or None
        Most requests a second.

    Returns
    -------
    sheet : DataFrame
        The sample sheet.
    excluded : DataFrame
        ``source``, ``what`` and ``reason`` of every file and sample that is not used.

    Raises
    ------
    UserError
        If the server is not there, refuses, responds in another form, or has no such scan; what was downloaded is kept.
    """
    folder = Path(folder)
    headers = read_credentials(credentials)
    client = http.Client(url, headers, requests_per_second, responses=folder / "responses")
    return _Retrieval(client, query, folder / "scans").tables(target)


def read_credentials(path: str | None = None) -> dict[str, str]:
    """Return the request headers in the JSON file at `path`, else in the variable LIST_CREDENTIALS.

    The variable holds a path or the JSON itself. A file that others may read is used, with a warning.

    Parameters
    ----------
    path : str, optional

    Returns
    -------
    dict of str to str

    Raises
    ------
    UserError
        If there are none. The message shows neither a path, which might be a secret in the wrong place, nor content.
    """
    place, text = (
        ("list_database.credentials", path) if path else ("LIST_CREDENTIALS", os.environ.get("LIST_CREDENTIALS", ""))
    )
    if not text.strip():
        raise UserError(f"there are no credentials for the database; {CREDENTIALS}.")
    literal = text.strip().startswith("{")
    if path and literal:
        raise UserError(f"{place}: credentials do not belong in a config, which is kept in results; {CREDENTIALS}.")
    try:
        file = None if literal else Path(text.strip()).expanduser()
        headers = json.loads(text if file is None else file.read_text(encoding="utf-8-sig"))
        if file and file.stat().st_mode & 0o044:
            print(f"warning: others on this machine may read the file of {place}; chmod 600 it.", flush=True)
    except (OSError, ValueError, RuntimeError) as error:
        kind = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(f"{place}: what it names cannot be read as JSON ({kind}); {CREDENTIALS}.") from None
    if not isinstance(headers, dict) or not headers or not all(isinstance(value, str) for value in headers.values()):
        raise UserError(f"{place}: the JSON is not an object of header names and values; {CREDENTIALS}.")
    return headers


class _Retrieval:
    """One retrieval."""

    def __init__(self, client: http.Client, query: Mapping[str, Any], scans: Path) -> None:
        self.client, self.query, self.scans = client, query, scans
        self.excluded: list[tuple[str, str, str]] = []
        self.failures = 0

    def tables(self, target: Target) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(sample sheet, what is excluded)."""
        found = [self.sample(answer, target) for answer in progress(self.search(), "samples requested")]
        rows = [row for row in progress(filter(None, found), "samples downloaded") if self.download(row)]
        excluded = pd.DataFrame(self.excluded, columns=EXCLUDED)
        if not rows:
            counts = excluded["reason"].value_counts()
            why = (
                f"most often ({counts.iloc[0]} times): {counts.index[0]}" if len(counts) else "the search found nothing"
            )
            raise UserError(f"{self.client.base_url}: no scan can be used; change list_database.query; {why}.")
        sheet = pd.DataFrame(make_sheet.assign_sample_names(rows)).reindex(columns=make_sheet.COLUMNS)
        sheet["operator"] = sheet.groupby(sheet["operator"].str.casefold())["operator"].transform("first")
        return sheet.sort_values("sample", ignore_index=True), excluded

    def search(self) -> list[dict[str, Any]]:
        """All samples of the search, each once, in the server's order; ends with a page that brings nothing new."""
        samples: dict[str, dict[str, Any]] = {}
        start, total = 0, None
        while total is None or start < total:
            answer = self.client.json(SEARCH, self.query, start=start, length=PAGE, draw=start // PAGE + 1)
            rows, total = _page(answer, SEARCH)
            new = {str(_field(row, "id", SEARCH)): row for row in rows}
            if new.keys() <= samples.keys():
                break
            samples, start = samples | new, start + len(rows)
            if len(samples) > MAX_SAMPLES:
                raise UserError(f"{SEARCH}: more than {MAX_SAMPLES} samples; narrow list_database.query.")
        print(f"the search has {len(samples)} samples", flush=True)
        if (hidden := (total or 0) - len(samples)) > 0:
            self.excluded.append(("list", f"{hidden} samples", "the search counts them and does not show them"))
        return list(samples.values())

    def sample(self, answer: dict[str, Any], target: Target) -> dict[str, Any] | None:
        """{film, label, scans, conditions ...} of a sample that is used, else None."""
        number, label = (str(_field(answer, what, SEARCH)) for what in ("id", "sampleLabel"))
        sample: dict[str, Any] = {"number": number, "label": label, "film": make_sheet.sample_name(label)}
        try:
            path = f"samples/{quote(number, safe='')}/activities"
            activities = self._attempt(lambda: self.client.json(path))
            scans = []
            for scan, is_spm in _scans(activities, "samples/{id}/activities"):
                if is_spm and _is_centre_1um(scan.name):
                    scans.append(scan)
                else:
                    self._exclude(sample, scan.name, "no centre scan of 1 um by its name" if is_spm else "no .spm file")
            if not scans:
                raise _Unusable("it has no centre scan of 1 um")
            sample |= _conditions(answer, activities)
            if reason := descriptions.other_class(sample, target):
                raise _Unusable(reason)
            sample["batch"] = sample_sheet.batch_from_label(sample["film"]) or _day(answer)
            if not sample["batch"]:
                raise _Unusable("it has no growth day")
        except (_Unusable, RecursionError) as error:
            self._exclude(sample, "", str(error))
            return None
        return sample | {"scans": sorted(scans, key=_rank)}

    def download(self, sample: dict[str, Any]) -> bool:
        """Enter the first scan that comes as the sample's ``scan``; whether one did."""
        chosen = ""
        for scan in sample["scans"]:
            path = self.scans / http.safe_name("_".join((sample["label"], sample["number"], *scan)))
            try:
                if chosen:
                    raise _Unusable(f"another scan of this sample is used: {chosen}")
                self._attempt(lambda scan=scan, path=path: self._download(scan, path))  # type: ignore[misc]
                chosen, sample["scan"] = scan.name, str(path)
            except _Unusable as error:
                self._exclude(sample, scan.name, str(error))
        return bool(chosen)

    def _download(self, scan: _Scan, path: Path) -> None:
        """Download one scan, unless it is there; a download that is not a scan is deleted."""
        for _ in range(2):
            activity, file = (quote(part, safe="") for part in (scan.activity, scan.file))
            self.client.download(f"sample-activities/{activity}/files/{file}", path)
            try:
                if formats.detect(path) == "nanoscope":
                    return
            except UserError:
                pass
            path.unlink()  # what was there before may be damaged: once more
        raise UserError("it is not a NanoScope file")

    def _attempt(self, attempt: Callable[[], Any]) -> Any:
        """Return what attempt() returns; _Unusable where it fails and the server still answers a search."""
        try:
            result, self.failures = attempt(), 0
            return result
        except io.UnwritableError:
            raise
        except UserError as error:
            self.client.json(SEARCH, self.query, start=0, length=PAGE, draw=1)
            self.failures += 1
            if self.client.offline or self.failures >= MAX_FAILURES:
                raise UserError(f"{error} {self.failures} such errors in a row; what was downloaded is kept.") from None
            raise _Unusable(str(error)) from None

    def _exclude(self, sample: Mapping[str, Any], what: str, reason: str) -> None:
        text = f"{sample['label']} (sample {sample['number']}){': ' if what else ''}{what}"
        self.excluded.append(("list", " ".join(text.split()), " ".join(reason.split())))


def _field(answer: Any, name: str, where: str | None = None) -> Any:
    """Return a field of an answer, in any capitals; where it is missing None, or, with `where`, an error."""
    by_name = {key.lower(): value for key, value in answer.items()} if isinstance(answer, dict) else {}
    value = by_name.get(name.lower())
    if where and value in (None, ""):
        raise _unknown(where, f"no field '{name}' in the response")
    return value


def _page(answer: Any, where: str) -> tuple[list[dict[str, Any]], int | None]:
    """Return the samples of one answer to a search, and how many the search has in all, None where it does not say."""
    rows, total = _field(answer, "data", where), _field(answer, "recordsFiltered")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unknown(where, "field 'data' is not a list of samples")
    return rows, total if isinstance(total, int) else None


def _scans(activities: Any, where: str) -> list[tuple[_Scan, bool]]:
    """Every file of a sample's activities, with whether it is a scan by its type or ending."""
    if not isinstance(activities, list):
        raise _unknown(where, "the response is not a list of activities")
    found = []
    for number, activity in enumerate(activities, start=1):
        for file in _files(activity):
            place = f"{where}: activity {number}"
            name = str(_field(file, "filename", place))
            kind = str(_field(file, "filetype")).lower()
            ids = str(_field(activity, "id", place)), str(_field(file, "id", place))
            found.append((_Scan(*ids, name), "spm" in (kind, name.lower().rpartition(".")[2])))
    return found


def _is_centre_1um(name: str) -> bool:
    """Whether a file's name calls it a scan of 1 um at the centre, as the study recognised them."""
    return bool(CENTRE.search(name) and SIZE_1UM.search(name))


def _rank(scan: _Scan) -> tuple[Any, ...]:
    """Return the sort key of a scan of a sample: as measured before processed, then by ids."""
    numbers = [(0, int(text), "") if text.isdecimal() else (1, 0, text) for text in (scan.activity, scan.file)]
    return bool(PROCESSED.search(scan.name)), *numbers


def _conditions(sample: Mapping[str, Any], activities: Sequence[Any]) -> dict[str, Any]:
    """{name in CONDITIONS: float, None where it is missing or ambiguous; name in TEXTS: str} of a sample."""
    growth = [one for one in activities if isinstance(one, dict) and str(one.get("category", "")).upper() != "CHAR"]
    places = [*_dicts(growth), *_dicts([sample])]
    steps = [place for place in places if _is_growth_step(place)]
    described = descriptions.read(
        "\n".join(str(one.get(name) or "") for one in (sample, *growth) for name in ("description", "desc"))
    )
    of_steps = {value for step in steps for value in _values(step, CONDITIONS["growth_celsius"])}
    result: dict[str, Any] = {}
    for name, condition in CONDITIONS.items():
        in_steps = [value for step in steps for value in _values(step, condition)]
        in_fields = {value for place in places for value in _values(place, condition)}
        sources = {condition.combine(in_steps)} if in_steps else (), in_fields, getattr(described, condition.described)
        result[name] = next((next(iter(values)) for values in sources if len(values) == 1), None)
    if len(of_steps) > 1 or result["growth_celsius"] is None:
        several = sorted(of_steps) if len(of_steps) > 1 else described.celsius
        named = f"; named are {', '.join(f'{value:g}' for value in several)} °C" if several else ""
        raise _Unusable(f"it has no single growth temperature{named}")
    for name, names in TEXTS.items():
        values = [value for place in places for key, value in _pairs(place) if _is_named(key, names)]
        result[name] = "; ".join(dict.fromkeys(text for value in values for text in _texts(value)))[:200]
    if not result["substrate"] and len(described.planes) == 1:
        result["substrate"] = described.planes[0]
    return result


def _day(sample: Mapping[str, Any]) -> str:
    """Return the day of growth, as 2021-04-05, that the sample's dates say, "" where they do not."""
    for name in ("growthDates", "growthDate", "creationDate"):
        for text in _texts(sample.get(name)):
            for match in filter(None, (pattern.match(text) for pattern in DATES)):
                return f"{match['y']}-{int(match['m']):02d}-{int(match['d']):02d}"
    return ""


def _unknown(where: str, what: str) -> UserError:
    known = "workflow/micrograph/retrieval/list_database.py lists the fields"
    return _Unusable(f"{where}: {what}; the response has an unexpected form ({known}).")


def _files(activity: Any) -> Iterator[dict[str, Any]]:
    """Return the file entries of an activity, which stand in groups or by themselves."""
    groups = _field(activity, "files")
    for group in groups if isinstance(groups, list) else []:
        inner = _field(group, "files")
        yield from (one for one in (inner if isinstance(inner, list) else [group]) if isinstance(one, dict))


def _dicts(thing: Any) -> Iterator[dict[str, Any]]:
    """All dicts in nested JSON, files left out."""
    todo = [thing]
    while todo:
        one = todo.pop(0)
        if isinstance(one, dict):
            yield one
            todo += [value for name, value in one.items() if name.lower() not in ("files", "sample", "notes")]
        elif isinstance(one, list):
            todo += one


def _pairs(place: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, value) of a dict, also where it says {"name": "T", "value": 950}."""
    yield from place.items()
    value = place.get("value", place.get("Value"))
    yield from ((place[name], value) for name in ("symbol", "name", "label", "key") if isinstance(place.get(name), str))


def _is_named(name: str, names: Sequence[str]) -> bool:
    plain = re.sub(r"[^a-z]", "", re.sub(r"[(\[].*", "", name).casefold())
    return name.strip() in names or (len(plain) > 1 and plain in names)


def _values(place: Mapping[str, Any], condition: _Condition) -> list[float]:
    """Return the values of a condition in a dict itself, in our unit; a unit may stand in the name: time (min)."""
    numbers = []
    for name, value in _pairs(place):
        if _is_named(name, condition.names):
            unit = re.search(r"[(\[]([^)\]]*)", name)
            has_unit = not unit or re.search("[a-z]", str(value), re.I)
            numbers.append(_number(f"{value}{'' if has_unit or not unit else unit[1]}", condition.units))
    return [number for number in numbers if number]


def _number(text: str, units: Mapping[str, int]) -> float | None:
    """Return the number in a text, in our unit; None where it has none or another unit."""
    match = QUANTITY.fullmatch(text)
    factor = units.get(re.sub(r"\s", "", match[2]).casefold()) if match else None
    return float(match[1]) * factor or None if match and factor else None


def _is_growth_step(place: Mapping[str, Any]) -> bool:
    name = " ".join(str(place.get(key) or "") for key in ("step", "stepName", "name", "label"))
    growth = GROWTH.search(name) and not NO_GROWTH.search(name)
    return bool(growth) and bool(_values(place, CONDITIONS["growth_celsius"]))


def _texts(value: Any) -> list[str]:
    """Return the texts in a value, be it one, a list, or a thing with a name."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("name", "label", "material", "value") if value.get(name)), None)
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [" ".join(value.split())] if isinstance(value, str) and value.strip() else []
