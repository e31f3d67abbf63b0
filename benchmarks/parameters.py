"""The reference of all parameters, made from the models that validate them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from objloc.params import Params

Schema = Mapping[str, Any]

_STAGES = (
    "dataset", "shard", "encode", "train", "evaluate", "register", "report", "animate",
    "explore", "layers",
)  # fmt: skip
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)


def parameter_tables(read: Callable[[str], str | None]) -> str:
    """A table for each section: key, what is allowed, value, meaning.

    Args:
        read: gives the text of a file by its path below the root.
    """
    text = read("params.yaml")
    if text is None:
        return "*There is no `params.yaml`.*"
    tree = YAML(typ="safe", pure=True).load(text)
    values = Params.model_validate_json(json.dumps(tree)).model_dump(mode="json", by_alias=True)
    schema = Params.model_json_schema()
    definitions = schema["$defs"]
    parts = []
    for name in _STAGES:
        section = definitions[_referred(schema["properties"][name])]
        parts += [f"## `{name}`", _prose(section["description"])]
        parts.append(_table(section, {"value": values[name]}))
        for key, field in section["properties"].items():
            if "$ref" in field:
                inner = definitions[_referred(field)]
                parts += [f"### `{name}.{key}`", _prose(inner["description"])]
                parts.append(_table(inner, {"value": values[name][key]}))
        if name == "train":
            parts += _agents(definitions, values["agents"])
    return "\n\n".join(parts)


def undescribed() -> Iterator[str]:
    """Parameters without a description: section and key."""
    schema = Params.model_json_schema()
    for name, section in {**schema["$defs"], "Params": schema}.items():
        for key, field in section["properties"].items():
            if "description" not in field and "$ref" not in field:
                yield f"{name}.{key}"


def _agents(definitions: Mapping[str, Schema], agents: Mapping[str, Any]) -> Iterator[str]:
    """The sections of an agent, with a column for each agent of ``params.yaml``."""
    for part, field in definitions["Agent"]["properties"].items():
        section = definitions[_referred(field)]
        yield f"## `agents.*.{part}`"
        yield _prose(section["description"])
        columns = {f"`{agent}`": values[part] for agent, values in agents.items()}
        yield _table(section, columns, default=True)


def _table(section: Schema, columns: Mapping[str, Any], default: bool = False) -> str:
    headings = ["key", "allowed", *(["default"] if default else []), *columns, "meaning"]
    rows = [headings, ["---"] * len(headings)]
    for key, field in section["properties"].items():
        if "$ref" in field:
            continue  # a section of its own
        row = [f"`{key}`", _allowed(field)]
        if default:
            row.append(_value(field["default"]))
        row += [_value(values[key]) for values in columns.values()]
        rows.append([*row, _prose(field["description"])])
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows
    )


def _allowed(field: Schema) -> str:
    """What a value may be, in words."""
    if "anyOf" in field:
        return " or ".join(_allowed(each) for each in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    kind = field["type"]
    if kind == "array":
        if "prefixItems" in field:
            return f"[{', '.join(_allowed(each) for each in field['prefixItems'])}]"
        return f"list of {_allowed(field['items'])}"
    if kind == "object":
        return f"{_allowed(field['propertyNames'])}: each {_allowed(field['additionalProperties'])}"
    words = {"string": "text", "boolean": "`true`, `false`", "null": "`null`"}
    bounds = [f"{sign} {field[name]:g}" for name, sign in _BOUNDS if name in field]
    return ", ".join([" ".join([words.get(kind, str(kind)), *bounds[:1]]), *bounds[1:]])


def _value(value: Any) -> str:
    """As one would write it in ``params.yaml``."""
    text = json.dumps(value).replace('"', "")
    return f"`{text}`"


def _referred(field: Schema) -> str:
    """The name of the section that a field is."""
    return str(field["$ref"]).rsplit("/", 1)[-1]


def _prose(text: str) -> str:
    """A docstring as one line of Markdown."""
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))
