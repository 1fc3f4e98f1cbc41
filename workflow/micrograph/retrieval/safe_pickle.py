"""Read pickles of numpy arrays and pandas tables in plain containers without running what they request.

A pickle is a program: it names functions and has them called. Here a name stands for one of NAMES, functions and
classes of this module alone, each of which checks what it is given; any other name ends the reading. The interpreter is
the standard library's in Python: the one in C reserves as much memory as a file says.
"""

import math
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograph.errors import UserError

MAX_BYTES = 1 << 30
MAX_DIMENSIONS = 8
MAX_COLUMNS = 10_000
MEMORY_BYTES, MEMORY_PER_BYTE = 1 << 27, 8  # what a file may fill: so much, and so much for every byte of its own
DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,6}|[mM]8|O[48]?")
KEYS = (str, bytes, int, float, bool, type(None))
REFUSED = {"EMPTY_SET", "FROZENSET", "ADDITEMS", "LONG4"}  # sets of nested tuples, integers of over 2,000 bits
CHEAP = {"BININT1", "NONE", "NEWTRUE", "NEWFALSE", "APPEND"}
NDARRAY = object()  # stands for the class numpy.ndarray, which is never called
RANGE_INDEX = object()


class _Refused(Exception):
    """Why a pickle is not read, in words that follow 'the pickle'."""


