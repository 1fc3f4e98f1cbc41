"""Readers fuzzed: bytes, and files whose parts are exchanged, repeated and given other values."""

import datetime
import io
import random
import zipfile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faults import judged, specimens
from faults.test_readers import KEYS, NUMBERS
from micrograph.errors import UserError
from micrograph.scans import sample_sheet
from tables_of_films import COLUMNS

FUZZ = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
QUICK, LARGE = 150, 20_000
CLASSES = (900, 950, 1000)


class Place:
    """A folder to put fuzzed files in, and sound files' bytes by name."""

    def __init__(self, folder):
        """Fill the folder."""
        self.folder = folder
        (folder / "sound").mkdir()
        self.sound = {name: path.read_bytes() for name, path in specimens.write_all(folder / "sound").items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A Place for all inputs of this module."""
    return Place(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(autouse=True)
def no_importer(monkeypatch):
    """Gwyddion is not started for files of no kind."""
    monkeypatch.setenv("GWYDDIONPY_CONVERT", "/bin/false")


def judged_as(folder, data, **asked):
    """What becomes of these bytes."""
    path = folder / "fuzzed"
    path.write_bytes(data)
    return judged.micrograph(path, **asked)


MAGICS = [b"", b"\\*File list\r\n", b"\\*Force file list\r\n\\Version: 0x09400202\r\n", b"?*File list\r\n",
          b"GWYPGwyContainer\0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0\x08\0", b"MM\0+\0\x08",
          b"<html", b"\xff\xd8\xff"]  # fmt: skip


@settings(max_examples=judged.count(QUICK, LARGE), **FUZZ)
@given(magic=st.sampled_from(MAGICS), data=st.binary(max_size=400))
def test_any_bytes_behind_any_beginning_give_a_scan_or_a_sentence(place, magic, data):
    judged_as(place.folder, magic + data)


def mutated_header(head, chance):
    """Header lines with values exchanged, lines repeated, dropped, moved, sections spliced in from elsewhere."""
    lines = head.split(b"\r\n")
    for _ in range(chance.randint(1, 6)):
        kind, place = chance.randrange(7), chance.randrange(len(lines))
        if kind == 0:
            key = chance.choice(KEYS).encode()
            value = chance.choice(NUMBERS).encode("latin-1")
            wanted = b"\\" + key + b":"
            lines = [wanted + b" " + value if line.startswith(wanted) else line for line in lines]
        elif kind == 1:
            lines[place] = lines[place].split(b":")[0] + b": " + lines[chance.randrange(len(lines))].split(b":")[-1]
        elif kind == 2:
            del lines[place : place + chance.randint(1, 10)]
            lines = lines or [b""]
        elif kind == 3:
            lines[place:place] = lines[chance.randrange(len(lines)) :][: chance.randint(1, 40)]
        elif kind == 4:
            lines[place] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 30)))
        elif kind == 5:
            middle = chance.randrange(len(lines[place]) + 1)
            lines[place] = lines[place][:middle] + bytes([chance.randrange(256)]) + lines[place][middle + 1 :]
        else:
            lines[place] = lines[place].swapcase()
    return b"\r\n".join([b"\\*File list" if chance.random() < 0.8 else lines[0], *lines[1:]])


def mutated_nanoscope(data, chance):
    """A NanoScope file with another header before its data, which mostly stay where they were."""
    cut = data.index(b"\x1a")
    start = min(int(line.split(b":")[1]) for line in data[:cut].split(b"\r\n") if line.startswith(b"\\Data offset"))
    head = mutated_header(data[:cut], chance)
    room = start if chance.random() < 0.8 else len(head)
    return head[:room].ljust(room, chance.choice([b"\0", b"\x1a", b"\xff"])) + data[start:]


def spliced(data, other, chance):
    """The file with pieces of itself or another taken out, repeated, or put elsewhere."""
    for _ in range(chance.randint(1, 4)):
        source = chance.choice([data, other])
        first, length = chance.randrange(len(source)), int(2 ** chance.uniform(0, 12))
        place = chance.randrange(1, len(data)) if chance.random() < 0.5 else chance.randrange(1, min(400, len(data)))
        gone = chance.choice([0, length, 1])
        data = data[:place] + source[first : first + length] + data[place + gone :]
    return data


def noisy(data, chance):
    """The file with single bytes made others, most of them near its beginning, and extreme ones most of all."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        reach = len(data) if chance.random() < 0.3 else min(len(data), 600)
        data[chance.randrange(reach)] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    return bytes(data)


@settings(max_examples=judged.count(2 * QUICK, LARGE), **FUZZ)
@given(seed=st.integers(0, 2**62))
def test_any_exchange_of_header_lines_and_values_gives_a_scan_or_a_sentence(place, seed):
    folder, sound = place.folder, place.sound
    chance = random.Random(seed)
    name = chance.choice([name for name in sound if name.endswith((".spm", ".001"))])
    judged_as(folder, mutated_nanoscope(sound[name], chance), levelling=chance.choice(["published", "median", "facet"]))


@settings(max_examples=judged.count(2 * QUICK, LARGE), **FUZZ)
@given(seed=st.integers(0, 2**62))
def test_any_splice_of_sound_files_gives_a_scan_or_a_sentence(place, seed):
    folder, sound = place.folder, place.sound
    chance = random.Random(seed)
    small = {name: data for name, data in sound.items() if not name.endswith(".spm") or chance.random() < 0.3}
    data, other = sound[chance.choice(list(small))], sound[chance.choice(list(sound))]
    data = spliced(data, other, chance) if chance.random() < 0.5 else noisy(data, chance)
    judged_as(folder, data, aspect=chance.choice(["pad", "crop"]))


def read_sheet(path, data):
    """The samples of a sheet, or the UserError whose lines are sentences."""
    path.write_bytes(data)
    with judged.within(20):
        try:
            frame = sample_sheet.read(path, COLUMNS, files_must_exist=False)
        except UserError as fault:
            for line in str(fault).split("\n"):
                judged.CONTROL.sub("", line).strip()
                assert "\0" not in line and line.endswith((".", "?", ":")), line
            assert str(path) in str(fault)
            return fault
    assert set(frame["growth_celsius"]) <= set(CLASSES) and frame["sample"].is_unique and frame["scan"].is_unique
    assert (frame["batch"] != "").all() and frame["sample"].map(lambda name: "/" not in name).all()
    return frame


CELLS = ["x", "950", "900", "a.spm", "b.spm", "", " ", '"', '"x"', "\u00b5", "1e3", "nan", "-1", "950.0", "inf", "{x}",
         "MCV1-210405a-07", "../x", "x/y", "=1+1", "\ufeff", "\0", "\x1b[2J", "\u2028"]  # fmt: skip
CELLS = st.sampled_from(CELLS) | st.text(max_size=8)
NAMES = st.sampled_from(
    ["sample", "growth_celsius", "scan", "batch", "width_nm", "growth_seconds", "Sample", "", "note"]
)


@settings(max_examples=judged.count(QUICK, LARGE), **FUZZ)
@given(names=st.lists(NAMES, min_size=1, max_size=7), rows=st.lists(st.lists(CELLS, max_size=8), max_size=6),
       sound=st.booleans(), separator=st.sampled_from("\t\t\t\t,; "), end=st.sampled_from(["\n", "\r\n", "\r"]),
       encoding=st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))  # fmt: skip
