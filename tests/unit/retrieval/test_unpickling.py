"""Pickles are read to the same values as by Python itself, and run nothing, whatever is in them."""

import builtins
import collections
import contextlib
import encodings.raw_unicode_escape  # noqa: F401 (Python loads it at its first use)
import functools
import importlib
import io
import itertools
import os
import pickle
import struct
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.retrieval import unpickling

GREYS = np.random.default_rng(0).random((224, 224))
STUDY = [
    {
        "sampleLabel": "MCV1-210405a-07",
        "sampleId": 12,
        "image": GREYS,
        "T": 950,
        "time": 600.0,
        "substrate": "c-Sapphire",
    },
    {
        "sampleLabel": "MCV1-210406a-01",
        "sampleId": 13,
        "image": GREYS.T,
        "T": np.int64(900),
        "time": None,
        "substrate": "",
    },
]
WATCHED = {"on": False, "seen": []}
HARMLESS = {"open", "mmap.__new__", "os.fstat", "builtins.id"}


def _watch(event, arguments):
    if WATCHED["on"] and (event not in HARMLESS or (event == "open" and arguments[1] not in ("r", "rb"))):
        WATCHED["seen"].append((event, arguments))


sys.addaudithook(_watch)


@contextlib.contextmanager
def watched():
    """Python's own auditing: every import, process, socket, compilation and file opened for writing fails the test."""
    WATCHED.update(on=True, seen=[])
    try:
        yield
    finally:
        WATCHED["on"] = False
    assert WATCHED["seen"] == []


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "some.pkl"


@pytest.fixture
def read(scratch):
    def read(content):
        scratch.write_bytes(content)
        with watched():
            return unpickling.read(scratch)

    return read


def same(one, other):
    """Whether two values are alike in content, arrays by type, shape and bytes; sets, bytes and numbers loosely."""
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return same(one.tolist(), other.tolist()) if one.dtype == object else one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.mark.parametrize("protocol", range(6))
def test_the_studys_lists_of_dicts_are_read_as_python_itself_reads_them(read, protocol):
    found = read(pickle.dumps(STUDY, protocol))
    assert same(STUDY, found)
    assert type(found[1]["T"]) is int and type(found[0]["image"]) is np.ndarray


KINDS = ("b1", "i1", "<i2", ">i4", "i8", "u1", "u2", ">u8", "<f2", "f4", ">f8", "S3", "<U3", ">U3", "O")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_kind_shape_and_order_are_read(read, protocol):
    for kind, shape in itertools.product(KINDS, [(), (0,), (6,), (2, 3), (3, 1, 2), (0, 4)]):
        values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
        for array in (values, np.asfortranarray(values), values[::-1] if shape else values):
            assert same(array, read(pickle.dumps(array, protocol))), (kind, shape)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(-5, 5), inner, max_size=4)
        | st.frozensets(st.text(max_size=3), max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(collections.OrderedDict)
    ),
    max_leaves=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_values_come_back_as_they_were(read, value, protocol):
    assert same(value, read(pickle.dumps(value, protocol)))


def test_what_is_stored_once_and_meant_twice_is_there_twice(read):
    shared = {"substrate": "c-Sapphire"}
    for protocol in range(6):
        one, other, pair = read(pickle.dumps([shared, shared, (GREYS, GREYS)], protocol))
        assert one is other and pair[0] is pair[1] and same(pair[0], GREYS)


PYTHON2 = (  # numpy.array([1., 2.]) with a label, as Python 2 and numpy 1 wrote them, by protocols 2 and 0
    b"\x80\x02}q\x01(U\x01aq\x10U\x04\xb5m\r\nq\x11U\x01bcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
    b"U\x01b\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x10" + struct.pack("<dd", 1, 2) + b"tbu.",
    b"(dp1\nS'a'\np2\nS'\\xb5m\\r\\n'\np3\nsS'b'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
    b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'"
    + b"".join(b"\\x%02x" % byte for byte in struct.pack("<dd", 1, 2))
    + b"'\ntbs.",
)


@pytest.mark.parametrize("content", PYTHON2, ids=["protocol 2", "protocol 0"])
def test_pickles_of_python_2_are_read(read, content):
    found = read(content)
    assert found["a"] == "µm\r\n" and same(found["b"], np.array([1.0, 2.0]))
    assert same(found, pickle.loads(content, encoding="latin1"))  # noqa: S301 (written above)


def test_names_of_numpy_1_and_2_are_the_same_to_us(read):
    for protocol in (2, 4):  # without frames, so that the length of a name may change
        content = pickle.dumps(GREYS[:2, :2], protocol)
        assert b"numpy._core" in content
        old = content.replace(b"\x8c\x16numpy._core", b"\x8c\x15numpy.core").replace(b"cnumpy._core", b"cnumpy.core")
        assert same(read(old), GREYS[:2, :2])