def load(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """Return what a pickle holds.

    Protocols 0 to 5, numpy 1 and 2, pandas 1 to 3. Memory is a few times the size of the file.

    Parameters
    ----------
    path : path
        The file. Check where it comes from first.
    max_bytes : int, default 2**30
        Largest file that is read.

    Returns
    -------
    object
        Lists, dicts, tuples, text, bytes, numbers and arrays of numbers, text or such objects; numpy's scalars as
        Python's, dates as integers, data frames as dicts of their columns' lists, series as lists.

    Raises
    ------
    UserError
        If the file is not a pickle, is damaged, too large or would fill the memory, or names anything else.
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
        what = f"is damaged, or the file is none ({type(error).__name__})"
        raise UserError(f"{path}: the pickle {what}; it is not read.") from None


PythonUnpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]


class _Unpickler(PythonUnpickler):
    """The standard library's unpickler with NAMES alone and a bound on memory."""

    def __init__(self, file: Any, memory_bytes: int) -> None:
        super().__init__(file, encoding="latin-1")
        self.memory_bytes = memory_bytes

    def spend(self, count: int) -> None:
        self.memory_bytes -= count
        if self.memory_bytes < 0:
            raise _Refused("would grow far beyond the size of its file")

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a function or class."""
        module = "pandas" if module.startswith("pandas.") else module.replace("._core.", ".core.")
        if (module, name) in NAMES:
            return NAMES[module, name]
        name = re.sub(r"[^A-Za-z0-9_.]", "?", f"{module}.{name}")[:80]
        raise _Refused(f"names {name}, which is neither an array nor a plain container, and might run code")

    def load_reduce(self) -> None:
        self.spend(sum(map(_memory, _exact(tuple, self.stack[-1]))))
        super().load_reduce()

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        """Enter keys and values, in turn, into the dict on top; to hash a nested key could take for ever."""
        self.spend(_memory(items))
        for key in items[::2]:
            if type(key) not in KEYS:
                raise _Refused(f"has a key of the type {type(key).__name__}, which is not read")
        target = self.stack[-1]
        (target if type(target) is _Frame else _exact(dict, target)).update(zip(items[::2], items[1::2], strict=True))

    def load_build(self) -> None:
        state: Any = self.stack.pop()
        target: Any = self.stack[-1]
        if type(target) in (_Frame, _Column, _Manager):
            target.fill(state)
        elif type(target) is np.ndarray and type(state) is tuple and len(state) == 5 and target.shape == (0,):
            _, shape, dtype, fortran, raw = state
            self.spend(_memory(raw))
            raw = raw if type(raw) is list else _bytes(raw)
            _check_array(shape, dtype, raw)
            restored: Any = target
            restored.__setstate__((1, shape, dtype, bool(fortran), raw))
        elif isinstance(target, np.dtype) and state[1] in ("<", ">", "|", "=") and state[2:5] == (None, None, None):
            restored = target
            restored.__setstate__(target.newbyteorder(state[1]).__reduce__()[2])
        else:
            raise _Refused("sets the state of something that is not an array of numbers, text or objects")


def _instruction(opcode: pickletools.OpcodeInfo) -> Callable[[_Unpickler], None]:
    """Return the function that runs an instruction and first counts the memory that this takes at most."""
    name = _Unpickler.dispatch[ord(opcode.code)].__name__
    cost = 16 if opcode.name in CHEAP else 64 if opcode.arg else 300

    def run(unpickler: _Unpickler) -> None:
        if opcode.name in REFUSED:
            raise _Refused(f"has the instruction {opcode.name}, which such data do not need")
        unpickler.spend(cost)
        getattr(unpickler, name)()

    return run


_Unpickler.dispatch = {ord(opcode.code): _instruction(opcode) for opcode in pickletools.opcodes}


class _Frame(dict):
    """A data frame, as a dict of lists."""

    def __init__(self) -> None:
        super().__init__()

    def fill(self, state: Any) -> None:
        manager = _exact(_Manager, state.get("_mgr", state.get("_data")))
        columns, rows = (axis if axis.numbers is None else axis.numbers for axis in manager.axes)
        if len(columns) > MAX_COLUMNS:
            raise _Refused(f"holds a data frame of more than {MAX_COLUMNS} columns")
        for values, places in manager.blocks:
            numbers = range(len(columns))[places] if type(places) is slice else places.tolist()
            for number, column in zip(numbers, values if _is_2d(values) else [values], strict=True):
                self[str(columns[number])] = _values(column)
        if (name := manager.axes[1].name) is not None and len(rows) == len(next(iter(self.values()), ())):
            self[str(name)] = list(rows)


class _Column(list):
    """A series, index or array of pandas, as a list; `name` and `numbers`, which may be endless, are an index's."""

    name: Any = None
    numbers: range | None = None

    def __init__(self) -> None:
        super().__init__()

    def fill(self, state: Any) -> None:
        if isinstance(state, dict):  # of a series
            (block,) = _exact(_Manager, state.get("_mgr", state.get("_data"))).blocks
            state = block[:1]
        (array,) = (part for part in _exact(tuple, state) if isinstance(part, np.ndarray | _Column))
        self[:] = _values(array[0] if _is_2d(array) else array)


class _Manager:
    """The blocks and axes of a data frame or series."""

    def __init__(self, blocks: Sequence[Any] = (), axes: Sequence[Any] = (), *_: Any) -> None:
        self.blocks, self.axes = blocks, axes

    def fill(self, state: Any) -> None:
        """Take the state in which pandas wrote it before 1.3."""
        state = state[3]["0.14.1"]
        self.blocks, self.axes = [(block["values"], block["mgr_locs"]) for block in state["blocks"]], state["axes"]


def _memory(value: Any) -> int:
    """Return the bytes that a copy of a value takes at most."""
    text = isinstance(value, str | bytes | bytearray)
    return len(value) * (1 if text else 100) if text or isinstance(value, list | tuple | dict) else 0


def _is_2d(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.ndim == 2


def _values(values: Any) -> list[Any]:
    """Return the values of an array or column as a list."""
    return values.tolist() if isinstance(values, np.ndarray) else list(_exact(_Column, values))


def _exact(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise _Refused(f"has a {type(value).__name__} in the place of a {kind.__name__}")
    return value


def _check_array(shape: Any, dtype: Any, raw: Any) -> None:
    """Refuse an array whose shape, type and content do not agree; numpy would not, and read beyond its memory."""
    sides = type(shape) is tuple and len(shape) <= MAX_DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
    if not sides or not isinstance(dtype, np.dtype) or type(raw) is not (list if dtype.hasobject else bytes):
        raise _Refused("holds an array without a shape or type that is read")
    if len(raw) != math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize):
        raise _Refused("holds an array whose shape, type and content do not agree")


def _bytes(content: Any = b"", encoding: str = "latin-1") -> bytes:
    """Bytes, which Python 3 writes as text in the old protocols, and Python 2 did always."""
    if encoding not in ("latin-1", "latin1") or type(content) not in (str, bytes, bytearray):
        raise _Refused("holds bytes in another encoding, or none")
    return content.encode("latin-1") if type(content) is str else bytes(content)


def _dtype(code: str, align: bool = False, copy: bool = True) -> np.dtype:
    if not DTYPE.fullmatch(code):
        raise _Refused("holds an array of a type that is not read; numbers, text and truth values are")
    code = "i8" if code in ("m8", "M8") else code[:1] if code[0] == "O" else code
    return np.dtype(code, copy=True)  # type: ignore[call-overload]  # a copy, whose byte order may be set


def _reconstruct(kind: object, shape: Any, code: Any) -> NDArray:
    if kind is not NDARRAY:
        raise _Refused("holds an array of no numpy kind")
    return np.ndarray((0,), "u1")


def _scalar(dtype: np.dtype, raw: Any) -> Any:
    raw = _bytes(raw)
    _check_array((1,), dtype, raw)
    return np.frombuffer(raw, dtype)[0].item()


def _frombuffer(raw: Any, dtype: np.dtype, shape: Any, order: Any) -> NDArray:
    raw = _bytes(raw)
    _check_array(shape, dtype, raw)
    return (np.frombuffer(raw, dtype) if raw else np.empty(0, dtype)).reshape(shape, order=order)


def _block(values: Any, places: Any, n_dimensions: int = 2) -> tuple[Any, Any]:
    return values, places


def _placement(places: Any) -> Any:
    return places


def _column(kind: Any, *_: Any) -> _Column:
    if kind is not _Column:
        raise _Refused("holds a table with an array of a type that is not read")
    return _Column()


def _index(kind: Any, state: dict[str, Any]) -> _Column:
    column = _Column() if kind is RANGE_INDEX else _column(kind)
    column.name = state.get("name")
    if kind is RANGE_INDEX:
        column.numbers = range(state["start"], state["stop"], state["step"])
    else:
        column[:] = _values(state["data"])
    return column


def _string_dtype(*_: Any) -> None:
    return None


# (module, name), of pandas without its submodules: what is called in their place.
NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _bytes,
    **{(module, name): _bytes for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")},
    **{(module, "slice"): slice for module in ("builtins", "__builtin__")},
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("pandas", "DataFrame"): _Frame,
    **{("pandas", name): _Manager for name in ("BlockManager", "SingleBlockManager")},
    **{("pandas", name): _block for name in ("_unpickle_block", "new_block")},
    ("pandas", "BlockPlacement"): _placement,
    ("pandas", "_new_Index"): _index,
    ("pandas", "__pyx_unpickle_NDArrayBacked"): _column,
    **{("pandas", name): _Column for name in ("Series", "Index", "Int64Index", "Float64Index")},
    **{("pandas", name): _Column for name in ("StringArray", "DatetimeArray", "TimedeltaArray")},
    ("pandas", "RangeIndex"): RANGE_INDEX,
    ("pandas", "StringDtype"): _string_dtype,
    ("pandas", "NA"): None,
}
