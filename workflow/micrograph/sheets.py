"""The sample sheet: one row a sample, checked as a whole so that all its faults come in one message."""

import re
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from micrograph.faults import Fault

REQUIRED = ("sample", "growth_celsius", "scan")
OPTIONAL = ("growth_seconds", "substrate", "pressure_torr", "batch", "width_nm")
NUMBERS = ("growth_celsius", "growth_seconds", "pressure_torr", "width_nm")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
STUDY_LABEL = re.compile(r"(?P<day>.+-\d{6})[A-Za-z]?-[^-]+")


def read(path, classes, files_must_exist=True):
    """Read and check the sheet at `path`: a data frame with REQUIRED and OPTIONAL columns, sorted by sample.

    classes: the growth temperatures that are told apart, in Celsius; a sample grown at another is a fault, so that
    none is dropped unseen. Numbers are floats, NaN where empty; `batch` is filled in from labels like
    MCV1-YYMMDDx-XX where the sheet has none.
    Raises Fault that lists every fault with its line in the file (the header is line 1).
    """
    frame = _table(Path(path))
    faults = list(_column_faults(frame.columns))
    if set(REQUIRED) <= set(frame.columns):
        frame = frame.reindex(columns=[*REQUIRED, *OPTIONAL], fill_value="")
        faults += _row_faults(frame, classes, files_must_exist) + _twice(frame, "sample") + _twice(frame, "scan")
    if faults:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise Fault(f"{path}: {count} in the sample sheet:\n  " + "\n  ".join(faults))
    for name in NUMBERS:
        frame[name] = frame[name].replace("", "nan").astype(float)
    frame["growth_celsius"] = frame["growth_celsius"].astype(int)
    frame["batch"] = frame["batch"].where(frame["batch"] != "", frame["sample"].map(batch_of))
    return frame.sort_values("sample", ignore_index=True)


def batch_of(label):
    """The growth day of a label in the study's style, "" for other labels: MCV1-210405a-07 -> MCV1-210405."""
    match = STUDY_LABEL.fullmatch(label)
    return match["day"] if match else ""


def shard(frame, index, scans_per_shard):
    """The rows of the sheet that conversion job `index` is for."""
    return frame.iloc[index * scans_per_shard : (index + 1) * scans_per_shard]


def _table(path):
    """The sheet as text, blank rows dropped, indexed by line in the file."""
    if not path.is_file():
        raise Fault(
            f"{path}: there is no such sample sheet; write one (README.md, 'Your own scans') or set scans.sheet."
        )
    try:
        frame = pd.read_csv(
            path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise Fault(f"{path}: no tab-separated text ({str(error).strip()}); save the sheet as TSV in UTF-8.") from None
    if len(frame.columns) == 1 and "," in frame.columns[0]:
        raise Fault(f"{path}: the columns are parted by commas; save the sheet with tabs between them.")
    frame = frame.rename(columns=str.strip).map(lambda value: value.strip() if isinstance(value, str) else "")
    frame.index = pd.RangeIndex(2, 2 + len(frame))
    frame = frame[(frame != "").any(axis=1)]
    if frame.empty:
        raise Fault(f"{path}: the sample sheet has no rows; give it one row a sample.")
    return frame


def _column_faults(columns):
    """Sentences on columns that are missing or not known."""
    legal = [*REQUIRED, *OPTIONAL]
    for name in columns:
        if name not in legal:
            near = get_close_matches(name, legal, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(legal)}."
            yield f"line 1: column '{name}' is not known; {hint}"
    for name in REQUIRED:
        if name not in columns:
            yield f"line 1: column '{name}' is missing; it must be there."


def _row_faults(frame, classes, files_must_exist):
    """Sentences on single cells."""
    faults = []
    for line, row in frame.iterrows():
        faults += [f"line {line}: {name} is empty; fill it in." for name in REQUIRED if not row[name]]
        if row["sample"] and not FILE_NAME.fullmatch(row["sample"]):
            faults.append(
                f"line {line}: sample '{row['sample']}' cannot name files; use letters, digits, '.', '_', '+' and '-', "
                "beginning with a letter or digit."
            )
        bad = [name for name in NUMBERS if row[name] and _number(row[name]) is None]
        faults += [
            f"line {line}: {name} '{row[name]}' is no positive number; write it plainly, as 950." for name in bad
        ]
        if row["growth_celsius"] and "growth_celsius" not in bad and _number(row["growth_celsius"]) not in classes:
            faults.append(
                f"line {line}: growth_celsius {row['growth_celsius']} is none of the classes "
                f"{', '.join(map(str, classes))}; take the row out or add it to classes in the config."
            )
        if not row["batch"] and row["sample"] and not batch_of(row["sample"]):
            faults.append(
                f"line {line}: sample '{row['sample']}' tells no growth day (MCV1-YYMMDDx-XX would); "
                "fill in the column batch."
            )
        if files_must_exist and row["scan"] and not Path(row["scan"]).is_file():
            faults.append(f"line {line}: scan '{row['scan']}' is not there; correct the path.")
    return faults


def _number(text):
    """The positive finite number that `text` says, None where it says none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _twice(frame, name):
    """Sentences on values of a column that occur more than once."""
    groups = frame[frame[name] != ""].groupby(name, sort=True).groups
    return [
        f"lines {', '.join(map(str, lines))}: {name} '{value}' stands {len(lines)} times; each may stand once."
        for value, lines in groups.items()
        if len(lines) > 1
    ]


def in_shards(frame, folder, scans_per_shard):
    """The same sheet with every scan in its conversion job's folder: {folder}/0000/{file}, {folder}/0001/{file}, ..."""
    places = [f"{folder}/{row // scans_per_shard:04d}/{Path(scan).name}" for row, scan in enumerate(frame["scan"])]
    return frame.assign(scan=places)
