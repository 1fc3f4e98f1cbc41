"""A sample sheet to fill in: one row a scan of a folder, with what the files themselves tell and nothing guessed.

PYTHONPATH=workflow python -m micrograph.scans.make_sheet FOLDER [--sheet samples.tsv]
"""

import argparse
import csv
import os
import re
import unicodedata
from io import StringIO
from pathlib import Path

from micrograph import io
from micrograph.errors import UserError, exit_with_message, printable
from micrograph.log import progress
from micrograph.scans import formats, gwyddion, nanoscope, sample_sheet
from micrograph.scans.nanoscope import read_header

COLUMNS = (
    *(*sample_sheet.REQUIRED, "batch", "grown", "operator"),
    *("growth_seconds", "substrate", "pressure_torr", "width_nm"),
)
NEEDED = "needed"  # no number, so that a sheet is refused as long as it stands there
LONGEST = 190  # of a sample's name, so that a number fits behind it within the 200 that a sheet takes
# How the study named its downloads, {sampleLabel}_{sampleId}_{activityId}_{fileId}_{original name}, and its labels.
LIST_NAME = re.compile(r"(?P<label>.+?)_\d{3,}_\d{4,}_\d{4,}_.+", re.DOTALL)
LABEL = re.compile(r"(?P<label>[A-Za-z0-9]+-\d{6}[A-Za-z]?-[A-Za-z0-9]+)(?![A-Za-z0-9])")
DATE = re.compile(r"\b(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?P<year>\d{4})\s*$")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Scans in other formats that Gwyddion's importer reads, known by how they begin or, where that says little, their name.
BEGINNINGS = (
    *(b"GWYP", b"GWYO", b"WSxM file copyright", b":NANONIS_VERSION:", b"\x01\xb0\x93\xff", b"ONTMATRX0101"),
    *(b"\xaa\0S\0T\0i\0M\0a\0g\0e\0", b"STiMage", b"[DataSet]", b"ISO/TC 201 SPM data transfer format"),
    *(b"DIGITAL SURF", b"DSCOMPRESSED", b"[Paramco32]", b"II*\0", b"MM\0*", b"<SPML", b"#R3"),
)
SUFFIXES = {
    *(
        ".gwy",
        ".ibw",
        ".jpk",
        ".jpk-force",
        ".jpk-qi-image",
        ".h5-jpk",
        ".nid",
        ".nhf",
        ".sxm",
        ".mtrx",
        ".sm2",
        ".sm3",
    ),
    *(".sm4", ".stp", ".mdt", ".sur", ".spml", ".mul", ".ezd", ".afm", ".xqd", ".bcr", ".bcrf"),
}
UNKNOWN = "in no format that is known here; if Gwyddion reads it, give it a row by hand"


def main(arguments=None):
    """Write the sheet that the command line asks for, and say on the terminal what is left to do."""
    parser = argparse.ArgumentParser(prog="new_sheet", description="Write a sample sheet to fill in.")
    parser.add_argument("folder", help="the folder of the scans; its subfolders are searched too")
    parser.add_argument("--sheet", default="samples.tsv", help="where the sheet is written (never over another)")
    asked = parser.parse_args(arguments)
    rows, passed_over = exit_with_message(write, asked.folder, asked.sheet)
    print("\n".join([*of_others(passed_over), *to_do(rows, asked.sheet)]))


def write(folder, sheet):
    """Write the sheet of a folder's scans: (rows, [(path, reason)] of what is no row).

    rows: dicts of text with COLUMNS; paths in them are relative to the sheet's own folder, which is where the study is
    run, and absolute for scans outside it. A scan's growth temperature is never known and left empty. Raises UserError
    where a sheet stands there already, the folder is none or cannot be read, or there is no scan in it.
    """
    sheet = Path(sheet)
    _must_be_new(sheet)
    if not folder or not os.path.isdir(folder):
        raise UserError(f"{printable(folder) or 'FOLDER'}: there is no such folder; name the one that holds the scans.")
    found, passed_over = [], []
    for path, fault in progress(sorted(_below(folder)), "files looked at"):
        try:
            if not fault:
                found.append(_row(path, sheet.parent))
        except (UserError, OSError) as error:
            fault = str(error).removeprefix(f"{path}: ").rstrip(".")
        passed_over += [(path, fault)] if fault else []
    rows = named(found)
    if not rows:
        reasons = "\n".join(of_others(passed_over))
        raise UserError(
            f"{reasons}\n{printable(folder)}: no scan was found in it; name the folder that holds the scans."
        )
    _must_be_new(sheet)
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    io.write_text(sheet, text.getvalue())
    return rows, passed_over


