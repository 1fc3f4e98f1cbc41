"""Pickles are read to the same values as by Python itself, and run nothing, whatever is in them."""

import builtins
import contextlib
import datetime
import encodings.raw_unicode_escape  # noqa: F401 (Python loads it at its first use)
import functools
import importlib
import io
import itertools
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.retrieval import safe_pickle

GREYS = np.random.default_rng(0).random((224, 224))
STUDY = [
    {"sampleLabel": "MCV1-210405a-07", "sampleId": 12, "image": GREYS, "T": 950, "time": 600.0},
    {"sampleLabel": "MCV1-210406a-01", "sampleId": 13, "image": GREYS.T, "T": np.int64(900), "time": None},
]  # fmt: skip
WATCHED = {"on": False, "seen": []}
HARMLESS = {"open", "mmap.__new__", "os.fstat", "builtins.id", "object.__getattr__"}
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _watch(event, arguments):
    if WATCHED["on"] and (event not in HARMLESS or (event == "open" and arguments[1] not in ("r", "rb"))):
        WATCHED["seen"].append((event, arguments))


sys.addaudithook(_watch)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "some.pkl"


@pytest.fixture
def read(scratch):
    """Read bytes as a pickle; an import, process, socket, compilation or file opened for writing fails the test."""

    def read(content):
        scratch.write_bytes(content)
        WATCHED.update(on=True, seen=[])
        try:
            return safe_pickle.load(scratch)
        finally:
            WATCHED["on"] = False
            assert WATCHED["seen"] == []

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
def test_the_studys_lists_and_arrays_of_every_kind_are_read_as_python_reads_them(read, protocol):
    found = read(pickle.dumps(STUDY, protocol))
    assert same(STUDY, found) and type(found[1]["T"]) is int and type(found[0]["image"]) is np.ndarray
    one, other, pair = read(pickle.dumps([STUDY[0], STUDY[0], (GREYS, GREYS)], protocol))
    assert one is other and pair[0] is pair[1]
    kinds = ("b1", "i1", "<i2", ">i4", "i8", "u1", "u2", ">u8", "<f2", "f4", ">f8", "S3", "<U3", ">U3", "O")
    for kind, shape in itertools.product(kinds, [(), (0,), (6,), (2, 3), (3, 1, 2), (0, 4)]):
        values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
        for array in (values, np.asfortranarray(values), values[::-1] if shape else values):
            content = pickle.dumps(array, protocol)
            assert same(pickle.loads(content), read(content)), (kind, shape)  # noqa: S301 (written above)


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
    ),
    max_leaves=30,
)


@settings(QUICK, max_examples=60)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_values_come_back_as_they_were(read, value, protocol):
    assert same(value, read(pickle.dumps(value, protocol)))


def test_pickles_of_numpy_1_are_read(read):
    for protocol in (2, 4):  # without frames, so that the length of a name may change
        content = pickle.dumps(GREYS[:2, :2], protocol)
        assert b"numpy._core" in content
        old = content.replace(b"\x8c\x16numpy._core", b"\x8c\x15numpy.core").replace(b"cnumpy._core", b"cnumpy.core")
        assert same(read(old), GREYS[:2, :2])


FRAME = pd.DataFrame(
    {
        "sampleId": [12, 13],
        "sampleLabel": ["a", "b"],
        "T": [950.0, np.nan],
        "image": [GREYS, GREYS.T],
        "day": pd.to_datetime(["2021-04-05", "2021-04-06"]).as_unit("ns"),
    }
)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_data_frames_and_series_become_dicts_and_lists(read, protocol):
    plain = {name: list(column) for name, column in FRAME.items()} | {"day": FRAME["day"].astype(int).tolist()}
    old = FRAME.astype({"sampleLabel": object}).rename(columns=str)
    old.columns = old.columns.astype(object)  # as pandas 1 and 2 have text
    for frame in (FRAME, old, FRAME.set_index("sampleId"), FRAME.set_index("sampleLabel")):
        found = read(pickle.dumps(frame, protocol))
        assert found.keys() == plain.keys() and all(same(list(found[name]), plain[name]) for name in plain)
    assert read(pickle.dumps({"T": FRAME["T"][:1], "a": FRAME["sampleLabel"]}, protocol)) == {
        "T": [950],
        "a": ["a", "b"],
    }
    assert read(pickle.dumps(FRAME[:0], protocol)) == dict.fromkeys(plain, [])
    with pytest.raises(UserError, match="names pandas.Categorical"):
        read(pickle.dumps(FRAME.astype({"sampleLabel": "category"}), protocol))