class Calls:
    """What calls a function when it is unpickled."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


class Stateful:
    def __reduce__(self):
        return Calls, (), {"__class__": 1}


ATTACKS = {
    "os.system": Calls(os.system, ("touch owned",)),
    "eval": Calls(eval, ("open('owned', 'w')",)),
    "exec": Calls(exec, ("open('owned', 'w')",)),
    "open": Calls(open, ("owned", "w")),
    "getattr": Calls(getattr, (os, "system") if False else ("", "join")),
    "import": Calls(importlib.import_module, ("antigravity",)),
    "subprocess": Calls(subprocess.Popen, (["touch", "owned"],)),
    "functools": Calls(functools.partial, (print, "x")),
    "numpy.load": Calls(np.load, ("owned.npy", None, True)),
    "numpy.fromfile": Calls(np.fromfile, ("/etc/passwd",)),
    "numpy.memmap": Calls(np.memmap, ("owned", "u1", "w+", 0, (4,))),
    "pickle.loads": Calls(pickle.loads, (b"cos\nsystem\n(S'touch owned'\ntR.",)),
    "bytearray": Calls(bytearray, (1 << 40,)),
    "io": Calls(io.FileIO, ("owned", "w")),
    "build": Stateful(),
    "class": Calls(type, ("X", (), {})),
    "builtins": Calls(builtins.__import__, ("os",)),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_a_pickle_that_tries_to_run_code_runs_nothing(read, tmp_path, monkeypatch, attack, protocol):
    monkeypatch.chdir(tmp_path)
    nested = np.empty(1, object)
    nested[0] = attack
    for content in (attack, [STUDY[0], {"image": attack}], {"a": (1, [attack])}, nested):
        with pytest.raises(UserError, match="the pickle (names|holds)"):
            read(pickle.dumps(content, protocol))
    assert list(tmp_path.iterdir()) == []


def text(word):
    return b"\x8c" + bytes([len(word)]) + word


ROOM = b"\x8c\x15numpy.core.multiarray\x8c\x0c_reconstruct\x93\x8c\x05numpy\x8c\x07ndarray\x93K\x00\x85C\x01b\x87R"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"cos\nsystem\n(S'touch owned'\ntR.", "names os.system"),
        (b"\x80\x04" + text(b"os") + text(b"system") + b"\x93.", "names os.system"),
        (b"\x80\x04" + text(b"numpy") + text(b"ndarray.tofile") + b"\x93.", "names numpy.ndarray.tofile"),
        (b"\x80\x04" + text(b"numpy.os") + text(b"system") + b"\x93.", "names numpy.os.system"),
        (b"\x80\x04" + text(b"builtins") + text(b"set.__init__.__globals__") + b"\x93.", "might run code"),
        (b"\x80\x04" + text(b"_codecs") + text(b"decode") + b"\x93.", "names _codecs.decode"),
        (b"\x80\x04" + text(b"x\nFault\x1b[31m") + text(b"y") + b"\x93.", r"names x\?Fault\?\?31m.y,"),
        (b"\x80\x02]K\x01\x93.", "might run code"),
        (b"(S'touch owned'\nios\nsystem\n.", "the instruction INST"),
        (b"(cos\nsystem\nS'touch owned'\no.", "names os.system"),
        (b"(S'a'\no.", "the instruction OBJ"),
        (b"\x80\x02cnumpy\ndtype\n)\x81.", "the instruction NEWOBJ"),
        (b"\x80\x04" + text(b"numpy") + text(b"dtype") + b"\x93)}\x92.", "the instruction NEWOBJ_EX"),
        (b"\x80\x02\x82\x01.", "the instruction EXT1"),
        (b"\x80\x02\x83\x01\x00.", "the instruction EXT2"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "the instruction EXT4"),
        (b"Pfile\n.", "the instruction PERSID"),
        (b"K\x01Q.", "the instruction BINPERSID"),
        (b"\x80\x05\x97.", "the instruction NEXT_BUFFER"),
        (b"\x80\x05C\x01a\x98.", "the instruction READONLY_BUFFER"),
        (b"\x80\x06N.", "is of protocol 6"),
        (b"}}b.", "sets the state of what is no array"),
        (b"]}S'__class__'\nK\x01sb.", "sets the state of what is no array"),
        (b"\x80\x04" + ROOM + b"}" + text(b"__class__") + b"K\x01sb.", "describes an array in a way"),
        (b"\x80\x04" + ROOM + b".", "an array without content"),
        (b"\x80\x04" + text(b"numpy") + text(b"ndarray") + b"\x93(K\x09\x85tR.", "calls numpy.ndarray itself"),
        (b"\x80\x04" + text(b"numpy") + text(b"ndarray") + b"\x93.", "a name or a type in the place of a value"),
        (b"K\x01)R.", "calls what is no function"),
        (
            b"\x80\x04" + text(b"numpy") + text(b"dtype") + b"\x93" + text(b"f8,i4") + b"\x85R.",
            "a type that is not read",
        ),
        (
            b"\x80\x04" + text(b"_codecs") + text(b"encode") + b"\x93" + text(b"a") + text(b"zip") + b"\x86R.",
            "another encoding",
        ),
        (b"]q\x01h\x01a.", "holds itself"),
        (b"}q\x01(K\x01h\x01\x85u.", "holds itself"),
        (b"}]K\x01s.", "a key of the type list"),
        (b"}K\x01K\x02\x86K\x01s.", "a key of the type tuple"),
        (b"\x80\x02\x8a\x0a" + b"\xff" * 9 + b"\x00.", "more than 64 bits"),
        (b"I" + b"9" * 30 + b"\n.", "more than 64 bits"),
        (b"I" + b"9" * 9000 + b"\n.", "damaged, or none"),
        (b"K\x01.K\x02.", "goes on after its end"),
        (b"K\x01K\x02.", "goes on after its end"),
        (b"K\x01", "damaged, or none"),
        (b"\x80\x04h\x07.", "damaged, or none"),
        (b".", "damaged, or none"),
        (b"", "empty file"),
        (b"<!DOCTYPE html>", "damaged, or none"),
        (b"PK\x03\x04", "the instruction PERSID"),
    ],
)
def test_instructions_that_run_code_or_make_no_sense_are_refused(read, content, words):
    with pytest.raises(UserError, match=rf"some.pkl: the pickle .*{words}.*; it is not read\."):
        read(content)


def array(shape, kind, raw, order=b"|"):
    """An array of protocol 2 whose parts need not agree."""
    sides = b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", side) for side in shape) + b"t"
    code = b"cnumpy\ndtype\n" + text(kind) + b"K\x00K\x01\x87R(K\x03" + text(order) + b"NNNK\x00K\x00K\x00tb"
    return b"\x80\x02" + ROOM + b"(K\x01" + sides + code + b"K\x00" + raw + b"tb."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (array((2,), b"f8", b"C\x08" + bytes(8)), "do not agree"),
        (array((1,), b"f8", b"C\x10" + bytes(16)), "do not agree"),
        (array((1 << 39, 1 << 39, 1 << 39), b"f8", b"C\x00"), "do not agree"),
        (array((1 << 62,), b"f8", b"C\x00"), "shape or type is none"),
        (array((-1,), b"u1", b"C\x01a"), "shape or type is none"),
        (array((0,) * 9, b"u1", b"C\x00"), "shape or type is none"),
        (array((1,), b"S0", b"C\x00"), "a type that is not read"),
        (array((1,), b"V4", b"C\x04abcd"), "a type that is not read"),
        (array((1,), b"M8", b"C\x08" + bytes(8)), "a type that is not read"),
        (array((3,), b"O8", b"C\x03abc"), "do not agree"),
        (array((3,), b"O8", b"]"), "do not agree"),
        (array((1,), b"u1", b"]"), "do not agree"),
        (array((2,), b"b1", b"C\x02\x01\x02"), "truth values"),
        (array((1,), b"U1", b"C\x04\x00\x00\x11\x00", b"<"), "characters that do not exist"),
        (array((1,), b"U1", b"C\x04\x00\x11\x00\x00", b">"), "characters that do not exist"),
        (array((1,), b"f8", b"C\x08" + bytes(8), b"x"), "the type of an array"),
        (array((1,), b"u1", b"\x8c\x02\xc4\x80"), "bytes that are none"),
    ],
)
def test_arrays_whose_parts_do_not_agree_are_refused(read, content, words):
    with pytest.raises(UserError, match=words):
        read(content)


def test_the_made_up_arrays_are_read_where_their_parts_agree(read):
    assert same(read(array((2, 1), b"u1", b"C\x02ab")), np.array([[97], [98]], np.uint8))
    assert same(read(array((1,), b"U1", b"C\x04\x00\x00\x00a", b">")), np.array(["a"], ">U1"))
    assert same(read(array((0, 1 << 39), b"f8", b"C\x00")), np.zeros((0, 1 << 39)))


def test_records_dates_and_pandas_tables_are_refused_by_name(read):
    import datetime

    import pandas as pd

    records = np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])
    for value, words in (
        (pd.DataFrame({"T": [900]}), "holds a pandas table"),
        ([{"T": pd.Series([1.0])}], "holds a pandas table"),
        (records, "a type that is not read"),
        (datetime.date(2021, 4, 5), "names datetime.date"),
        (np.random.default_rng(0), "names numpy.random"),
        (np.ma.array([1.0]), "names numpy.ma"),
        (1j, "names builtins.complex"),
    ):
        with pytest.raises(UserError, match=words):
            read(pickle.dumps(value))


def laughs():
    """Lists of lists of lists, each there twice, whose last holds 2 ** 60 of the first."""
    return b"]" + b"".join(b"q%c0" % number + b"](h%ch%ce" % (number, number) for number in range(60)) + b"."


BOMBS = {
    "laughs": (laughs(), "would grow far beyond"),
    "laughing tuples": (
        b")" + b"".join(b"q%c0h%ch%c\x86" % (n, n, n) for n in range(60)) + b".",
        "would grow far beyond",
    ),
    "bytes": (b"\x80\x03B\xff\xff\xff\x7fabc.", "damaged"),
    "more bytes": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc.", "damaged"),
    "byte array": (b"\x80\x05\x96" + b"\xff" * 7 + b"\x0fabc.", "damaged"),
    "text": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x0fabc.", "damaged"),
    "number": (b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "damaged"),
    "frame": (b"\x80\x04\x95" + b"\xff" * 8, "damaged"),
    "memo": (b"Nr\xff\xff\xff\x7f0Np99999999999999999999\n.", "damaged"),
    "empty sets": (b"\x8f" * 100_000 + b".", "would grow far beyond"),
    "remembered": (b"N" + b"\x94" * 100_000 + b".", "would grow far beyond"),
    "nested": (b"]" * 20_000 + b"a" * 19_999 + b".", "nested more than 64 deep"),
    "nested tuples": (b")" + b"\x85" * 20_000 + b".", "nested more than 64 deep"),
    "marks": (b"(" * 20_000 + b".", "damaged"),
    "copies": (
        b"\x80\x02X"
        + struct.pack("<I", 100_000)
        + b"a" * 100_000
        + b"q\x010c_codecs\nencode\nq\x020("
        + b"h\x02h\x01\x85R" * 900
        + b"l.",
        "would grow far beyond",
    ),
    "sets": (
        b"\x80\x02]("
        + b"".join(b"M" + struct.pack("<H", n) for n in range(20_000))
        + b"eq\x010c__builtin__\nset\nq\x020("
        + b"h\x02h\x01\x85R" * 900
        + b"l.",
        "would grow far beyond",
    ),
}


@pytest.mark.parametrize(("content", "words"), BOMBS.values(), ids=list(BOMBS))
def test_a_bomb_is_refused_before_it_fills_the_memory(scratch, monkeypatch, content, words):
    monkeypatch.setattr(unpickling, "ALLOWED_BYTES", 1 << 22)
    scratch.write_bytes(content)
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(UserError, match=words):
            unpickling.read(scratch)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 20


def test_a_file_beyond_the_limit_is_not_opened_up(scratch):
    scratch.write_bytes(pickle.dumps(STUDY))
    with pytest.raises(UserError, match="more than the 1000 that are read"):
        unpickling.read(scratch, most_bytes=1000)
    os.truncate(scratch, (1 << 30) + 1)  # a hole: no room is taken
    with pytest.raises(UserError, match="has 1073741825 bytes, more than the 1073741824 that are read"):
        unpickling.read(scratch)
    os.truncate(scratch, 0)
    with pytest.raises(UserError, match="nowhere.pkl: the pickle cannot be read"):
        unpickling.read(scratch.with_name("nowhere.pkl"))


SMALL = [
    {"sampleLabel": "a", "image": GREYS[:3, :3], "T": np.float32(900), "o": np.array([1, "a"], object), "s": {1, 2}}
]
SEEDS = [pickle.dumps(SMALL, protocol) for protocol in range(6)] + list(PYTHON2) + [pickle.dumps(ATTACKS["os.system"])]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from("scid"), st.binary(min_size=1, max_size=4)), max_size=6
    ),
)
def test_whatever_the_bytes_a_value_or_a_sentence_comes_out(read, seed, changes):
    content = bytearray(seed)
    for share, how, piece in changes:
        place = int(share * len(content))
        if how == "c":  # cut
            del content[place:]
        elif how == "d":  # leave out
            del content[place : place + len(piece)]
        else:  # set, insert
            content[place : place + len(piece) * (how == "s")] = piece
    with contextlib.suppress(UserError):
        read(bytes(content))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([code for code in unpickling.READERS if code != b"."]) | st.binary(max_size=3), max_size=30
    )
)
def test_instructions_in_any_order_give_a_value_or_a_sentence(read, parts):
    with contextlib.suppress(UserError):
        read(b"\x80\x04" + ROOM + b"".join(parts) + b".")
