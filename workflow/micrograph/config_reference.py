"""config/default.yaml, schema.json and docs/config.md from the schema: python -m micrograph.config_reference."""

import json
import textwrap
import warnings
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from micrograph.config import validate
from micrograph.config_schema import Base, Config, Section, section_of
from micrograph.project import PROJECT

WIDTH = 120
DEFAULT_YAML = """\
# yaml-language-server: $schema=schema.json
# Every key of config.yaml with its default. A study's config.yaml holds only what differs from these; an unknown key is
# an error. The defaults run on two cores within minutes; each key gives what the paper did differently, and
# config/paper.yaml has its settings together. Cores, memory, GPUs and folders belong to profiles and to --directory.
# Generated from workflow/micrograph/config_schema.py (`make format`); edit the schema, not this file.
"""
REFERENCE = """\
# Configuration reference

Every key of `config.yaml`. What a study leaves out takes its default; an unknown key, or a value of another type, is
reported before anything runs, with the nearest known name. `config/default.yaml` has the same defaults as YAML, and
`config/README.md` says how files of settings are combined.

Generated from `workflow/micrograph/config_schema.py` by `make format`.
"""


def default_yaml() -> str:
    """Write the defaults as YAML.

    Returns
    -------
    str
        Every key with its default, below a comment that explains it; what is explained once is not repeated.
    """
    return DEFAULT_YAML + "\n".join(_yaml(Config, validate({}), "", set())) + "\n"


def reference() -> str:
    """Write the reference of all keys as Markdown.

    Returns
    -------
    str
        A table for each section: key, type, default, meaning.
    """
    schema = json_schema()
    return REFERENCE + "\n".join(_tables(Config, validate({}), "", schema, schema["$defs"])) + "\n"


def json_schema() -> dict[str, Any]:
    """Give the schema as JSON Schema, by which editors complete and check files of settings.

    Returns
    -------
    dict
    """
    with warnings.catch_warnings(action="ignore"):  # keys of simulation.shares are numbers, not texts as in JSON
        schema = Config.model_json_schema()
    experiments, chosen = schema["properties"]["experiments"], schema["$defs"]["Experiments"]["properties"]["only"]
    listed = chosen["anyOf"][0]
    schema["properties"]["experiments"] = {"anyOf": [experiments, listed]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "growth-from-micrographs"}


def json_schema_text() -> str:
    """Write the JSON Schema, each group of keys on a line."""
    schema = json_schema()
    groups = [f"{json.dumps(name)}: {json.dumps(group)}" for name, group in schema.pop("$defs").items()]
    rest = json.dumps(schema, indent=1).removesuffix("\n}")
    return rest + ',\n "$defs": {\n  ' + ",\n  ".join(groups) + "\n }\n}\n"


def _yaml(section: type[Section], defaults: dict[str, Any], indent: str, seen: set[str]) -> Iterator[str]:
    """Return the lines of a section; seen: the explanations above them."""
    for name, field in section.model_fields.items():
        if _from_base(section, name):
            continue
        inner = section_of(field.annotation)
        texts = [text for text in _texts(field) if text not in seen]
        seen.update(texts)
        if not indent:
            yield ""
        for text in texts:
            yield from textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if inner and not _on_one_line(inner):
            yield f"{indent}{name}:"
            yield from _yaml(inner, defaults[name], f"{indent}  ", seen)
        else:
            yield from _value(name, defaults[name], indent)


def _from_base(section: type[Section], name: str) -> bool:
    """Whether an experiment takes a key from `base` by default."""
    field, base = section.model_fields[name], Base.model_fields.get(name)
    return base is not None and field is not base and name not in section.own and field.default == base.default


def _value(name: str, value: Any, indent: str) -> list[str]:
    """Return the lines of one key; of a long list or group one an item."""
    line = f"{indent}{name}: {_flow(value)}"
    if len(line) <= WIDTH:
        return [line]
    block = yaml.safe_dump({name: value}, default_flow_style=False, sort_keys=False).replace("\n- ", "\n  - ")
    return textwrap.indent(block, indent).splitlines()


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _texts(field: FieldInfo) -> list[str]:
    """Return what explains a key: its own text, and that of its section."""
    inner = section_of(field.annotation)
    texts = [field.description or "", (inner.__doc__ or "") if inner else ""]
    return [" ".join(cleandoc(text).split()) for text in texts if text]


def _on_one_line(section: type[Section]) -> bool:
    """Whether a section is written on one line: none of its keys has an explanation of its own."""
    return not any(field.description or section_of(field.annotation) for field in section.model_fields.values())


def _tables(section: type[Section], defaults: dict, place: str, schema: dict, definitions: dict) -> Iterator[str]:
    """Return the heading, text and table of a section, then those of the sections in it."""
    if place:
        yield f"\n## {place}\n\n{' '.join(cleandoc(section.__doc__ or '').split())}"
    sections, rows, seen = {}, [], set()
    for name, field in section.model_fields.items():
        inner, types = section_of(field.annotation), schema["properties"][name]
        if inner and not _on_one_line(inner):
            sections[name] = inner
            continue
        texts = [text for text in _texts(field) if text not in seen]
        seen.update(texts)
        if section is not Base and field.description == getattr(Base.model_fields.get(name), "description", ""):
            texts = ["See experiments.base."]
        default = "as in base" if _from_base(section, name) else f"`{_flow(defaults[name])}`"
        cells = [f"`{name}`", _type(types, definitions), default, " ".join(texts)]
        rows.append(f"| {' | '.join(cells)} |")
    if rows:
        yield "\n".join(["", "| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows])
    for name, inner in sections.items():
        own = definitions[inner.__name__]
        yield from _tables(inner, defaults[name], f"{place}.{name}" if place else name, own, definitions)


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return the type of a key in words, from its JSON schema."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "enum" in schema:
        return ", ".join(f"`{name}`" for name in schema["enum"])
    if several := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(_type(one, definitions) for one in several)
    if "properties" in schema:
        return "; ".join(f"`{name}`: {_type(one, definitions)}" for name, one in schema["properties"].items())
    if schema.get("type") == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        count = f"{most} of " if least == most else ""
        return f"list of {count}{_type(schema['items'], definitions)}"
    words = {"integer": "whole number", "number": "number", "string": "text", "null": "null", "object": "group of keys"}
    bounds = [
        f"{sign} {schema[name]:g}"
        for name, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if name in schema
    ]
    return " ".join([words[schema["type"]], ", ".join(bounds)]).strip()


def main() -> None:
    """Write the files into the project."""
    (PROJECT / "config" / "default.yaml").write_text(default_yaml(), encoding="utf-8")
    (PROJECT / "config" / "schema.json").write_text(json_schema_text(), encoding="utf-8")
    (PROJECT / "docs" / "config.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
