"""Parameters of any values: taken whole and given back, or refused in one line."""

import io
import json
from collections.abc import Iterator
from typing import Annotated, Any

import annotated_types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from objloc.errors import ObjlocError
from objloc.params import Agent, Params, Section, parse_params

Key = tuple[str, ...]

AGENT = ("agents", "scenes")


def sections(section: type[Section], key: Key = ()) -> Iterator[tuple[Key, type[Section]]]:
    """All sections with their keys, ``section`` first."""
    yield key, section
    for name, field in section.model_fields.items():
        own = (*key, field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from sections(field.annotation, own)


SECTIONS = [*sections(Params), *sections(Agent, AGENT)]
FIELDS: list[tuple[Key, FieldInfo]] = [
    ((*key, field.alias or name), field)
    for key, section in SECTIONS
    for name, field in section.model_fields.items()
    if name != "agents" and (*key, field.alias or name) not in dict(SECTIONS)
]
BOUNDS = {
    "ge": (annotated_types.Ge, -1, "greater than or equal to"),
    "le": (annotated_types.Le, 1, "less than or equal to"),
    "gt": (annotated_types.Gt, 0, "greater than"),
    "lt": (annotated_types.Lt, 0, "less than"),
}
"""Kinds of bounds, from each to a value beyond it, and what the message says."""
BOUNDED = [
    (key, getattr(bound, name), step, rule)
    for key, field in FIELDS
    for bound in field.metadata
    for name, (kind, step, rule) in BOUNDS.items()
    if isinstance(bound, kind)
]


def tree_of(values: dict[Key, Any]) -> dict[str, Any]:
    """Parameters with one agent, default but for the values given."""
    tree: dict[str, Any] = {"agents": {"scenes": {}}}
    for key, value in values.items():
        node = tree
        for part in key[:-1]:
            node = node.setdefault(part, {})
        node[key[-1]] = value
    return tree


def parse(tree: dict[str, Any]) -> Params | str:
    """The parameters, or the one line that refuses them."""
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(tree, text)
    try:
        return parse_params(text.getvalue(), "p.yaml")
    except ObjlocError as error:
        message = str(error)
    assert message.startswith("p.yaml: ")
    assert message.isprintable()
    return message


def refused(values: dict[Key, Any]) -> str:
    message = parse(tree_of(values))
    assert isinstance(message, str)
    return message


def value_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a field's type, within its bounds."""
    kinds = tuple(kind for kind, _, _ in BOUNDS.values())
    bounds = [each for each in field.metadata if isinstance(each, kinds)]
    kind: Any = Annotated[(field.annotation, *bounds)] if bounds else field.annotation
    return st.from_type(kind) | st.just(field.get_default(call_default_factory=True))


def at_most_two_fields() -> st.SearchStrategy[dict[Key, Any]]:
    fields = st.lists(st.sampled_from(FIELDS), max_size=2, unique_by=lambda field: field[0])
    return fields.flatmap(
        lambda some: st.fixed_dictionaries({key: value_of(field) for key, field in some})
    )


@given(at_most_two_fields())
def test_values_of_the_right_kind_come_back_or_are_refused_in_one_line(
    values: dict[Key, Any],
) -> None:
    params = parse(tree_of(values))
    if isinstance(params, Params):
        dumped = params.model_dump(mode="json", by_alias=True)
        again = parse_params(json.dumps(dumped), "again")
        assert again == params
        assert again.model_dump(mode="json", by_alias=True) == dumped


@given(st.sampled_from(SECTIONS), st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.integers())
def test_an_unknown_key_is_refused_wherever_it_stands(
    place: tuple[Key, type[Section]], name: str, value: int
) -> None:
    key, section = place
    names = {field.alias or name for name, field in section.model_fields.items()}
    if name in names | {"extends"}:
        name += "_"
    message = refused({(*key, name): value})
    assert f"{'.'.join((*key, name))}: unknown key; allowed: " in message
    assert names <= set(message.split("allowed: ")[1].split(", "))


@pytest.mark.parametrize(("key", "limit", "step", "rule"), BOUNDED, ids=str)
def test_bounds_hold(key: Key, limit: float, step: int, rule: str) -> None:
    assert f"{'.'.join(key)}: expected {rule}" in refused({key: limit + step})
    if step:
        # Impossible, if at all, only beside other keys.
        assert rule not in str(parse(tree_of({key: limit})))


@given(st.sampled_from([field for field in FIELDS if field[1].annotation is float]),
       st.sampled_from([float("inf"), float("-inf"), float("nan")]))  # fmt: skip
def test_numbers_are_finite(field: tuple[Key, FieldInfo], value: float) -> None:
    assert ".".join(field[0]) in refused({field[0]: value})


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
trees = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(sorted(Params.model_fields)), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from([*dict(SECTIONS), *dict(FIELDS)]).filter(bool), trees)
def test_any_other_value_is_refused_in_one_line_that_names_the_file(key: Key, value: Any) -> None:
    assert parse(tree_of({key: value}))
