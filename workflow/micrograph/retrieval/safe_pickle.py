"""Read pickles of numpy arrays in plain containers without running what they ask for.

A pickle is a program: it names functions and has them called. Here a name is one of FUNCTIONS, each of which checks
what it is given; every other name ends the reading, and so do instructions that set attributes or make instances.
The interpreter is the standard library's in Python, not the one in C, which reserves as much memory as a file says and
hashes nested keys without end.
"""

import math
import mmap
import pickle
import pickletools
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from micrograph.errors import UserError

MAX_BYTES = 1 << 30
MAX_DIMENSIONS = 8
MEMORY_BYTES, MEMORY_PER_BYTE = 1 << 27, 8  # what a file may fill: so much, and so much for every byte of its own
DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,6}|O[48]?")
KEYS = (str, bytes, int, float, bool, type(None))
# What these data do not need: instances, other files, names by number, integers of over 2,000 bits, sets.
REFUSED = {
    *("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"),
    *("NEXT_BUFFER", "READONLY_BUFFER", "LONG4", "EMPTY_SET", "ADDITEMS", "FROZENSET"),
}
CHEAP = {"BININT1", "NONE", "NEWTRUE", "NEWFALSE", "APPEND"}
NDARRAY = object()  # stands for the class numpy.ndarray, which is never called


class _Refused(Exception):
    """Why a pickle is not read, in words that follow 'the pickle'."""


def load(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """Return what a pickle holds.

    Protocols 0 to 5, of Python 2 and 3 and of numpy 1 and 2. Byte strings of Python 2 become text, numpy's scalars
    Python's. Memory is a few times the size of the file.

    Parameters
    ----------
    path : path
        The file. Check where it comes from first.
    max_bytes : int, default 2**30
        Largest file that is read.

    Returns
    -------
    object
        Lists, dicts, tuples, text, bytes, numbers and arrays of numbers, text or such objects.

    Raises
    ------
    UserError
        If the file is no pickle, is damaged, too large or would fill the memory, or names anything else.
    """
    try:
        size = Path(path).stat().st_size
        if not 0 < size <= max_bytes:
            raise _Refused(f"has {size} bytes; 1 to {max_bytes} are read")
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            value = _Unpickler(content, MEMORY_BYTES + MEMORY_PER_BYTE * size).load()
            if content.tell() != size:
                raise _Refused("goes on after its end, as two in one file would")
            return value
    except _Refused as error:
        raise UserError(f"{path}: the pickle {error}; it is not read.") from None
    except OSError as error:
        raise UserError(f"{path}: the pickle cannot be read ({error.strerror}); name a readable file.") from None
    except Exception as error:  # whatever goes wrong in there is the file's
        raise UserError(f"{path}: the pickle is invalid or damaged ({type(error).__name__}); it is not read.") from None


class _Unpickler(pickle._Unpickler):
    """The standard library's unpickler with FUNCTIONS alone, no instructions of REFUSED, and a bound on memory."""

    def __init__(self, file, memory_bytes):
        super().__init__(file, encoding="latin-1")
        self.memory_bytes = memory_bytes

    def spend(self, count):
        self.memory_bytes -= count
        if self.memory_bytes < 0:
            raise _Refused("would grow far beyond the size of its file")

    def find_class(self, module, name):
        """Return what stands for a function or class."""
        if (module, name) in FUNCTIONS:
            return FUNCTIONS[module, name]
        name = re.sub(r"[^A-Za-z0-9_.]", "?", f"{module}.{name}")[:80]
        raise _Refused(f"names {name}, which is neither an array nor a plain container, and might run code")

    def load_reduce(self):
        arguments, function = _exact(tuple, self.stack.pop()), self.stack.pop()
        if function not in CALLED:
            raise _Refused("calls what is no function")
        self.spend(sum(map(_memory, arguments)))
        self.append(function(*arguments))

    def load_build(self):
        state, target = _exact(tuple, self.stack.pop()), self.stack[-1]
        if type(target) is np.ndarray and len(state) == 5 and target.shape == (0,):
            _, shape, dtype, fortran, raw = state
            self.spend(_memory(raw))
            raw = raw if type(raw) is list else _bytes(raw)
            _check_array(shape, dtype, raw)
            target.__setstate__((1, shape, dtype, bool(fortran), raw))
        elif isinstance(target, np.dtype) and state[1] in ("<", ">", "|", "=") and state[2:5] == (None, None, None):
            target.__setstate__(target.newbyteorder(state[1]).__reduce__()[2])
        else:
            raise _Refused("sets the state of what is no array of numbers, text or objects")

    def load_bytearray8(self):
        (count,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(count)))

    def set_items(self, items):
        """Enter keys and values, in turn, into the dict on top; to hash a nested key could take for ever."""
        self.spend(_memory(items))
        for key in items[::2]:
            if type(key) not in KEYS:
                raise _Refused(f"has a key of the type {type(key).__name__}, which is not read")
        _exact(dict, self.stack[-1]).update(zip(items[::2], items[1::2], strict=True))

    def load_setitems(self):
        items = self.pop_mark()
        self.set_items(items)

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def load_dict(self):
        items = self.pop_mark()
        self.append({})
        self.set_items(items)


