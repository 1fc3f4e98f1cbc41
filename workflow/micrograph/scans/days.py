"""Days of growth: what labels tell of them, and how they are written, as 2021-04-05."""

import datetime
import re

STUDY_LABEL = re.compile(r"(?P<day>.+-\d{6})[A-Za-z]?-[^-]+")
# Names of a batch that tell a day: a date by itself, or the label of the study's films as far as the run.
WRITTEN = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII)
LABELLED = re.compile(r".+-(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)[A-Za-z]?", re.ASCII)
CENTURY = 2000  # of labels, which hold two digits of the year
EARLIEST = 1900


def batch_of(label):
    """The growth day of a label in the study's style, "" for other labels: MCV1-210405a-07 -> MCV1-210405."""
    match = STUDY_LABEL.fullmatch(label)
    return match["day"] if match else ""


def grown(batch):
    """The day that a batch's name tells, as 2021-04-05, "" where it tells none.

    MCV1-210405 -> 2021-04-05; 2021-04-05 -> 2021-04-05; monday, MCV1-211340 -> "".
    """
    if match := WRITTEN.fullmatch(batch):
        return _iso(match, 0)
    match = LABELLED.fullmatch(batch)
    return _iso(match, CENTURY) if match else ""


def is_written(text):
    """Whether a text is a day that there is, from 1900 on, written as 2021-04-05."""
    match = WRITTEN.fullmatch(text)
    return bool(match and _iso(match, 0))


def _iso(match, century):
    """The date of a match, "" where the calendar has no such day."""
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    try:
        found = datetime.date(century + year, month, day)
    except ValueError:
        return ""
    return found.isoformat() if found.year >= EARLIEST else ""
