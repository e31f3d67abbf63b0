"""Reference of all parameters, made from the models that validate them."""

import ast
import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from objloc.params import Agent, Params, parse_params
from objloc.params.section import Section

Schema = Mapping[str, Any]

_STAGES = (
    "dataset", "shard", "encode", "train", "evaluate", "register", "report", "animate",
    "explore", "layers",
)  # fmt: skip
SHIPPED = ("scenes", "pretrained", "scratch", "dqn2018")
"""Agents that the tables show; a user may add others to ``params.yaml``."""
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)


def parameter_tables(read: Callable[[str], str | None]) -> str:
    """Write a table for each section: key, allowed values, value, meaning.

    Args:
        read: function that returns the text of a file, given its path below the root.
    """
    text = read("params.yaml")
    if text is None:
        return "*There is no `params.yaml`.*"
    params = parse_params(text, "params.yaml")
    values = params.model_dump(mode="json", by_alias=True)
    schema = described_schema()
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
            agents = {agent: values["agents"][agent] for agent in SHIPPED}
            parts += _agents(definitions, agents, seldom_changed(params.agents))
    return "\n\n".join(parts)


def described_schema() -> dict[str, Any]:
    """JSON schema of all parameters with the docstrings of fields as their descriptions.

    Pydantic would read them too, but at every start of every command.
    """
    schema = Params.model_json_schema()
    named = {**schema["$defs"], "Params": schema}
    kinds = [Section]
    for kind in kinds:
        kinds += kind.__subclasses__()
        statements = ast.parse(inspect.getsource(kind)).body
        (body,) = (each.body for each in statements if isinstance(each, ast.ClassDef))
        for field, text in pairwise(body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(told))),
                ):
                    if kind.__name__ not in named:  # a section of something else
                        continue
                    key = kind.model_fields[name].alias or name
                    named[kind.__name__]["properties"][key]["description"] = inspect.cleandoc(told)
    return schema


def undescribed() -> Iterator[str]:
    """Section and key of each parameter without a description."""
    schema = described_schema()
    for name, section in {**schema["$defs"], "Params": schema}.items():
        for key, field in section["properties"].items():
            if "description" not in field and "$ref" not in field:
                yield f"{name}.{key}"


def seldom_changed(agents: Mapping[str, Agent]) -> dict[str, set[str]]:
    """Keys of each part of an agent that have the same value in all shipped agents."""
    first, *others = (agents[name] for name in SHIPPED)
    return {
        part: {
            key
            for key in type(section).model_fields
            if all(getattr(getattr(each, part), key) == getattr(section, key) for each in others)
        }
        for part, section in first
    }


def _agents(
    definitions: Mapping[str, Schema], agents: Mapping[str, Any], seldom: Mapping[str, set[str]]
) -> Iterator[str]:
    """Write the sections of an agent, with a column for each shipped agent.

    Keys with the same value in all agents have a separate table with one column for it.
    """
    for part, field in definitions["Agent"]["properties"].items():
        section = definitions[_referred(field)]
        yield f"## `agents.*.{part}`"
        yield _prose(section["description"])
        columns = {f"`{agent}`": values[part] for agent, values in agents.items()}
        changed = section["properties"].keys() - seldom[part]
        yield _table(section, columns, changed, default=True)
        if seldom[part]:
            yield "Seldom changed, the same in all agents:"
            yield _table(
                section, {"value": next(iter(columns.values()))}, seldom[part], default=True
            )


def _table(
    section: Schema,
    columns: Mapping[str, Any],
    keys: Collection[str] | None = None,
    default: bool = False,
) -> str:
    """Write a row for each key of a section, or for each selected key."""
    headings = ["key", "allowed", *(["default"] if default else []), *columns, "meaning"]
    rows = [headings, ["---"] * len(headings)]
    for key, field in section["properties"].items():
        if "$ref" in field or (keys is not None and key not in keys):
            continue
        row = [f"`{key}`", _allowed(field)]
        if default:
            row.append(_value(field["default"]))
        # A newer key that an agent does not use is not among its values.
        row += [_value(values.get(key, field.get("default"))) for values in columns.values()]
        rows.append([*row, _prose(field["description"])])
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows
    )


def _allowed(field: Schema) -> str:
    """Describe the allowed values."""
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
    """Format a value as in ``params.yaml``."""
    text = json.dumps(value).replace('"', "")
    return f"`{text}`"


def _referred(field: Schema) -> str:
    """Name of the section to which a field refers."""
    return str(field["$ref"]).rsplit("/", 1)[-1]


def _prose(text: str) -> str:
    """Convert a docstring to one line of Markdown."""
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))