def sample_name(text):
    """What `text` becomes as the name of a sample: letters, digits, '.', '_', '+', '-', at most LONGEST of them.

    Accents are taken off letters, all else becomes '_'; what nothing is left of is called "scan".
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", plain).lstrip("._+-")[:LONGEST].rstrip("._") or "scan"


def named(rows):
    """The rows (dicts), each with a `sample` after its `film`: no two alike, not even on disks that know no capitals.

    film: a legal name (sample_name), which its first row keeps; the others get _2, _3, ...
    """
    taken, numbers = {row["film"].casefold() for row in rows}, {}
    for row in rows:
        film = row["film"].casefold()
        numbers[film] = numbers.get(film, 0) + 1
        row["sample"] = row["film"]
        if numbers[film] > 1:
            while f"{film}_{numbers[film]}" in taken:
                numbers[film] += 1
            row["sample"] = f"{row['film']}_{numbers[film]}"
            taken.add(f"{film}_{numbers[film]}")
    return rows


def label_of(file_name):
    """The name of the film that a file's name tells: a label in the study's style, else the name without its suffix.

    NanoScope files may end in a counter (.000, .001, ...), which tells films apart and stays.
    """
    stem, suffix = os.path.splitext(file_name)
    match = LIST_NAME.fullmatch(file_name) or LABEL.match(file_name)
    return match["label"] if match else f"{stem}{suffix}" if suffix[1:].isdigit() else stem


def day_of(text):
    """The day, as 2021-12-15, of a date as NanoScope writes it (04:49:10 PM Wed Dec 15 2021), "" for any other."""
    match = DATE.search(text)
    if not match or match["month"] not in MONTHS or not 1 <= int(match["day"]) <= 31:
        return ""
    return f"{match['year']}-{MONTHS.index(match['month']) + 1:02d}-{int(match['day']):02d}"


def of_others(passed_over):
    """Lines that name everything that is no row, by reason."""
    reasons = {}
    for path, reason in passed_over:
        reasons.setdefault(reason, []).append(printable(path))
    return [line for reason, paths in reasons.items() for line in (f"Not in the sheet, {reason}:", *_indented(paths))]


def to_do(rows, sheet):
    """Lines that say what was written and what is left to fill in."""
    films, days = {}, sum(bool(row["batch"]) for row in rows)
    for row in rows:
        films.setdefault(row["film"].casefold(), []).append(row["scan"])
    twice = [", ".join(map(printable, scans)) for scans in films.values() if len(scans) > 1]
    labelled = sum(bool(sample_sheet.batch_of(row["sample"])) for row in rows)
    pictures = sum(row["width_nm"] == NEEDED for row in rows)
    foreign = sum(row["kind"] == "other" for row in rows) if gwyddion.converter() is None else 0
    folder = Path(sheet).parent
    lines = [f"{printable(sheet)}: written. Scans listed: {len(rows)}; with a growth day in their label: {labelled}."]
    lines += ["These scans seem to be of one film; keep one row of each:", *_indented(twice)] if twice else []
    lines += [f"Scans that need Gwyddion's importer: {foreign} ({gwyddion.INSTALL})"] if foreign else []
    lines += ["Next:", "  1. Fill in growth_celsius in every row; take rows out that you do not want."]
    batch = f"     batch: what grew on one day. Rows with the day of the scan there, to be corrected: {days}."
    lines += [batch] if labelled < len(rows) else []
    width = f"     width_nm: how wide a picture is, in nm; empty where nobody knows. Rows that wait for it: {pictures}."
    lines += [width] if pictures else []
    own, keys = f"{folder}/config.yaml", f"classes, and scans.sheet: {Path(sheet).name}"
    lines += [f"  2. Copy the project's config/own.yaml to {own} if none is there, and set in it {keys}."]
    return [*lines, f"  3. snakemake --cores 8 --directory {folder}     (docs/your-own-scans.md says more)"]


def _indented(lines):
    return [f"    {line}" for line in lines]


def _must_be_new(sheet):
    if os.path.lexists(sheet):
        raise UserError(
            f"{sheet}: there is such a sheet already and it is kept; name another (SHEET=), or move it away."
        )


def _below(folder):
    """(path, reason why it is no scan, "" for files) of all that is shown below a folder, in no order."""
    closed = []
    for place, inside, names in os.walk(folder, onerror=closed.append):
        shown = [name for name in inside if not name.startswith(".")]
        links = [name for name in shown if os.path.islink(os.path.join(place, name))]
        yield from ((os.path.join(place, name), "a link to a folder; name that folder itself") for name in links)
        if "results" in shown and os.path.isdir(os.path.join(place, "results", "micrographs")):
            yield os.path.join(place, "results"), "the results of a study"
            shown.remove("results")
        inside[:] = [name for name in shown if name not in links]
        yield from ((os.path.join(place, name), "") for name in names if not name.startswith("."))
    yield from ((error.filename, "a folder that cannot be opened; correct its rights") for error in closed)


def _row(path, home):
    """What the sheet says of one scan, with its kind and the film that it seems to be of; UserError where it is none."""
    scan = _cell(path, home)
    kind = formats.kind(path)
    row = {
        "scan": scan,
        "kind": kind,
        "film": sample_name(label_of(os.path.basename(path))),
        "batch": "",
        "width_nm": "",
    }
    if kind == "picture":
        row["width_nm"] = "" if formats.imagej_width_nm(path) else NEEDED
    elif kind == "nanoscope":
        header = read_header(path)
        nanoscope.check(header)
        row["batch"] = "" if sample_sheet.batch_of(row["film"]) else day_of(header.sections[0][1].get("date", ""))
    elif not _perhaps_a_scan(path):
        raise UserError(UNKNOWN)
    return row


def _cell(path, home):
    """The path of a scan as the sheet holds it; UserError for one that a sheet cannot hold."""
    absolute = os.path.abspath(path)
    inside = os.path.relpath(absolute, os.path.abspath(home))
    cell = absolute if inside.startswith(os.pardir) else inside
    if printable(cell) != cell:
        raise UserError("its path has characters that no sheet holds; rename the file or folder")
    if cell != cell.strip():
        raise UserError("its path begins or ends with a space; rename the file or folder")
    if sample_sheet.PATTERNS.search(cell):
        raise UserError("its path has { } or < >, which stand for patterns of names; rename the file or folder")
    return cell


def _perhaps_a_scan(path):
    with open(path, "rb") as file:
        return Path(path).suffix.lower() in SUFFIXES or file.read(64).lstrip(b"\xef\xbb\xbf").startswith(BEGINNINGS)


if __name__ == "__main__":
    main()
