"""Errors of the user's input: one sentence with the thing, the error and the way out."""

import re


class UserError(ValueError):
    """A fault in something the user gave: one sentence that names the thing, the fault and the way out.

    The command line prints the sentence alone; every other exception is ours and keeps its traceback.
    """


def lookup(name, table, what):
    """The row `name` of `table`; UserError that lists the known names, where there is none. `what` names the kind."""
    if name not in table:
        raise UserError(f"{what} '{name}' is not known; choose one of: {', '.join(map(str, table))}.")
    return table[name]


def exit_with_message(check, *arguments):
    """What `check` returns; a UserError ends the program with status 1 and its sentences alone on the terminal."""
    try:
        return check(*arguments)
    except UserError as fault:
        raise SystemExit(f"\n{fault}\n") from None


UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
BYTE = 0xDC00  # Python holds byte b of a name that is not UTF-8 as character BYTE + b, which no file takes


def printable(path):
    """The path as text that every file and terminal takes: bytes that are no UTF-8, and control characters, escaped.

    A name of the bytes 62 ff 0a reads b\\xff\\x0a. What is opened is the path itself.
    """
    return UNPRINTABLE.sub(lambda found: _escaped(ord(found[0])), str(path))


def _escaped(code):
    byte = code - BYTE if BYTE < code <= BYTE + 0xFF else code
    return f"\\x{byte:02x}" if byte <= 0xFF else f"\\u{byte:04x}"
