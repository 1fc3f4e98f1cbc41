"""Reads pickles of numpy arrays in plain containers without running what they ask for.

A pickle is a program for a small stack machine that can have any function of any module called. This is another
machine for the same programs: it knows lists, dicts, tuples, sets, texts, bytes and numbers, and the few names of
`pickled_arrays`, each of which stands for a check of ours. It imports nothing, calls nothing by name, and touches no
attribute of anything. Python's own module `pickletools` cuts the file into instructions; `pickle` itself is not used.
"""

import codecs
import mmap
import os
import pickletools
import re

from micrograph.errors import UserError
from micrograph.retrieval.pickled_arrays import MEMBER, STAND_INS, Allowance, Array, Dtype, Refused, key

MOST_BYTES = 1 << 30
DEEPEST = 64
LARGEST_INT = 1 << 64
MEMO_ENTRIES = 1 << 32
NEWEST_PROTOCOL = 5
ALLOWED_BYTES, ALLOWED_SHARE = 1 << 27, 8  # of memory: so much, and so many times the file
PYTHON2_LITERAL = re.compile(rb"""['"](?:[^\\\n]|\\(?:[\\'"nrt]|x[0-9a-f]{2}))*['"]\n""")
SLOT = 8
SINGLE = (str, bytes, bytearray, int, float, bool, type(None), set)


def read(path, most_bytes=MOST_BYTES):
    """What the pickle at `path` holds: lists, dicts, tuples, sets, texts, bytes, numbers and numpy arrays of numbers,
    texts and such things (not to be written to). Protocols 0 to 5 of Python 2 and 3; a byte text of Python 2 is a text.

    numpy's single numbers become Python's, ordered dicts dicts, frozen sets sets, byte arrays may be bytes. Memory:
    a few times the file. Raises UserError for everything else: no pickle, damaged, larger than most_bytes, more than one,
    nested more than DEEPEST deep, far more than its file once read, and any name that is not in pickled_arrays.
    """
    try:
        with open(path, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size > most_bytes:
                raise Refused(f"has {size} bytes, more than the {most_bytes} that are read")
            if size == 0:
                raise Refused("is an empty file")
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return _value(mapped, size)
    except Refused as refused:
        raise UserError(f"{path}: the pickle {refused}; it is not read.") from None
    except OSError as error:
        raise UserError(f"{path}: the pickle cannot be read ({error.strerror}); name a readable file.") from None


def _value(file, size):
    """The value of the pickle in an open file."""
    allowance = Allowance(ALLOWED_BYTES + ALLOWED_SHARE * size)
    machine = Machine(allowance)
    try:
        for name, argument in _instructions(file):
            allowance.spend(COSTS.get(name, SLOT))
            INSTRUCTIONS[name](machine, argument)
        value = machine.stack.pop()
        if machine.stack or machine.below or file.tell() != size:
            raise Refused("goes on after its end, as two in one file would")
        return _plain(value, allowance, {})[0]
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Refused(f"is damaged, or none ({type(error).__name__})") from None


def _instructions(file):
    """(name, argument) of every instruction up to the end."""
    name = ""
    while name != "STOP":
        code = file.read(1)
        if code not in READERS:
            raise Refused("is damaged, or none")
        name, reader = READERS[code]
        if name not in INSTRUCTIONS:
            raise Refused(f"has the instruction {name}, which no data need")
        yield name, reader(file) if reader else None


def _python2_text(file):
    """The argument of STRING, a literal as Python 2 wrote it: its bytes as text."""
    line = file.readline()
    if not PYTHON2_LITERAL.fullmatch(line) or line[:1] != line[-2:-1]:
        raise Refused("is damaged, or none")
    return codecs.escape_decode(line[1:-2])[0].decode("latin-1")


class Machine:
    """The stack of an unpickling: what is on it, what lies below its last mark, and what is remembered by number."""

    def __init__(self, allowance):
        self.allowance, self.stack, self.below, self.memo = allowance, [], [], {}

    def push(self, value):
        """Put a value on the stack."""
        if type(value) is int and abs(value) >= LARGEST_INT:
            raise Refused("holds a whole number of more than 64 bits")
        self.stack.append(value)

    def pop(self, *_):
        """Take a value off the stack, or, as POP does where there is none, the mark below."""
        if not self.stack:
            return self.since_mark()
        return self.stack.pop()

    def mark(self, _):
        """Begin a new stack on top of this one."""
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self, *_):
        """Everything on the stack since the last mark, which goes."""
        found, self.stack = self.stack, self.below.pop()
        return found

    def pack(self, count):
        """Make a tuple of the last `count` values."""
        if len(self.stack) < count:
            raise Refused("is damaged, or none")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def remember(self, number):
        """Keep the value on top under a number; None: the next."""
        number = len(self.memo) if number is None else number
        if not 0 <= number < MEMO_ENTRIES:
            raise Refused("is damaged, or none")
        self.memo[number] = self.stack[-1]

    def extend(self, values):
        """Append values to the list on top."""
        _of(list, self.stack[-1]).extend(values)

    def add(self, members):
        """Add members to the set on top."""
        self.allowance.spend(MEMBER * len(members))
        _of(set, self.stack[-1]).update([key(member) for member in members])

    def freeze(self):
        """Make a set of everything since the last mark."""
        members = self.since_mark()
        self.stack.append(set())
        self.add(members)

    def pair(self):
        """Make a dict of everything since the last mark: names and values in turn."""
        values = self.since_mark()
        self.stack.append({})
        self.enter(values)

    def enter(self, values):
        """Enter names and values, in turn, into the dict on top."""
        there = _of(dict, self.stack[-1])
        if len(values) % 2:
            raise Refused("is damaged, or none")
        self.allowance.spend(MEMBER * len(values))
        for name, value in zip(values[::2], values[1::2], strict=True):
            there[key(name)] = value

    def name(self, module, name):
        """Push what stands for a module's function or class; Refused for all but the few of the table."""
        if type(module) is not str or type(name) is not str or (module, name) not in STAND_INS:
            raise Refused(_stranger(module, name))
        self.stack.append(STAND_INS[module, name])

    def call(self, _):
        """Do what a name stands for, with the tuple on top."""
        arguments, function = _of(tuple, self.stack.pop()), self.stack.pop()
        if not callable(function):  # nothing is, on this stack, but the functions of the table
            raise Refused("calls what is no function")
        self.push(function(self.allowance, *arguments))

    def build(self, _):
        """Tell a stand-in of an array or of its type the state on top."""
        state = self.stack.pop()
        if type(self.stack[-1]) not in (Array, Dtype):
            raise Refused("sets the state of what is no array")
        self.stack[-1].build(state)


