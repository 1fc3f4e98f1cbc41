"""What a user can mend."""


class Fault(ValueError):
    """A fault in something the user gave: one sentence that names the thing, the fault and the way out.

    The command line prints the sentence alone; every other exception is ours and keeps its traceback.
    """


def known(name, table, what):
    """The row `name` of `table`; Fault that lists the known names, where there is none. `what` names the kind."""
    if name not in table:
        raise Fault(f"{what} '{name}' is not known; choose one of: {', '.join(map(str, table))}.")
    return table[name]


def told(check, *arguments):
    """What `check` returns; a Fault ends the program with status 1 and its sentences alone on the terminal."""
    try:
        return check(*arguments)
    except Fault as fault:
        raise SystemExit(f"\n{fault}\n") from None