class Calls:
    """What calls a function when it is unpickled."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


class Stateful:
    def __reduce__(self):
        return Calls, (), {"__class__": 1}


ATTACKS = [
    Calls(os.system, ("touch owned",)),
    Calls(eval, ("open('owned', 'w')",)),
    Calls(exec, ("open('owned', 'w')",)),
    Calls(open, ("owned", "w")),
    Calls(getattr, ("", "join")),
    Calls(importlib.import_module, ("antigravity",)),
    Calls(subprocess.Popen, (["touch", "owned"],)),
    Calls(functools.partial, (print, "x")),
    Calls(np.load, ("owned.npy", None, True)),
    Calls(np.fromfile, ("/etc/passwd",)),
    Calls(np.memmap, ("owned", "u1", "w+", 0, (4,))),
    Calls(pickle.loads, (b"cos\nsystem\n(S'touch owned'\ntR.",)),
    Calls(bytearray, (1 << 40,)),
    Calls(io.FileIO, ("owned", "w")),
    Calls(type, ("X", (), {})),
    Calls(builtins.__import__, ("os",)),
    Stateful(),
]


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_tries_to_run_code_runs_nothing(read, tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    for attack in ATTACKS:
        nested = np.empty(1, object)
        nested[0] = attack
        for content in (attack, [STUDY[0], {"image": attack}], {"a": (1, [attack])}, nested):
            with pytest.raises(UserError, match="the pickle (names|holds)"):
                read(pickle.dumps(content, protocol))
    assert list(tmp_path.iterdir()) == []


def text(word):
    return b"\x8c" + bytes([len(word)]) + word


def name(module, name):
    return text(module) + text(name) + b"\x93"


ROOM = name(b"numpy.core.multiarray", b"_reconstruct") + name(b"numpy", b"ndarray") + b"K\x00\x85C\x01b\x87R"


def array(shape, kind, raw, order=b"|"):
    """An array of protocol 2 whose parts need not agree."""
    sides = b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", side) for side in shape) + b"t"
    code = b"cnumpy\ndtype\n" + text(kind) + b"K\x00K\x01\x87R(K\x03" + text(order) + b"NNNK\x00K\x00K\x00tb"
    return b"\x80\x02" + ROOM + b"(K\x01" + sides + code + b"K\x00" + raw + b"tb."


RANGE = (
    b"cpandas\n_new_Index\n(cpandas\nRangeIndex\n}(X\x05\0\0\0startK\0X\x04\0\0\0stop\x8a\x08" + b"\xff" * 7 + b"\x0f"
)
RANGE += b"X\x04\0\0\0stepK\x01X\x04\0\0\0nameX\x01\0\0\0nutR"
ENDLESS = [  # tables of a range without end: as columns, as rows, as data
    b"cpandas\nDataFrame\n)\x81}X\x04\0\0\0_mgrcpandas\nBlockManager\n(" + parts + b"tRsb."
    for parts in (
        b")" + RANGE + RANGE + b"\x86",
        b"(" + RANGE + b"cbuiltins\nslice\nK\x01\x85R\x86t]" + RANGE + b"\x86",
    )
]


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch owned'\ntR.",
        name(b"os", b"system") + b".",
        name(b"numpy", b"ndarray.tofile") + b".",
        name(b"numpy.os", b"system") + b".",
        name(b"builtins", b"set.__init__.__globals__") + b".",
        name(b"_codecs", b"decode") + b".",
        name(b"x\nFault\x1b[31m", b"y") + b".",
        b"\x80\x02]K\x01\x93.",
        b"(S'touch owned'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch owned'\no.",  # OBJ
        b"\x80\x02cnumpy\ndtype\n)\x81.",  # NEWOBJ
        name(b"numpy", b"dtype") + b")}\x92.",  # NEWOBJ_EX
        b"\x80\x02\x82\x01.",  # EXT1
        b"Pfile\n.",
        b"K\x01Q.",  # PERSID, BINPERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x04\x8f(K\x01\x90.",  # a set
        b"\x80\x06N.",
        b"}}b.",
        b"]}S'__class__'\nK\x01sb.",
        name(b"_codecs", b"encode") + b"}" + text(b"x") + b"K\x01sb.",  # the state of a function
        name(b"_codecs", b"encode") + b"N}" + text(b"__defaults__") + b"Ns\x86b.",
        ROOM + b"}" + text(b"__class__") + b"K\x01sb.",
        name(b"numpy", b"ndarray") + b"(K\x09\x85tR.",
        ROOM + b"](K\x01es.",  # an item of an array
        b"K\x01)R.",
        name(b"numpy", b"dtype") + text(b"f8,i4") + b"\x85R.",
        name(b"_codecs", b"encode") + text(b"a") + text(b"zip") + b"\x86R.",
        b"}]K\x01s.",
        b"}K\x01K\x02\x86K\x01s.",  # a tuple as a key
        *(b"\x80\x02" + piece for piece in ENDLESS),
        b")" + b"\x85" * 100_000 + b"q\x00}h\x00Ns.",  # one that is nested deep
        b"(" + b")" + b"".join(b"q%c0h%ch%c\x86" % (n, n, n) for n in range(60)) + b"Nd.",  # and one of 2 ** 60 parts
        b"\x80\x02\x8b\x00\x01\x00\x00" + b"\x7f" * 256 + b".",
        b"I" + b"9" * 9000 + b"\n.",
        b"K\x01.K\x02.",
        b"K\x01",
        b"\x80\x04h\x07.",
        b".",
        b"",
        b"<!DOCTYPE html>",
        b"PK\x03\x04",
        array((2,), b"f8", b"C\x08" + bytes(8)),  # less content than the shape says
        array((1,), b"f8", b"C\x10" + bytes(16)),
        array((1 << 39, 1 << 39, 1 << 39), b"f8", b"C\x00"),
        array((-1,), b"u1", b"C\x01a"),
        array((0,) * 9, b"u1", b"C\x00"),
        array((1,), b"S0", b"C\x00"),
        array((1,), b"V4", b"C\x04abcd"),
        array((1,), b"O8", b"C\x08" + bytes(8)),  # addresses in the place of objects
        array((3,), b"O8", b"]"),
        array((1,), b"u1", b"]"),
        array((1,), b"f8", b"C\x08" + bytes(8), b"x"),
        array((1,), b"u1", b"\x8c\x02\xc4\x80"),
        *map(pickle.dumps, (np.zeros(2, dtype=[("a", "f8")]), datetime.date(2021, 4, 5))),
        *map(pickle.dumps, (np.random.default_rng(0), np.ma.array([1.0]), 1j)),
    ],
)  # fmt: skip
def test_what_may_run_code_or_makes_no_sense_is_refused_in_one_sentence(read, content):
    with pytest.raises(UserError, match=r"some.pkl: the pickle [ -~]+; it is not read\.$"):
        read(content)
    assert np.dtype("f8").isnative and safe_pickle._bytes("a") == b"a"


CALL = b"h\x02h\x01\x85R"  # of what is remembered as 2, with what is remembered as 1
BOMBS = [
    b"\x80\x03B\xff\xff\xff\x7fabc.",
    b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc.",
    b"\x80\x05\x96" + b"\xff" * 7 + b"\x0fabc.",
    b"\x80\x04\x8d" + b"\xff" * 7 + b"\x0fabc.",
    b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    b"\x80\x04\x95" + b"\xff" * 8,
    b"Nr\xff\xff\xff\x7f0Np99999999999999999999\n",
    b"}" * 100_000 + b".",
    b"N" + b"\x94" * 100_000 + b".",
    b"(" * 20_000 + b".",
    b"\x80\x02X\xa0\x86\x01\x00" + b"a" * 100_000 + b"q\x010c_codecs\nencode\nq\x020(" + CALL * 900 + b"l.",
]  # fmt: skip


@pytest.mark.parametrize("content", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_refused_before_it_fills_the_memory(scratch, monkeypatch, content):
    monkeypatch.setattr(safe_pickle, "MEMORY_BYTES", 1 << 22)
    scratch.write_bytes(content)
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(UserError, match="grow far beyond|damaged|instruction"):
            safe_pickle.load(scratch)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 20


def test_what_is_nested_deep_or_shared_without_end_is_read_and_takes_no_room(read):
    deep = read(b"]" * 100_000 + b"a" * 99_999 + b".")
    assert len(deep) == 1
    laughs = read(b"]" + b"".join(b"q%c0](h%ch%ce" % (n, n, n) for n in range(60)) + b".")
    assert laughs[0] is laughs[1]


def test_a_file_beyond_the_limit_is_not_opened(scratch):
    scratch.write_bytes(pickle.dumps(STUDY))
    with pytest.raises(UserError, match="1000"):
        safe_pickle.load(scratch, max_bytes=1000)
    os.truncate(scratch, (1 << 30) + 1)  # a hole: no room is taken
    with pytest.raises(UserError, match="1073741825"):
        safe_pickle.load(scratch)
    os.truncate(scratch, 0)
    with pytest.raises(UserError, match="nowhere.pkl: the pickle cannot be read"):
        safe_pickle.load(scratch.with_name("nowhere.pkl"))


SMALL = [{"a": GREYS[:3, :3], "T": np.float32(900), "o": np.array([1, "a"], object)}]
SEEDS = [pickle.dumps(SMALL, protocol) for protocol in range(6)] + [
    pickle.dumps(FRAME[["sampleId", "sampleLabel"]]),
    pickle.dumps(ATTACKS[0]),
]
CODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes if opcode.name != "STOP"]


@settings(QUICK, max_examples=400)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from("scid"), st.binary(min_size=1, max_size=4)), max_size=6
    ),
    codes=st.lists(st.sampled_from(CODES) | st.binary(max_size=3), max_size=30),
)
def test_whatever_the_bytes_a_value_or_a_sentence_comes_out(read, seed, changes, codes):
    content = bytearray(seed)
    for share, how, piece in changes:
        place = int(share * len(content))
        if how == "c":  # cut
            del content[place:]
        elif how == "d":  # leave out
            del content[place : place + len(piece)]
        else:  # set, insert
            content[place : place + len(piece) * (how == "s")] = piece
    for one in (bytes(content), b"\x80\x04" + ROOM + b"".join(codes) + b"."):
        with contextlib.suppress(UserError):
            read(one)