def _instruction(opcode):
    """Return the function that runs an instruction, paid with the memory that it takes at most beyond its argument."""
    name = pickle._Unpickler.dispatch[ord(opcode.code)].__name__
    cost = 16 if opcode.name in CHEAP else 64 if opcode.arg else 300

    def run(unpickler):
        if opcode.name in REFUSED:
            raise _Refused(f"has the instruction {opcode.name}, which such data do not need")
        unpickler.spend(cost)
        getattr(unpickler, name)()

    return run


_Unpickler.dispatch = {ord(opcode.code): _instruction(opcode) for opcode in pickletools.opcodes}


def _memory(value):
    """Return the bytes that a copy of a value takes at most."""
    return len(value) * (1 if isinstance(value, str | bytes | bytearray) else 100) if hasattr(value, "__len__") else 0


def _exact(kind, value):
    if type(value) is not kind:
        raise _Refused(f"has a {type(value).__name__} in the place of a {kind.__name__}")
    return value


def _check_array(shape, dtype, raw):
    """Refuse an array whose shape, type and content do not agree; numpy would not, and read beyond its memory."""
    sides = type(shape) is tuple and len(shape) <= MAX_DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
    if not sides or not isinstance(dtype, np.dtype) or type(raw) is not (list if dtype.hasobject else bytes):
        raise _Refused("holds an array without a shape or type that is read")
    if len(raw) != math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize):
        raise _Refused("holds an array whose shape, type and content do not agree")


def _bytes(content=b"", encoding="latin-1"):
    """Bytes, which Python 3 writes as text in the old protocols, and Python 2 did always."""
    if encoding not in ("latin-1", "latin1") or type(content) not in (str, bytes, bytearray):
        raise _Refused("holds bytes in another encoding, or none")
    return content.encode("latin-1") if type(content) is str else bytes(content)


def _dtype(code, align=False, copy=True):
    if not DTYPE.fullmatch(code):
        raise _Refused("holds an array of a type that is not read; numbers, text and truth values are")
    return np.dtype(code[:1] if code[0] == "O" else code, copy=True)  # a copy, whose byte order may be set


def _reconstruct(kind, shape, code):
    if kind is not NDARRAY:
        raise _Refused("holds an array of no numpy kind")
    return np.ndarray((0,), "u1")


def _scalar(dtype, raw):
    raw = _bytes(raw)
    _check_array((1,), dtype, raw)
    return np.frombuffer(raw, dtype)[0].item()


def _frombuffer(raw, dtype, shape, order):
    raw = _bytes(raw)
    _check_array(shape, dtype, raw)
    return (np.frombuffer(raw, dtype) if raw else np.empty(0, dtype)).reshape(shape, order=order)


# (module, name) in pickles of Python 2 and 3 and of numpy 1 and 2: what is called in their place.
FUNCTIONS = {
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _bytes,
    **{(module, name): _bytes for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}
CALLED = {function for function in FUNCTIONS.values() if function is not NDARRAY}
