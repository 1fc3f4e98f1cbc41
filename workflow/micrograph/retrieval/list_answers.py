"""What the LiST database answers: what its fields are called, which files are scans, how a film was grown.

Seen in public, in the study's own notebook (mos2-analysis, 2023), a later project of its authors (camel-2dcc) and the
database's own client (list-api-client), all of interface v2:
  POST samples/search?start=0&length=100&draw=1, criteria in JSON -> {"data": [sample, ...], "recordsFiltered": n}
      sample: id, sampleLabel, creationDate, description, perhaps growthDates and substrateMaterials
  GET samples/{id}/activities -> [activity, ...]: id, sampleId, sample.sampleLabel, category (CHAR for a measurement),
      files: groups, each with files: [{id, filename, filetype}]
  GET sample-activities/{activity}/files/{file} -> the bytes.
Assumed, and never tried on the real server: where the recipe stands in an activity. It is looked for in all that are no
measurements, as rows with a step's name and the columns T (Celsius), t (seconds) and P (Torr), or as fields by the
names below; a number without a unit has these units. Last of all the description counts, if its words leave no doubt.
"""

import re
from statistics import median
from typing import NamedTuple

from micrograph.errors import UserError

FIELDS = {  # what is needed of an answer: the names that it may have
    "samples": ("data", "Data", "samples", "results", "items"),
    "total": ("recordsFiltered", "RecordsFiltered"),
    "sample": ("id", "ID", "Id", "sampleId"),
    "label": ("sampleLabel", "SampleLabel", "label"),
    "activity": ("id", "ID", "Id", "activityId"),
    "file": ("id", "ID", "Id", "fileId"),
    "file name": ("filename", "fileName", "FileName", "name"),
}
STUDY_CENTRE = re.compile(r"-\s?c\s?-|center|centre", re.IGNORECASE)
STUDY_SIZE = re.compile(r"(?<![\d.,])1\s?[u\xb5\u03bc]m", re.IGNORECASE)
PROCESSED = re.compile(r"(\.proc|_cs)\.spm$", re.IGNORECASE)  # copies of a scan that somebody worked on
NAMES = {  # of the conditions; a single letter counts as it is written, words in any spelling
    "growth_celsius": ("growthtemperature", "growthtemp", "temperature", "temp", "T"),
    "growth_seconds": ("growthtime", "growthduration", "time", "duration", "t"),
    "pressure_torr": ("growthpressure", "reactorpressure", "pressure", "P"),
    "substrate": ("substrate", "substrates", "substratematerial", "substratematerials"),
    "operator": ("operator", "growthoperator", "grower", "grownby"),
}
TEXTS = ("substrate", "operator")
UNITS = {
    "growth_celsius": dict.fromkeys(("", "c", "degc", "\xb0c", "\xbac"), 1),
    "growth_seconds": dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1)
    | dict.fromkeys(("min", "mins", "minute", "minutes"), 60)
    | dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    "pressure_torr": {"": 1, "torr": 1},
}
OF_STEPS = {
    "growth_celsius": max,
    "growth_seconds": sum,
    "pressure_torr": median,
}  # what all growth steps make together
GROWTH = re.compile(r"growth|deposit", re.IGNORECASE)
NO_GROWTH = re.compile(r"(pre|post)[- ]?growth|anneal|p\.g\.", re.IGNORECASE)
QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z\xb0\xba]*)\.?\s*", re.IGNORECASE)
IN_WORDS = {  # of descriptions such as "Growth time: 9 mins\nTemp: 1000C\nReactor pressure: 50torr"
    "growth_celsius": (
        re.compile(r"\btemp(?:erature)?\.?\s*[:=]\s*(\d{3,4}\s*[\xb0\xba]?\s*C)\b", re.IGNORECASE),
        re.compile(
            r"(?<!pre-)(?<!post-)\bgrow(?:th|ing|n)\b(?:(?!anneal)[^\n])*?\bat\s+(\d{3,4}\s*[\xb0\xba]?\s*C)\b", re.I
        ),
    ),
    "growth_seconds": (
        re.compile(r"\bgrowth time:?\s*(\d+(?:\.\d+)?\s*(?:s|sec|min|mins|minutes|h|hr)\b)", re.IGNORECASE),
    ),
    "pressure_torr": (re.compile(r"\breactor pressure:?\s*(\d+(?:\.\d+)?\s*torr)\b", re.IGNORECASE),),
}
DAYS = (re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)"), re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})"))


class Unknown(UserError):
    """The database answers otherwise than is known here."""


class Scan(NamedTuple):
    """A file of the database: its activity's and its own id, as text, and its name there."""

    activity: str
    file: str
    name: str


def field(answer, what, where):
    """The value of the field for `what` (a row of FIELDS); Unknown that says which field is missing, and where."""
    for name in FIELDS[what] if isinstance(answer, dict) else ():
        if answer.get(name) not in (None, ""):
            return answer[name]
    raise _unknown(f"{where}: no field '{FIELDS[what][0]}' in the answer")


def page(answer, where):
    """([sample, ...], how many the search has in all, None where it does not say) of one answer to a search."""
    rows = answer if isinstance(answer, list) else field(answer, "samples", where) or []
    total = next((answer[name] for name in FIELDS["total"] if name in answer), None) if answer is not rows else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unknown(f"{where}: field '{FIELDS['samples'][0]}' is no list of samples")
    return rows, total if isinstance(total, int) else None


