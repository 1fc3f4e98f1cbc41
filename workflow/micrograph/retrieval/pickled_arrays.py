"""What a pickle may name: numpy's arrays, types and single numbers, and plain containers, each by an inert stand-in.

A pickle names functions and has them called. Here every admitted name stands for a function of this module that only
checks and keeps what it is given; numpy sees numbers of checked type, shape and length, through np.frombuffer alone.
"""

import math
import re

import numpy as np

TYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,6}|O8?|O4")
MOST_DIMENSIONS = 8
LARGEST_CODE_POINT = 0x10FFFF
LARGEST_KEY = 1 << 60  # up to here no two whole numbers have one hash, which could make a dict very slow
MEMBER = 100  # bytes of memory that a member of a dict or set takes, at most
KEYS = (str, bytes, int, float, bool, type(None))


class Refused(Exception):
    """What is not read, in words that go on 'the pickle ...'."""


class Allowance:
    """How many bytes of memory may still be filled."""

    def __init__(self, left):
        self.left = left

    def spend(self, count):
        """Take `count` off; Refused where that is too much."""
        self.left -= count
        if self.left < 0:
            raise Refused("would grow far beyond the size of its file")


class Dtype:
    """Stands for numpy.dtype: a letter and a number of bytes, and the order of bytes once that is told."""

    def __init__(self, code):
        self.code, self.order = code, "="

    def build(self, state):
        """Take numpy's (version, order, subtype, names, fields, size, alignment, flags)."""
        if not isinstance(state, tuple) or len(state) not in (8, 9) or state[1] not in ("<", ">", "|", "="):
            raise Refused("describes the type of an array in a way that numpy does not")
        if any(part is not None for part in state[2:5]):
            raise Refused("holds an array of records, which are not read")
        self.order = state[1]

    def numpy(self):
        """The numpy type of its numbers or texts."""
        return np.dtype(self.order + self.code)


class Array:
    """Stands for numpy.ndarray: empty until its state is told, checked when it is."""

    def __init__(self):
        self.shape = self.dtype = self.raw = None
        self.order = "C"
        self.made = None

    def build(self, state):
        """Take numpy's (version, shape, type, Fortran's order?, bytes or list of things)."""
        if not isinstance(state, tuple) or len(state) != 5 or self.shape is not None:
            raise Refused("describes an array in a way that numpy does not")
        self.fill(state[4], state[2], state[1], "F" if state[3] else "C")

    def fill(self, raw, dtype, shape, order):
        """Take the parts of an array and check that they agree."""
        whole = isinstance(shape, tuple) and all(type(side) is int and 0 <= side < 1 << 40 for side in shape)
        if not whole or len(shape) > MOST_DIMENSIONS or type(dtype) is not Dtype:
            raise Refused("holds an array whose shape or type is none")
        raw = _bytes(raw) if isinstance(raw, str) else raw
        count = math.prod(shape)
        if dtype.code.startswith("O"):
            agree = isinstance(raw, list) and len(raw) == count
        else:
            agree = isinstance(raw, bytes | bytearray) and len(raw) == count * dtype.numpy().itemsize
        if not agree:
            raise Refused("holds an array whose shape, type and content do not agree")
        self.raw, self.dtype, self.shape, self.order = raw, dtype, shape, order

    def numpy(self, allowance):
        """The numpy array (not to be written to), of objects where it has things for elements; made once."""
        if self.shape is None:
            raise Refused("holds an array without content")
        if self.made is None and self.dtype.code.startswith("O"):
            allowance.spend(8 * len(self.raw))
            flat = np.empty(len(self.raw), dtype=object)
            for place, thing in enumerate(self.raw):
                flat[place] = thing
            self.made = flat.reshape(self.shape)  # numpy lists things by rows, whatever the order of the array
        elif self.made is None:
            self.made = _numbers(self.raw, self.dtype).reshape(self.shape, order=self.order)
        return self.made


def _numbers(raw, dtype):
    """The flat array of raw bytes; Refused for truth values and characters that are none."""
    flat = np.frombuffer(raw, dtype=dtype.numpy()) if raw else np.empty(0, dtype.numpy())
    if dtype.code == "b1" and flat.size and flat.view(np.uint8).max() > 1:
        raise Refused("holds truth values that are neither true nor false")
    if dtype.code.startswith("U") and flat.size:
        points = np.frombuffer(raw, dtype=flat.dtype.byteorder.replace("|", "=") + "u4")
        if points.max() > LARGEST_CODE_POINT:
            raise Refused("holds characters that do not exist")
    return flat


def _bytes(text):
    """The bytes that Python 2 wrote as text."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise Refused("holds bytes that are none") from None


def key(value):
    """The value, where it may be a key of a dict or a member of a set."""
    if type(value) not in KEYS or (type(value) is int and abs(value) >= LARGEST_KEY):
        raise Refused(f"has a key of the type {type(value).__name__}, which is not read")
    return value


def _reconstruct(allowance, kind, shape, code):
    if kind is not ARRAY:
        raise Refused("asks for an array of no numpy kind")
    return Array()


def _dtype(allowance, code, *flags):
    if not isinstance(code, str) or not TYPE.fullmatch(code):
        raise Refused("holds an array of a type that is not read; numbers, texts and truth values are")
    return Dtype(code)


def _scalar(allowance, dtype, raw):
    one = Array()
    if type(dtype) is not Dtype or dtype.code.startswith("O"):
        raise Refused("holds a single number that is none")
    one.fill(raw, dtype, (1,), "C")
    return one.numpy(allowance)[0].item()


def _frombuffer(allowance, raw, dtype, shape, order, *axes):
    if order not in ("C", "F") or axes or type(dtype) is not Dtype or dtype.code.startswith("O"):
        raise Refused("describes an array in a way that is not read")
    one = Array()
    one.fill(raw, dtype, shape, order)
    return one


def _encode(allowance, text, encoding="latin1"):
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("asks for another encoding than that of bytes")
    allowance.spend(len(text))
    return _bytes(text)


def _of_bytes(allowance, *content):
    if content and isinstance(content[0], str):
        return _encode(allowance, *content)
    if len(content) > 1 or not all(isinstance(part, bytes | bytearray) for part in content):
        raise Refused("holds bytes that are none")
    return content[0] if content else b""


def _set(allowance, members=()):
    if not isinstance(members, list | tuple | set | frozenset):
        raise Refused("holds a set that is none")
    allowance.spend(MEMBER * len(members))
    return {key(member) for member in members}


def _ordered_dict(allowance, pairs=()):
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, list | tuple) for pair in pairs):
        raise Refused("holds a dict that is none")
    if not all(len(pair) == 2 for pair in pairs):
        raise Refused("holds a dict that is none")
    allowance.spend(MEMBER * len(pairs))
    return {key(name): value for name, value in pairs}


def _array_kind(allowance, *arguments):
    raise Refused("calls numpy.ndarray itself, which is not read")


ARRAY = _array_kind
# (module, name) as pickles of Python 2 and 3 and of numpy 1 and 2 have them -> what is done instead.
STAND_INS = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): ARRAY,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _ordered_dict,
    **{(room, "bytes"): _of_bytes for room in ("builtins", "__builtin__")},
    **{(room, "bytearray"): _of_bytes for room in ("builtins", "__builtin__")},
    **{(room, kind): _set for room in ("builtins", "__builtin__") for kind in ("set", "frozenset")},
}