def test_any_cells_under_any_names_give_samples_or_sentences(place, names, rows, sound, separator, end, encoding):
    names = ["sample", "growth_celsius", "scan", "batch"] if sound else names
    text = end.join(separator.join(row) for row in [names, *rows])
    read_sheet(place.folder / "samples.tsv", text.encode(encoding, "replace"))


@settings(max_examples=judged.count(QUICK, LARGE), **FUZZ)
@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_sheet_give_samples_or_sentences(place, data):
    read_sheet(place.folder / "samples.tsv", b"sample\tgrowth_celsius\tscan\tbatch\n" * (len(data) % 2) + data)


@pytest.fixture(scope="module")
def workbook():
    """The members of a sound workbook, by name."""
    book = openpyxl.Workbook()
    book.active.append(["Sample", "growth_celsius", "scan", "batch", "growth_date", "width_nm"])
    for number in range(3):
        day = datetime.datetime(2024, 5, 3 + number)
        book.active.append([f"film {number}", 950, f"{number}.spm", day, 45415 + number, 500.5])
    book.active.merge_cells("D2:D3")
    book.save(content := io.BytesIO())
    with zipfile.ZipFile(content) as members:
        return {name: members.read(name) for name in members.namelist()}


VALUES = [b"1048576", b"-1", b"XFD1", b"D2:D1048576", b"e", b"b", b"d", b"s", b"9" * 30, b"", b"<", b"&#0;", b"\xff"]


@settings(max_examples=judged.count(QUICK, LARGE), **FUZZ)
@given(seed=st.integers(0, 2**32))
def test_damaged_workbooks_give_samples_or_sentences(place, workbook, seed):
    chance = random.Random(seed)
    members = dict(workbook)
    name = chance.choice([*members, *["xl/worksheets/sheet1.xml"] * 5])
    parts = members[name].split(b'"')  # every other one is the value of an attribute
    for _ in range(chance.randint(1, 3)):
        parts[chance.randrange(len(parts))] = chance.choice(VALUES)
    members[name] = b'"'.join(parts)
    with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    data = content.getvalue()
    read_sheet(place.folder / "samples.xlsx", data[: chance.randrange(len(data))] if chance.random() < 0.1 else data)
