"""The check of a file of settings as YAML: every key once, no code, no values beyond those that are written."""

import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import yaml

from micrograph.errors import UserError

VALUES_AT_MOST = 100_000  # in one file; a few aliases of aliases stand for more than any memory holds
SHOWN_AT_MOST = 80  # characters of a value in a message
PROGRAMS = ("__use_yte__", "__definitions__", "__variables__")  # with these Snakemake's reader would run code in values
CONTAINERS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
TOO_DEEP = "groups of keys are nested more deeply than can be read; write them flat, as config/default.yaml does."


def check_present(path: str | PathLike[str], started: float) -> None:
    """Refuse a study without its file of settings.

    Snakemake makes the folder that ``--directory`` names: an empty one, made since the program started, is removed.

    Parameters
    ----------
    path : path-like
    started : float
        When the program started, in seconds since 1970.

    Raises
    ------
    UserError
    """
    path = Path(path).absolute()
    if path.is_file():
        return
    if not any(path.parent.iterdir()) and path.parent.stat().st_mtime >= started:
        path.parent.rmdir()
    raise UserError(
        f"{path}: there is no such file. Name a folder that has one (--directory FOLDER), or copy config/own.yaml "
        "there and fill it in (docs/own-scans.md)."
    )


def check_file(path: str | PathLike[str]) -> None:
    """Refuse a file of settings that is not a group of keys in YAML, or has a key twice.

    YAML readers take the second of two equal keys without a message. A file that is missing is admitted.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    UserError
        With one sentence a problem, and its line.
    """
    try:
        with open(path, encoding="utf-8") as file:
            tree = yaml.compose(file, Loader=yaml.SafeLoader)
        sentences = list(_of_tree(tree))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); correct the file or its permissions.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: this is not UTF-8 text; save it as plain text in UTF-8.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: {_syntax(error)}") from None
    except RecursionError:
        raise UserError(f"{path}: {TOO_DEEP}") from None
    if sentences:
        raise UserError("\n".join(f"{path}: {sentence}" for sentence in sentences))


def lines(path: str | PathLike[str]) -> dict[str, int]:
    """Return the line of every key of a file that `check_file` admits: {"scans.sheet": 7}; items count from 0.

    Of a file that is missing there is none.
    """
    try:
        with open(path, encoding="utf-8") as file:
            tree = yaml.compose(file, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        return {}
    return dict(_lines(tree)) if tree else {}


def _lines(node: yaml.Node, place: str = "") -> Iterator[tuple[str, int]]:
    items: list[tuple[str, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.SequenceNode):
        items = [(str(number), value, value) for number, value in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        items = [(str(key.value), key, value) for key, value in node.value]
    for name, marked, value in items:
        yield joined(place, name), marked.start_mark.line + 1
        yield from _lines(value, joined(place, name))


def _of_tree(tree: yaml.Node | None) -> Iterator[str]:
    """Sentences on YAML that is not a file of settings."""
    if not isinstance(tree, yaml.MappingNode):
        yield "there are no settings in it; config/default.yaml shows what can be set."
    elif _values(tree, {}) > VALUES_AT_MOST:
        yield f"its aliases (&, *) stand for more than {VALUES_AT_MOST} values, or for themselves; write them out."
    elif programs := [key.value for key, _ in tree.value if key.value in PROGRAMS]:
        yield f"the key {programs[0]} would run code in the settings; write plain YAML."
    else:
        yield from _of_node(tree)


def _values(node: yaml.Node, counted: dict[int, float]) -> float:
    """How many values a node stands for once its aliases are written out, without end where it holds itself."""
    if id(node) not in counted:
        counted[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else inner
        counted[id(node)] = 1 + sum(_values(part, counted) for part in inner)
    return counted[id(node)]


def _of_node(node: yaml.Node, place: str = "") -> Iterator[str]:
    """Sentences on values that cannot be read (impossible dates, Python objects) and keys that stand twice."""
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        try:
            yaml.SafeLoader("").construct_document(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError):
            yield f"line {line}: {shown(node.value)} is not a value that can be read; put it in quotes or correct it."
    elif node.tag.startswith("tag:yaml.org,2002:python"):
        yield f"line {line}: {node.tag} would run code; write plain YAML."
    elif node.tag not in CONTAINERS:
        yield f"line {line}: the tag {shown(node.tag)} is not known here; write plain YAML."
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _of_node(item, place)
    else:
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield f"line {line}: a key is not a plain word; write one."
                continue
            name = joined(place, str(key.value))
            if name in lines:
                yield f"the key {name} stands twice, in lines {lines[name]} and {line}; keep one."
            lines.setdefault(name, line)
            yield from _of_node(key)
            yield from _of_node(value, name)


def _syntax(error: yaml.YAMLError) -> str:
    """Describe why a text is not YAML: where, and what the reader met there."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    what = getattr(error, "problem", None) or "a character that YAML does not allow"
    return f"{where}this is not YAML ({what}); correct it there or just before, and indent with spaces, not tabs."


def shown(value: object) -> str:
    """Write a value on one line of a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_AT_MOST else f"{text[:SHOWN_AT_MOST]}..."


def joined(place: str, key: str) -> str:
    """Join the path of a group and a key in it: scans.source."""
    return f"{place}.{key}" if place else key