def _of(kind, value):
    if type(value) is not kind:
        raise Refused("is damaged, or none")
    return value


def _stranger(module, name):
    """The words for a name that is not admitted."""
    told = re.sub(r"[^A-Za-z0-9_.]", "?", f"{module}.{name}")[:80]
    if told.startswith("pandas."):
        return "holds a pandas table, which is not read: numpy arrays in lists and dicts are"
    return f"names {told}, which is neither an array nor a plain container, and might run code"


def _check_protocol(number):
    if number > NEWEST_PROTOCOL:
        raise Refused(f"is of protocol {number}; known are 0 to {NEWEST_PROTOCOL}")


def _plain(value, allowance, done, deep=DEEPEST):
    """(the value with arrays for their stand-ins, how many things a walk through it would meet).

    Lists and dicts are changed in place, each once; those that many places share count once a place. done: {id of a
    container: (container, what is returned for it)}, None while it is at work.
    """
    if type(value) in SINGLE:
        return value, 1
    if id(value) in done:
        _, result = done[id(value)]
        if result is None:
            raise Refused("holds a list or dict that holds itself")
        allowance.spend(result[1])
        return result
    if deep == 0:
        raise Refused(f"is nested more than {DEEPEST} deep")
    if type(value) not in CONTAINERS:
        raise Refused("holds a name or a type in the place of a value")
    done[id(value)] = value, None
    result = CONTAINERS[type(value)](value, lambda part: _plain(part, allowance, done, deep - 1), allowance)
    done[id(value)] = value, result
    return result


def _plain_array(array, plain, allowance):
    count = plain(array.raw)[1] if isinstance(array.raw, list) else 1
    return array.numpy(allowance), count


def _plain_tuple(values, plain, _):
    parts = [plain(part) for part in values]
    return tuple(part for part, _ in parts), 1 + sum(count for _, count in parts)


def _plain_items(container, plain, _):
    total = 1
    for place, part in list(container.items() if type(container) is dict else enumerate(container)):
        container[place], count = plain(part)
        total += count
    return container, total


CONTAINERS = {list: _plain_items, dict: _plain_items, tuple: _plain_tuple, Array: _plain_array}


def _pushes(value):
    return lambda machine, _: machine.push(value())


INSTRUCTIONS = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"), Machine.push),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"), Machine.push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), Machine.push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), Machine.push),
    "NONE": _pushes(lambda: None),
    "NEWTRUE": _pushes(lambda: True),
    "NEWFALSE": _pushes(lambda: False),
    "EMPTY_LIST": _pushes(list),
    "EMPTY_DICT": _pushes(dict),
    "EMPTY_SET": _pushes(set),
    "EMPTY_TUPLE": _pushes(tuple),
    "MARK": Machine.mark,
    "POP": Machine.pop,
    "POP_MARK": Machine.since_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.pack(1),
    "TUPLE2": lambda machine, _: machine.pack(2),
    "TUPLE3": lambda machine, _: machine.pack(3),
    "FROZENSET": lambda machine, _: machine.freeze(),
    "DICT": lambda machine, _: machine.pair(),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.enter([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.enter(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.add(machine.since_mark()),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, number: machine.push(machine.memo[number])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Machine.remember),
    "GLOBAL": lambda machine, names: machine.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(machine.stack.pop(-2), machine.stack.pop()),
    "REDUCE": Machine.call,
    "BUILD": Machine.build,
    "PROTO": lambda machine, number: _check_protocol(number),
    "FRAME": lambda machine, _: None,
    "STOP": lambda machine, _: None,
}
# Bytes of memory that an instruction takes at most, beyond those of its argument; the others take a SLOT of the stack.
COSTS = {
    **{name: 64 for name, does in INSTRUCTIONS.items() if does is Machine.push},
    **dict.fromkeys(("EMPTY_LIST", "MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"), 88),
    **dict.fromkeys(("EMPTY_DICT", "DICT", "EMPTY_SET", "FROZENSET", "REDUCE"), 300),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), 120),
    **dict.fromkeys(("FLOAT", "BINFLOAT", "BININT"), 32),
    "BININT1": 8,
}
READERS = {
    one.code.encode("latin-1"): (one.name, one.arg.reader if one.arg else None) for one in pickletools.opcodes
} | {b"S": ("STRING", _python2_text)}