def scans(activities, where):
    """Every file of a sample's activities as a Scan, with whether it is one by its type or ending."""
    if not isinstance(activities, list):
        raise _unknown(f"{where}: the answer is no list of activities")
    found = []
    for place, activity in enumerate(activities, start=1):
        for file in _files(activity if isinstance(activity, dict) else {}):
            there = f"{where}: activity {place}"
            name = str(field(file, "file name", there))
            ids = str(field(activity, "activity", there)), str(field(file, "file", there))
            kind = str(file.get("filetype") or file.get("fileType") or "").lower()
            found.append((Scan(*ids, name), "spm" in (kind, name.lower().rpartition(".")[2])))
    return found


def is_centre_1um(name):
    """Whether a file's name calls it a scan of 1 um at the centre, as the study recognised them.

    The study also took names with 11 um or 0.1 um for 1 um; a digit before the 1 is refused here.
    """
    return bool(STUDY_CENTRE.search(name) and STUDY_SIZE.search(name))


def rank(scan):
    """What orders the scans of one film, the best first: as measured before worked on, then the oldest ids."""
    return bool(PROCESSED.search(scan.name)), _number_first(scan.activity), _number_first(scan.file)


def conditions(sample, activities):
    """How a film was grown: growth_celsius, growth_seconds, pressure_torr (floats, None where nothing tells them),
    substrate, operator (texts), and told_by: where the temperature stands, "" where there is none or more than one."""
    growth = [one for one in activities if isinstance(one, dict) and str(one.get("category", "")).upper() != "CHAR"]
    places = [*_dicts(growth), *_dicts([sample])]
    steps = [place for place in places if _is_growth_step(place)]
    words = "\n".join(str(one.get(name) or "") for one in (sample, *growth) for name in ("description", "desc"))
    found = {"told_by": ""}
    for quantity, together in OF_STEPS.items():
        in_steps = [number for step in steps for number in _told(step, quantity)]
        in_fields = {number for place in places for number in _told(place, quantity)}
        in_words = {number for pattern in IN_WORDS[quantity] for number in _found(pattern, words, quantity)}
        told = {"recipe": {together(in_steps)} if in_steps else (), "fields": in_fields, "description": in_words}
        where = next((name for name, numbers in told.items() if len(numbers) == 1), "")
        found[quantity] = next(iter(told[where])) if where else None
        found["told_by"] = where if quantity == "growth_celsius" else found["told_by"]
    pairs = [pair for place in places for pair in _pairs(place)]
    for quantity in TEXTS:
        texts = [text for name, value in pairs if _is(name, quantity) for text in _texts(value)]
        found[quantity] = "; ".join(dict.fromkeys(texts))[:200]
    return found


def day(sample):
    """The day of growth, as 2021-04-05, that the sample's dates tell; "" where they do not."""
    for name in ("growthDates", "growthDate", "creationDate"):
        for text in _texts(sample.get(name)):
            for match in filter(None, (pattern.match(text) for pattern in DAYS)):
                return f"{match['y']}-{int(match['m']):02d}-{int(match['d']):02d}"
    return ""


def _unknown(what):
    known = "workflow/micrograph/retrieval/list_answers.py says what is"
    return Unknown(f"{what}; the database answers otherwise than is known here ({known}).")


def _files(activity):
    """The file entries of an activity, which stand in groups or by themselves."""
    groups = activity.get("files") or activity.get("Files") or []
    for group in groups if isinstance(groups, list) else []:
        inner = group.get("files") or group.get("Files") if isinstance(group, dict) else None
        yield from (one for one in (inner if isinstance(inner, list) else [group]) if isinstance(one, dict))


def _number_first(text):
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def _dicts(thing):
    """All dicts in nested JSON, files left out."""
    todo = [thing]
    while todo:
        one = todo.pop(0)
        if isinstance(one, dict):
            yield one
            todo += [value for name, value in one.items() if name.lower() not in ("files", "sample", "notes")]
        elif isinstance(one, list):
            todo += one


def _pairs(place):
    """(name, value) of a dict, also where it says {"name": "T", "value": 950}."""
    yield from place.items()
    value = place.get("value", place.get("Value"))
    yield from ((place[name], value) for name in ("symbol", "name", "label", "key") if isinstance(place.get(name), str))


def _is(name, quantity):
    plain = re.sub(r"[^a-z]", "", re.sub(r"[(\[].*", "", name).casefold())
    return name.strip() in NAMES[quantity] or (len(plain) > 1 and plain in NAMES[quantity])


def _told(place, quantity):
    """The numbers that a dict itself tells of a quantity, in our unit; a unit may stand in the name: time (min)."""
    found = []
    for name, value in _pairs(place):
        if _is(name, quantity):
            unit = re.search(r"[(\[]([^)\]]*)", name)
            found += [
                _number(f"{value}{unit[1] if unit and not re.search('[a-z]', str(value), re.I) else ''}", quantity)
            ]
    return [number for number in found if number]


def _found(pattern, words, quantity):
    return [number for text in pattern.findall(words) if (number := _number(text, quantity))]


def _number(text, quantity):
    """The number that a text says of a quantity, in our unit; None where it says none or in another unit."""
    match = QUANTITY.fullmatch(text)
    factor = UNITS[quantity].get(re.sub(r"\s", "", match[2]).casefold()) if match else None
    return float(match[1]) * factor or None if factor else None


def _is_growth_step(place):
    name = " ".join(str(place.get(key) or "") for key in ("step", "stepName", "name", "label"))
    return bool(GROWTH.search(name)) and not NO_GROWTH.search(name) and bool(_told(place, "growth_celsius"))


def _texts(value):
    """The texts that a value says, be it one, a list, or a thing with a name."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("name", "label", "material", "value") if value.get(name)), None)
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [" ".join(value.split())] if isinstance(value, str) and value.strip() else []
