"""Settings as they are written: YAML that says each thing once, runs no code and stands for no more than it shows."""

import math

import yaml

from micrograph.errors import UserError

VALUES_AT_MOST = 100_000  # in one settings file; a few aliases of aliases stand for more than any memory holds
SHOWN_AT_MOST = 80  # signs of a value in a sentence
PROGRAMS = ("__use_yte__", "__definitions__", "__variables__")  # with these Snakemake's reader would run code in values
PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")  # of what holds other values
DEEP = "groups stand in groups more deeply than can be read; write them flat, as config.yaml of the project does."


def read_text(path):
    """Raise UserError where the settings file at `path` is no group of keys in YAML or names a key twice; a file that is
    not there is left to others.

    YAML readers take the second of two equal keys without a word.
    """
    try:
        with open(path, encoding="utf-8") as file:
            tree = yaml.compose(file, Loader=yaml.SafeLoader)
        sentences = list(_of_tree(tree))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); correct the file or its rights.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: this is no UTF-8 text; save it as plain text in UTF-8.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: {_unreadable(error)}") from None
    except RecursionError:
        raise UserError(f"{path}: {DEEP}") from None
    if sentences:
        raise UserError("\n".join(f"{path}: {sentence}" for sentence in sentences))


def _of_tree(tree):
    """Sentences on settings that are YAML and yet none that may be read."""
    if not isinstance(tree, yaml.MappingNode):
        yield "there are no settings in it; copy config.yaml of the project and change that."
    elif _values(tree, {}) > VALUES_AT_MOST:
        yield f"its aliases (&, *) stand for more than {VALUES_AT_MOST} values, or for themselves; write them out."
    elif programs := [key.value for key, _ in tree.value if key.value in PROGRAMS]:
        yield f"the key {programs[0]} makes a program of the settings, whose code would be run; write plain YAML."
    elif twice := list(_twice(tree)):
        yield from twice
    else:
        yield from _unmade(tree)


def _values(node, counted):
    """How many values a node stands for once its aliases are written out, without end where it holds itself."""
    if id(node) not in counted:
        counted[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else inner
        counted[id(node)] = 1 + sum(_values(part, counted) for part in inner)
    return counted[id(node)]


def _unmade(node):
    """Sentences on values of a tree that cannot be made: dates that are none, numbers without end, Python's objects."""
    if isinstance(node, yaml.ScalarNode):
        try:
            yaml.SafeLoader("").construct_document(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError):
            line = node.start_mark.line + 1
            yield f"line {line}: {shown(node.value)} is no value that can be read; put it in quotes or correct it."
    elif node.tag.startswith("tag:yaml.org,2002:python"):
        yield f"line {node.start_mark.line + 1}: {node.tag} would run code; write plain YAML."
    elif node.tag not in PLAIN:
        yield f"line {node.start_mark.line + 1}: the tag {shown(node.tag)} is not known here; write plain YAML."
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unmade(item)
    else:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield f"line {key.start_mark.line + 1}: a key is no plain word; write one."
                continue
            yield from _unmade(key)
            yield from _unmade(value)


def _unreadable(error):
    """The sentence for text that is no YAML: where, and what the reader stumbled over."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    what = getattr(error, "problem", None) or "a character that YAML does not allow"
    return f"{where}this is no YAML ({what}); mend it there or just before, with spaces and no tabs for indentation."


def _twice(node, place=""):
    """Sentences on keys that stand twice in one group, at any depth."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, place)
    if isinstance(node, yaml.MappingNode):
        lines = {}
        for key, value in node.value:
            name, line = joined(place, str(key.value)), key.start_mark.line + 1
            if name in lines:
                yield f"the key {name} stands twice, in lines {lines[name]} and {line}; keep one."
            lines.setdefault(name, line)
            yield from _twice(value, name)


def shown(value):
    """A value as it stands in a sentence: on one line, and no longer than one reads."""
    text = repr(value)
    return text if len(text) <= SHOWN_AT_MOST else f"{text[:SHOWN_AT_MOST]}..."


def joined(place, key):
    """The path of a key in a group, by points."""
    return f"{place}.{key}" if place else key
